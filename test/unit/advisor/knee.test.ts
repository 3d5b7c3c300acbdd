// Where more servers give no more throughput, as far as what was seen tells.
import { describe, expect, it } from 'vitest';
import { kneeOf } from '../../../src/advisor/knee.ts';
import type { Level } from '../../../src/advisor/measured.ts';
import { advise } from '../../../src/advisor/model.ts';
import { measure } from './workload.ts';

/** A Postgres in which so many transactions make progress at a time, each of 20 ms. */
const limited = (most: number, held: number[]): Level[] =>
  held.map((each) => {
    const xactMs = 20 * Math.max(each / most, 1);
    return { held: each, seconds: 5, xacts: (5_000 * each) / xactMs, xactMs, medianMs: xactMs };
  });

describe('the knee', () => {
  it('is where transactions begin to take longer', () => {
    expect(kneeOf(limited(4, [1, 2, 4, 8, 16]))?.servers).toBe(4);
    expect(kneeOf(limited(2, [1, 2, 3, 4, 8]))?.servers).toBe(2);
  });

  it('is known from a quiet and a busy time alone', () => {
    expect(kneeOf(limited(4, [1, 16]))?.servers).toBe(4);
  });

  it('lies higher where the curve is round: what was measured there counts', () => {
    // A balanced network of four: n customers get n / (n + 3) of its best.
    const round = [1, 2, 4, 8, 16, 32].map((held) => {
      const rate = (200 * held) / (held + 3);
      const xactMs = (held * 1_000) / rate;
      return { held, seconds: 5, xacts: rate * 5, xactMs, medianMs: xactMs };
    });
    expect(kneeOf(round)?.servers).toBeGreaterThanOrEqual(16);
  });

  it('is not there while Postgres keeps pace', () => {
    expect(kneeOf(limited(40, [1, 5, 10, 20, 40]))).toBeNull();
  });

  it('is not known where it was never quiet, or nothing came', () => {
    expect(kneeOf(limited(4, [15, 16]))).toBeNull();
    expect(kneeOf([])).toBeNull();
    expect(kneeOf([{ held: 3, seconds: 10, xacts: 0, xactMs: 0, medianMs: 0 }])).toBeNull();
    const instant = [1, 10].map((held) => ({ held, seconds: 10, xacts: 500, xactMs: 0, medianMs: 0 }));
    expect(kneeOf(instant)).toBeNull();
  });

  it('is not raised by chance: a short look at a level tells little of its throughput', () => {
    const levels = limited(4, [1, 2, 4, 16]);
    const unlucky = { held: 5, seconds: 0.7, xacts: 125, xactMs: 25, medianMs: 25 };
    expect(kneeOf([...levels, { ...unlucky, held: 4.4 }])?.servers).toBe(4);
  });

  it('is not seen in a few long transactions among many short ones', () => {
    const levels = [1, 5, 10].map((held) => ({ held, seconds: 20, xacts: 2_000, xactMs: held * 10, medianMs: 5 }));
    expect(kneeOf(levels)).toBeNull();
  });
});

describe('advice for a Postgres that gets no more done', () => {
  const full = { rate: () => 200, holdMs: 80, held: 16, waiting: () => 8, levels: limited(4, [1, 2, 4, 8, 16]) };

  it('takes servers away, and says how it knows', () => {
    const advice = advise(measure({ ...full, poolSize: 16 }));
    expect(advice).toMatchObject({ cause: 'postgres_saturated', size: 4, change: 'pool_size: 4' });
    expect(advice.arithmetic).toContain(
      'a transaction takes 80 ms while 16 servers work, 20 ms while 1.0 do: 16 x 20 ms / 80 ms = 4.0 would get as much done',
    );
  });

  it('does not remember it against a pool that is quiet now', () => {
    const quiet = { rate: () => 60, holdMs: 20, levels: full.levels };
    expect(advise(measure({ ...quiet, poolSize: 20 })).cause).toBe('too_large');
  });
});
