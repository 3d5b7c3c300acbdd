// The interval of paired measurements, against figures from a table of Student's t.
import { expect, test } from 'vitest';
import { meanInterval } from '../../../bench/interval.ts';

test('the interval of five numbers is the one that a textbook gives', () => {
  // Mean 3, standard error sqrt(2.5 / 5) = 0.7071, t of 4 degrees of freedom 2.776.
  const { mean, low, high } = meanInterval([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect(low).toBeCloseTo(3 - 2.776 * Math.SQRT1_2, 9);
  expect(high).toBeCloseTo(3 + 2.776 * Math.SQRT1_2, 9);
});

test('one measurement says nothing about how sure it is', () => {
  expect(meanInterval([7])).toEqual({ mean: 7, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY });
});
