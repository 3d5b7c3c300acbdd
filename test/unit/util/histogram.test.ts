// What is kept of many durations: their number, their sum, and quantiles that are near enough.
import { expect, test } from 'vitest';
import { BOUNDS_MS, BUCKETS, Histogram, quantile, since, total, upperBound } from '../../../src/util/histogram.ts';

/** Of the bucket that a single duration falls into. */
function bucketOf(ms: number): number {
  const histogram = new Histogram();
  histogram.record(ms);
  expect(total(histogram.counts)).toBe(1);
  return histogram.counts.indexOf(1);
}

test('each duration is counted in the first bucket that is large enough for it', () => {
  for (let ms = 0.01; ms < 3_000_000; ms *= 1.01) {
    // Stamps are looked at in whole microseconds.
    const seen = Math.min(Math.trunc(ms * 1_000) / 1_000, 2_000_000);
    expect(bucketOf(ms), String(ms)).toBe(BOUNDS_MS.findIndex((bound) => seen <= bound));
  }
});

test('a bound belongs to the bucket below it', () => {
  for (const [i, bound] of BOUNDS_MS.entries()) if (i < BUCKETS - 1) expect(bucketOf(bound)).toBe(i);
});

test.each([
  [0, 0],
  [-0.001, 0],
  [-5, 0],
  [1e12, BUCKETS - 1],
  [Number.POSITIVE_INFINITY, BUCKETS - 1],
])('%d ms is in bucket %d', (ms, bucket) => {
  expect(bucketOf(ms)).toBe(bucket);
});

test('quantiles are within the width of a bucket of the true ones', () => {
  const histogram = new Histogram();
  const values = Array.from({ length: 10_000 }, (_, i) => 0.2 * 1.0008 ** i).sort((a, b) => a - b);
  for (const value of values) histogram.record(value);
  for (const share of [0.1, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.ceil(values.length * share) - 1]!;
    const told = quantile(histogram.counts, share);
    expect(told / exact).toBeGreaterThan(0.9);
    expect(told / exact).toBeLessThan(1.1);
  }
  expect(histogram.count).toBe(10_000);
  expect(histogram.sumMs).toBeCloseTo(values.reduce((sum, value) => sum + value, 0));
});

test('of nothing, every quantile is 0', () => {
  const { counts } = new Histogram();
  expect([quantile(counts, 0.5), quantile(counts, 0.99), upperBound(counts)]).toEqual([0, 0, 0]);
});

test('the upper bound is above every value', () => {
  const histogram = new Histogram();
  histogram.record(1.2);
  expect(upperBound(histogram.counts)).toBe(1.5);
  histogram.record(7);
  expect(upperBound(histogram.counts)).toBe(8);
});

test('what came since a moment is the difference of the counts', () => {
  const histogram = new Histogram();
  histogram.record(1);
  const before = histogram.counts.slice();
  histogram.record(100);
  histogram.recordNone();
  const later = since(histogram.counts, before);
  expect(total(later)).toBe(2);
  expect(upperBound(later)).toBe(100);
});
