// When Postgres is tried again, and whether it is away or refuses us.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAway, retryDelayMs } from '../../../src/pool/backoff.ts';

const error = (sqlstate: string) => ({ severity: 'FATAL', sqlstate, message: 'm' });

describe('the wait before the next login', () => {
  it('doubles from 100 ms up to the ceiling', () => {
    const waits = [1, 2, 3, 4, 5, 6, 100, 1_000_000].map((failures) => retryDelayMs(failures, 1000, 0));
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  });

  it('is 100 ms each time where the ceiling is lower', () => {
    expect([1, 2, 10].map((failures) => retryDelayMs(failures, 0, 0))).toEqual([100, 100, 100]);
  });

  it('loses up to a quarter by chance', () => {
    expect(retryDelayMs(1, 1000, 1)).toBe(75);
    expect(retryDelayMs(9, 1000, 0.5)).toBe(875);
  });

  it('is never zero, never above the ceiling and never shorter than the one before, whatever chance says', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), fc.nat({ max: 1e7 }), random, (failures, ceiling, chance) => {
        const wait = retryDelayMs(failures, ceiling, chance);
        expect(wait).toBeGreaterThanOrEqual(75);
        expect(wait).toBeLessThanOrEqual(Math.max(ceiling, 100));
        expect(retryDelayMs(failures + 1, ceiling, chance)).toBeGreaterThanOrEqual(wait);
      }),
    );
  });
});

describe('a server that could not log in', () => {
  it('is away when no connection was made, whatever was said', () => {
    expect(isAway('connect_failed', error('28P01'))).toBe(true);
    expect(isAway('server_connect_timeout', null)).toBe(true);
    expect(isAway('login_failed', null)).toBe(true);
  });

  it.each(['57P01', '57P02', '57P03', '53300', '08006'])('is away with %s, which passes by itself', (sqlstate) => {
    expect(isAway('login_failed', error(sqlstate))).toBe(true);
  });

  it.each(['28P01', '28000', '3D000', '42501', '08P01', '0A000', 'XX000', '57014'])(
    'refuses us with %s, which somebody has to change',
    (sqlstate) => {
      expect(isAway('login_failed', error(sqlstate))).toBe(false);
    },
  );
});
