// The metrics of several workers as those of one pooler.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { aggregateText, countersOf, tellMetrics } from '../../../src/observe/aggregate.ts';
import { Families } from '../../../src/observe/families.ts';
import type { MetricTold } from '../../../src/observe/team.ts';
import { Histogram } from '../../../src/util/histogram.ts';
import { readSamples, sumOf } from '../../support/metrics-text.ts';

/** A worker that has counted so much. */
async function worker(things: number, late = 0): Promise<MetricTold[]> {
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

test('counters, gauges and histograms are added up; what is the same is told once, and of the latest the latest', async () => {
  const samples = readSamples(await aggregateText([await worker(3, 1), await worker(4, 2)]));
  const values = ['things_total', 'clients', 'late', 'size', 'took_seconds_count'].map((name) => sumOf(samples, name));
  expect(values).toEqual([7, 10, 2, 20, 7]);
  expect(sumOf(samples, 'took_seconds_bucket', { le: '0.005' })).toBe(7);
  expect(samples.filter(({ name }) => name === 'size')).toHaveLength(1);
});

test('what one worker tells alone is what it serves', async () => {
  const registry = new Registry();
  new Families(registry).add('counter', { name: 'things_total', help: 'Things.', labels: ['kind'] }, (add) => {
    add(['a "b" \\ \n'], 3);
    add(['c'], 4);
  });
  const told = await tellMetrics([registry], () => {});
  expect(await aggregateText([structuredClone(told)])).toBe(await registry.metrics());
});

test('counters outlive the worker that counted; what it had of clients does not', async () => {
  const gone = countersOf([await worker(3), countersOf([await worker(10)])]);
  const samples = readSamples(await aggregateText([await worker(1, 7), structuredClone(gone)]));
  expect(['things_total', 'clients', 'late', 'took_seconds_count'].map((name) => sumOf(samples, name))).toEqual([
    14, 5, 7, 14,
  ]);
});
