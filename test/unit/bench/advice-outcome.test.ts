// Which size a sweep shows to be the right one.
import { expect, test } from 'vitest';
import { kneeOf } from '../../../bench/advice/outcome.ts';

const sweep = (rows: [poolSize: number, rate: number, p99Ms: number][]) =>
  rows.map(([poolSize, rate, p99Ms]) => ({ poolSize, rate, p50Ms: 0, p99Ms, failed: 0 }));

test('the smallest size with nearly all of the throughput whose slowest are nearly as quick as with the best', () => {
  expect(
    kneeOf(
      sweep([
        [1, 50, 900],
        [2, 98, 400],
        [4, 100, 90],
        [8, 100, 60],
      ]),
    ),
  ).toBe(4);
});

test('a size that is quick because it serves few is not the measure for the others', () => {
  expect(
    kneeOf(
      sweep([
        [1, 50, 20],
        [4, 100, 120],
        [8, 100, 110],
      ]),
    ),
  ).toBe(4);
});
