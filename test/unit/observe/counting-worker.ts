// The metrics of a worker that has counted so much.
import { Registry } from 'prom-client';
import { tellMetrics } from '../../../src/observe/aggregate.ts';
import { Families } from '../../../src/observe/families.ts';
import type { MetricTold } from '../../../src/observe/team.ts';
import { Histogram } from '../../../src/util/histogram.ts';

/** late: how late its event loop is. */
export async function worker(things: number, late = 0): Promise<MetricTold[]> {
  const registry = new Registry();
  const families = new Families(registry);
  const histogram = new Histogram();
  for (let i = 0; i < things; i += 1) histogram.record(3);
  families.add('counter', { name: 'things_total', help: 'Things.', labels: ['kind'] }, (add) => add(['a'], things));
  families.add('gauge', { name: 'clients', help: 'Clients.', labels: [] }, (add) => add([], 5));
  families.add('gauge', { name: 'late', help: 'Late.', labels: [] }, (add) => add([], late), Math.max);
  families.addSame({ name: 'size', help: 'Size.', labels: ['pool'] }, (add) => add(['p'], 20));
  families.addHistogram({ name: 'took_seconds', help: 'Took.', labels: [] }, (add) => add([], histogram));
  const told = await tellMetrics([registry], () => {});
  return structuredClone(told);
}
