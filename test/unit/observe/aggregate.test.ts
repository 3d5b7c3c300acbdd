// The metrics of several workers as those of one pooler.
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { aggregateText, countersOf, tellMetrics } from '../../../src/observe/aggregate.ts';
import { Families } from '../../../src/observe/families.ts';
import { readSamples, sumOf } from '../../support/metrics-text.ts';
import { worker } from './counting-worker.ts';

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
