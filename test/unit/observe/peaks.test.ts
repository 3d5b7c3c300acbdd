// The most that was needed within a day.
import { expect, test } from 'vitest';
import { Peaks } from '../../../src/observe/peaks.ts';

const MINUTE = 60_000;

test('the most of a day is known from a minute after it was seen until a day later', () => {
  const peaks = new Peaks();
  expect(peaks.most(0)).toBeNull();
  peaks.add(12, 0);
  expect(peaks.most(30_000)).toBeNull();
  expect(peaks.most(MINUTE)).toEqual({ servers: 12, agoMs: MINUTE });
  for (let minute = 1; minute < 24 * 60; minute += 1) peaks.add(5, minute * MINUTE);
  expect(peaks.most(23 * 60 * MINUTE)?.servers).toBe(12);
  expect(peaks.most(24 * 60 * MINUTE + 1)?.servers).toBe(5);
});

test('of ten minutes the most is kept, whenever it was', () => {
  const peaks = new Peaks();
  for (const [i, servers] of [3, 9, 4].entries()) peaks.add(servers, i * MINUTE);
  expect(peaks.most(10 * MINUTE)).toEqual({ servers: 9, agoMs: 9 * MINUTE });
});
