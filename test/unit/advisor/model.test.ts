// What is advised for a pool that was measured so.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advise } from '../../../src/advisor/model.ts';
import { Histogram } from '../../../src/util/histogram.ts';
import { measure } from './workload.ts';

const steady = (poolSize: number, changes = {}) =>
  measure({ poolSize, rate: () => 120, holdMs: 40, ...changes }, changes);

describe('the size', () => {
  it('is the same whether the pool is too large or large enough, and says what could go', () => {
    const [large, vast] = [advise(steady(28)), advise(steady(60))];
    expect(large).toMatchObject({ cause: 'too_large', poolSize: 28, size: 7, confidence: 'high' });
    expect(vast.size).toBe(large.size);
    expect(large.change).toBe('pool_size: 7');
    expect(large.title).toBe('The pool is larger than it need be: 21 could go.');
  });

  it('comes with its arithmetic in words', () => {
    expect(advise(measure({ poolSize: 20, rate: () => 412, holdMs: 18 })).arithmetic).toMatch(
      /^41\d tx\/s x 18 ms held = 7\.\d busy; for p99 wait < 50 ms as they come: (8|9); you have 20; 1\d could go\.$/,
    );
  });

  it('is larger for bursts than for the same number of clients who come evenly', () => {
    const bursts = (second: number) => (second % 4 < 1 ? 160 : 15);
    const even = () => (160 + 3 * 15) / 4;
    const sizeOf = (rate: (second: number) => number) => advise(measure({ poolSize: 12, rate, holdMs: 30 })).size!;
    expect(sizeOf(bursts)).toBeGreaterThanOrEqual(sizeOf(even) + 2);
  });

  it('is smaller for those who may wait longer', () => {
    const sizes = [5, 50, 500].map((waitTargetMs) => advise(steady(20, { waitTargetMs })).size!);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(new Set(sizes).size).toBe(3);
  });

  it('never is more than twice what there is: how Postgres behaves beyond that was not seen', () => {
    const advice = advise(measure({ poolSize: 2, rate: () => 300, holdMs: 40, waiting: (second) => second * 100 }));
    expect(advice).toMatchObject({ cause: 'too_small', size: 4, confidence: 'medium' });
    expect(advice.arithmetic).toContain('twice 2 is as far as can be told from here');
    expect(advice.advice).toContain('look again then');
  });

  it('of a pool that is full all the time follows the clients that wait', () => {
    const full = { poolSize: 10, rate: () => 250, holdMs: 40, held: 10 };
    expect(advise(measure({ ...full, waiting: () => 6 })).size).toBeGreaterThanOrEqual(16);
    expect(advise(measure({ ...full, waiting: () => 6 })).arithmetic).toContain('is not seen');
  });

  it('does not shrink below what was needed not long ago, and says when that was', () => {
    const peak = { servers: 12, agoMs: 3 * 3_600_000 };
    const advice = advise(steady(20, { peak }));
    expect(advice).toMatchObject({ size: 12, sizeNow: 7, cause: 'too_large' });
    expect(advice.arithmetic).toContain('3 h ago 12 were needed; you have 20; 8 could go');
    // What is needed now is more: then was then.
    expect(advise(steady(20, { peak: { ...peak, servers: 3 } }))).toMatchObject({ size: 7, sizeNow: 7 });
  });

  it('stops where another limit does, and names that', () => {
    const ceiling = { servers: 5, because: 'max_db_connections' };
    const advice = advise(measure({ poolSize: 4, rate: () => 150, holdMs: 40 }, { ceiling }));
    expect(advice.size).toBe(5);
    expect(advice.arithmetic).toContain('max_db_connections allows 5');
  });

  it('is at least one and at most twice the pool, whatever was measured', () => {
    fc.assert(
      fc.property(
        fc.record({
          poolSize: fc.integer({ min: 1, max: 60 }),
          rate: fc.double({ min: 0, max: 400, noNaN: true }),
          holdMs: fc.double({ min: 0.01, max: 900, noNaN: true }),
          idleShare: fc.double({ min: 0, max: 1, noNaN: true }),
          waiting: fc.integer({ min: 0, max: 500 }),
          leaks: fc.integer({ min: 0, max: 3 }),
        }),
        ({ poolSize, rate, holdMs, idleShare, waiting, leaks }) => {
          const load = { poolSize, seconds: 20, rate: () => rate, holdMs, idleShare, waiting: () => waiting };
          const { size, sizeWithout, cause } = advise(measure(load, { leaks }));
          if (cause === 'too_little_seen') expect(size).toBe(null);
          else {
            expect(Number.isInteger(size)).toBe(true);
            expect(size).toBeGreaterThanOrEqual(1);
            expect(size).toBeLessThanOrEqual(leaks > 0 ? poolSize : poolSize * 2);
            if (sizeWithout !== null) expect(sizeWithout).toBeLessThan(size!);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('the cause', () => {
  it.each([
    ['nothing came', measure({ poolSize: 5, rate: () => 0, holdMs: 40 })],
    ['the pool is seconds old', measure({ poolSize: 5, seconds: 3, rate: () => 100, holdMs: 40 })],
  ])('is that too little was seen while %s, and nothing is guessed', (_, measured) => {
    expect(advise(measured)).toMatchObject({ cause: 'too_little_seen', size: null, change: null, confidence: 'none' });
  });

  it('is none where the size fits', () => {
    expect(advise(steady(7))).toMatchObject({ cause: 'fits', size: 7, change: null });
    // One more or less is no reason to change anything.
    expect(advise(steady(8))).toMatchObject({ cause: 'fits', change: null });
  });

  it('is an application that idles in its transactions, by name, with the size that would do without', () => {
    const advice = advise(measure({ poolSize: 9, rate: () => 60, holdMs: 80, idleShare: 0.75 }));
    expect(advice).toMatchObject({ cause: 'idle_in_transaction' });
    expect(advice.sizeWithout).toBeLessThanOrEqual(4);
    expect(advice.title).toContain('"shop" is silent inside a transaction');
  });

  it('is what keeps servers beyond transactions', () => {
    expect(advise(measure({ poolSize: 9, rate: () => 60, holdMs: 80, pinnedShare: 0.8 })).cause).toBe('pinned');
  });

  it('is slow statements where they are why there are too few servers', () => {
    const slow = { rate: () => 20, holdMs: 400 };
    expect(advise(measure({ ...slow, poolSize: 8 })).cause).toBe('slow_statements');
    expect(advise(measure({ ...slow, poolSize: 40 })).cause).toBe('too_large');
  });

  it('is a leak before anything else, and a leak never makes the pool larger', () => {
    const short = measure({ poolSize: 4, rate: () => 120, holdMs: 60, waiting: (second) => second }, { leaks: 2 });
    expect(advise(short)).toMatchObject({ cause: 'leak', size: 4, change: null });
    expect(advise({ ...short, leaks: 0 }).size).toBeGreaterThan(4);
  });

  it('is a leak also where fewer servers would do without it: a smaller pool would be full sooner', () => {
    const full = measure({ poolSize: 20, rate: () => 60, holdMs: 40 }, { leaks: 3, refused: 5 });
    expect(advise(full)).toMatchObject({ cause: 'leak', size: 20, change: null });
  });

  it.each([
    ['more than that limit', 20],
    ['as many as that', 5],
  ])('is another limit where pool_size is %s', (_, poolSize) => {
    const ceiling = { servers: 5, because: 'Postgres (53300)' };
    const short = measure({ poolSize, rate: () => 300, holdMs: 40 }, { ceiling });
    const advice = advise(short);
    expect(advice).toMatchObject({ cause: 'limited', size: 5, change: null });
    expect(advice.title).toMatch(/^Postgres \(53300\) allows 5 servers; 1\d are needed\.$/);
    expect(advice.arithmetic).not.toContain('could go');
    // A smaller pool_size is the way to go only where so few are needed.
    expect(advise({ ...short, ceiling: { ...ceiling, servers: 40 } }).cause).not.toBe('limited');
  });

  it('is an application that is silent, and not Postgres, where a busy application makes transactions longer', () => {
    const levels = [1, 4, 16].map((held) => {
      const xactMs = 20 * Math.max(held / 4, 1);
      return { held, seconds: 5, xacts: (5_000 * held) / xactMs, xactMs, medianMs: xactMs };
    });
    const load = { poolSize: 16, rate: () => 200, holdMs: 80, held: 16, levels };
    expect(advise(measure({ ...load, idleShare: 0.8 }))).toMatchObject({ cause: 'idle_in_transaction' });
    expect(advise(measure({ ...load, idleShare: 0.1 }))).toMatchObject({ cause: 'postgres_saturated' });
  });

  it('is not that there is no load where clients wait and nothing ends', () => {
    const stuck = measure({ poolSize: 5, rate: () => 0, holdMs: 0, held: 5, waiting: () => 30 });
    expect(advise(stuck)).toMatchObject({
      cause: 'too_little_seen',
      size: null,
      title: 'Clients wait, and hardly a transaction ends.',
      arithmetic: '0 transactions ended in 60 s, and 30 clients wait: at least 50 in 5 s are needed.',
      advice: 'SHOW HOLDERS says who has the servers.',
    });
  });

  it('is none, but said, where clients wait though there are servers enough', () => {
    const waits = new Histogram();
    for (let i = 0; i < 100; i += 1) waits.record(800);
    const advice = advise(steady(7, { waits: waits.counts }));
    expect(advice).toMatchObject({ cause: 'fits', change: null });
    expect(advice.title).toMatch(/^The pool is large enough, and yet clients wait: \d+ ms at p99\.$/);
  });

  it('is a lifetime that is too short, or servers that come and go, where the size fits', () => {
    const churn = { logins: 30 };
    expect(advise(steady(7, { ...churn, endedByAge: 28 })).cause).toBe('lifetime_too_short');
    expect(advise(steady(7, { ...churn, endedByIdleness: 28 })).cause).toBe('login_churn');
    // The first ones, and one for each of those that were lost for other reasons.
    expect(advise(steady(7, churn)).cause).toBe('fits');
  });
});
