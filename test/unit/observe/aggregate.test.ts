// The metrics of several workers as those of one pooler.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { aggregateText, countersOf, tellMetrics } from '../../../src/observe/aggregate.ts';
import { Counted } from '../../../src/observe/counted.ts';
import { Families } from '../../../src/observe/families.ts';
import type { MetricTold, Told } from '../../../src/observe/team.ts';
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

const things = async (told: readonly Told<readonly MetricTold[]>[]) =>
  sumOf(readSamples(await aggregateText(told.map(({ answer }) => answer))), 'things_total');

test('a sum of counters never falls: not when a worker dies, is born again, or is late with its answer', async () => {
  const counted = new Counted<readonly MetricTold[]>(countersOf);
  const one = async (count: number) => ({ worker: 1, answer: await worker(count) });
  const two = async (count: number) => ({ worker: 2, answer: await worker(count) });
  expect(await things(counted.complete([await one(10), await two(20)]))).toBe(30);
  expect(await things(counted.complete([await one(11)]))).toBe(31);
  counted.died(2);
  expect(await things(counted.complete([await one(12)]))).toBe(32);
  // The new one has the same number, and counts from the beginning.
  expect(await things(counted.complete([await one(13), await two(1)]))).toBe(34);
  counted.died(2);
  counted.died(1);
  expect(await things(counted.complete([await one(0), await two(2)]))).toBe(36);
});

test('only counters are kept: clients of a worker that is gone are gone', async () => {
  const counted = new Counted<readonly MetricTold[]>(countersOf);
  counted.complete([{ worker: 1, answer: await worker(3) }]);
  const told = counted.complete([{ worker: 2, answer: await worker(4) }]);
  const samples = readSamples(await aggregateText(told.map(({ answer }) => answer)));
  expect([sumOf(samples, 'things_total'), sumOf(samples, 'clients')]).toEqual([7, 5]);
});
