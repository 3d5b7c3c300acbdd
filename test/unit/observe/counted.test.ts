// Counters that outlive the worker that counted.
import { expect, test } from 'vitest';
import { aggregateText, countersOf, lostCounters } from '../../../src/observe/aggregate.ts';
import { Counted } from '../../../src/observe/counted.ts';
import type { MetricTold, Told } from '../../../src/observe/team.ts';
import { readSamples, sumOf } from '../../support/metrics-text.ts';
import { worker } from './counting-worker.ts';

const things = async (told: readonly Told<readonly MetricTold[]>[]) =>
  sumOf(readSamples(await aggregateText(told.map(({ answer }) => answer))), 'things_total');

test('a sum of counters never falls: not when a worker dies, is born again, or is late with its answer', async () => {
  const counted = new Counted<readonly MetricTold[]>({ lasting: countersOf, lost: lostCounters });
  const one = async (count: number) => ({ worker: 1, answer: await worker(count) });
  const two = async (count: number) => ({ worker: 2, answer: await worker(count) });
  expect(await things(counted.complete(counted.ask(), [await one(10), await two(20)]))).toBe(30);
  expect(await things(counted.complete(counted.ask(), [await one(11)]))).toBe(31);
  counted.died(2);
  expect(await things(counted.complete(counted.ask(), [await one(12)]))).toBe(32);
  // The new one has the same number, and counts from the beginning.
  expect(await things(counted.complete(counted.ask(), [await one(13), await two(1)]))).toBe(34);
  counted.died(2);
  counted.died(1);
  expect(await things(counted.complete(counted.ask(), [await one(0), await two(2)]))).toBe(36);
});

test('only counters are kept: clients of a worker that is gone are gone', async () => {
  const counted = new Counted<readonly MetricTold[]>({ lasting: countersOf, lost: lostCounters });
  counted.complete(counted.ask(), [{ worker: 1, answer: await worker(3) }]);
  const told = counted.complete(counted.ask(), [{ worker: 2, answer: await worker(4) }]);
  const samples = readSamples(await aggregateText(told.map(({ answer }) => answer)));
  expect([sumOf(samples, 'things_total'), sumOf(samples, 'clients')]).toEqual([7, 5]);
});

test('counters that a worker forgets with a pool stay, and those that begin again go on', async () => {
  const counted = new Counted<readonly MetricTold[]>({ lasting: countersOf, lost: lostCounters });
  const told = (answer: readonly MetricTold[]) => [{ worker: 1, answer }];
  const count = async (answer: readonly MetricTold[]) => things(counted.complete(counted.ask(), told(answer)));
  const without = (await worker(9)).filter(({ name }) => name !== 'things_total');
  expect(await count(await worker(9))).toBe(9);
  expect(await count(without)).toBe(9);
  expect(await count(await worker(2))).toBe(11);
  expect(await count(await worker(5))).toBe(14);
  expect(await count(await worker(1))).toBe(15);
});

test('answers that come in another order than their questions count nothing twice', async () => {
  const counted = new Counted<readonly MetricTold[]>({ lasting: countersOf, lost: lostCounters });
  const [older, newer] = [counted.ask(), counted.ask()];
  expect(await things(counted.complete(newer, [{ worker: 1, answer: await worker(7) }]))).toBe(7);
  expect(await things(counted.complete(older, [{ worker: 1, answer: await worker(5) }]))).toBe(7);
  expect(await things(counted.complete(counted.ask(), [{ worker: 1, answer: await worker(8) }]))).toBe(8);
  // It has answered, and died before the others did.
  const asked = counted.ask();
  counted.died(1);
  expect(await things(counted.complete(asked, [{ worker: 1, answer: await worker(9) }]))).toBe(8);
  expect(await things(counted.complete(counted.ask(), [{ worker: 1, answer: await worker(1) }]))).toBe(9);
});
