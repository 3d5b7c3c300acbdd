// The advisor's model, whatever was measured: what it may never say, and which way it goes when there is more to do.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Level, Measured, Slot } from '../../src/advisor/measured.ts';
import { advise } from '../../src/advisor/model.ts';
import { Histogram } from '../../src/util/histogram.ts';
import { measure } from '../unit/advisor/workload.ts';

const MOST_POOL = 120;
const share = fc.double({ min: 0, max: 1, noNaN: true });
const ms = fc.oneof(
  fc.constant(0),
  fc.double({ min: 0, max: 50, noNaN: true }),
  fc.double({ min: 0, max: 1e7, noNaN: true }),
);

const slot: fc.Arbitrary<Slot> = fc
  .record({
    ms: fc.oneof(fc.constant(100), fc.integer({ min: 1, max: 5_000 })),
    arrivals: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
    held: fc.integer({ min: 0, max: MOST_POOL }),
    idle: share,
    pinned: share,
    waiting: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 500 })),
  })
  .map(({ ms, arrivals, held, idle, pinned, waiting }) => {
    const idleInTransaction = Math.round(held * idle);
    return { ms, arrivals, held, idleInTransaction, pinned: Math.round((held - idleInTransaction) * pinned), waiting };
  });

const level: fc.Arbitrary<Level> = fc.record({
  held: fc.double({ min: 0, max: MOST_POOL, noNaN: true }),
  seconds: fc.double({ min: 0, max: 3_600, noNaN: true }),
  xacts: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e5, noNaN: true })),
  xactMs: ms,
  medianMs: ms,
});

function countsOf(times: readonly number[], each: number): Measured['waits'] {
  const histogram = new Histogram();
  for (const time of times) for (let i = 0; i < each; i += 1) histogram.record(time);
  return histogram.counts;
}
const counts = fc
  .tuple(fc.array(ms, { maxLength: 20 }), fc.constantFrom(1, 10, 100))
  .map(([times, each]) => countsOf(times, each));
const count = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 1_000 }));

/** Anything at all. */
const odd: fc.Arbitrary<Measured> = fc.record({
  poolSize: fc.integer({ min: 1, max: MOST_POOL }),
  waitTargetMs: fc.constantFrom(1, 50, 5_000),
  slots: fc.oneof(
    fc.array(slot, { maxLength: 60 }),
    // The same again and again: a pool that is full all the time comes about.
    fc.tuple(slot, fc.integer({ min: 0, max: 600 })).map(([each, many]) => Array<Slot>(many).fill(each)),
  ),
  waits: counts,
  holds: counts,
  holdMs: ms,
  xacts: count,
  queryMs: ms,
  refused: count,
  leaks: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 5 })),
  logins: count,
  endedByAge: count,
  endedByIdleness: count,
  idlest: fc.option(fc.record({ application: fc.string(), share })),
  levels: fc.array(level, { maxLength: 6 }),
  ceiling: fc.option(
    fc.record({
      servers: fc.integer({ min: 1, max: 2 * MOST_POOL }),
      because: fc.constantFrom('max_db_connections', 'Postgres (53300)'),
    }),
  ),
  peak: fc.option(fc.record({ servers: fc.integer({ min: 1, max: 1_000 }), agoMs: ms })),
});

/** A pool at work: so many clients a second, and a Postgres in which so many transactions make progress at a time. */
const lively: fc.Arbitrary<Measured> = fc
  .record({
    of: odd,
    load: fc.record({
      poolSize: fc.integer({ min: 1, max: 30 }),
      seconds: fc.constantFrom(10, 30),
      holdMs: fc.double({ min: 1, max: 300, noNaN: true }),
      idleShare: fc.oneof(fc.constant(0), share),
      pinnedShare: fc.constant(0),
    }),
    busy: fc.double({ min: 0.1, max: 1.3, noNaN: true }),
    queue: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 50 })),
    progress: fc.option(fc.integer({ min: 1, max: 20 })),
  })
  .map(({ of, load, busy, queue, progress }) => {
    const { poolSize, holdMs } = load;
    const held = Math.min(Math.ceil(poolSize * busy), poolSize);
    const levels = [1, poolSize / 2, poolSize].map((each): Level => {
      const xactMs = 20 * Math.max(each / (progress ?? MOST_POOL), 1);
      return { held: each, seconds: 20, xacts: (20_000 * each) / xactMs, xactMs, medianMs: xactMs };
    });
    const { refused, leaks, logins, endedByAge, endedByIdleness, ceiling, peak } = of;
    return measure(
      { ...load, rate: () => (1_000 * poolSize * busy) / holdMs, held, waiting: () => queue, levels },
      { refused, leaks, logins, endedByAge, endedByIdleness, ceiling, peak },
    );
  });

const measured = fc.oneof(odd, { arbitrary: lively, weight: 2 });

const RUNS = { numRuns: 200 };

describe('whatever was measured', () => {
  test('the size is a whole number of servers, at least one, and no more than twice the pool', () => {
    fc.assert(
      fc.property(measured, (of) => {
        const { size, sizeNow, sizeWithout, cause, change } = advise(of);
        if (cause === 'too_little_seen') {
          expect([size, sizeNow, sizeWithout, change]).toEqual([null, null, null, null]);
          return;
        }
        for (const each of [size, sizeNow, ...(sizeWithout === null ? [] : [sizeWithout])]) {
          expect(Number.isInteger(each)).toBe(true);
          expect(each).toBeGreaterThanOrEqual(1);
          expect(each).toBeLessThanOrEqual(of.poolSize * 2);
        }
        expect(sizeNow).toBeLessThanOrEqual(size!);
        if (sizeWithout !== null) expect(sizeWithout).toBeLessThan(size!);
        if (change !== null) expect(change).toBe(`pool_size: ${size}`);
      }),
      RUNS,
    );
  });

  test('the size is never more than Postgres or another limit allows', () => {
    fc.assert(
      fc.property(measured, (of) => {
        const { size } = advise(of);
        if (of.ceiling !== null && size !== null) expect(size).toBeLessThanOrEqual(of.ceiling.servers);
      }),
      RUNS,
    );
  });

  test('nobody is told to grow a pool that leaks', () => {
    fc.assert(
      fc.property(measured, fc.integer({ min: 1, max: 5 }), (of, leaks) => {
        const { size, cause, change } = advise({ ...of, leaks });
        if (size !== null) expect(size).toBeLessThanOrEqual(of.poolSize);
        if (cause === 'leak') expect(change).toBeNull();
      }),
      RUNS,
    );
  });

  test('every sentence is whole: no number that is none, nothing that is not known', () => {
    fc.assert(
      fc.property(measured, (of) => {
        const { title, arithmetic, advice } = advise({ ...of, idlest: null });
        for (const text of [title, arithmetic, advice]) {
          expect(text).toMatch(/^\S.*\.$/);
          expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
        }
      }),
      RUNS,
    );
  });

  test('the same measurements give the same advice', () => {
    fc.assert(
      fc.property(measured, (of) => {
        expect(advise(of)).toEqual(advise(of));
      }),
      { numRuns: 50 },
    );
  });
});

describe('of an empty sample', () => {
  test('there is no size, and the words say what is missing', () => {
    const empty = { slots: [], waits: countsOf([], 1), holds: countsOf([], 1), holdMs: 0, xacts: 0, queryMs: 0 };
    fc.assert(
      fc.property(measured, (of) => {
        const { cause, size, change, confidence, title, arithmetic, advice } = advise({ ...of, ...empty });
        expect({ cause, size, change, confidence }).toEqual({
          cause: 'too_little_seen',
          size: null,
          change: null,
          confidence: 'none',
        });
        expect(arithmetic).toBe('0 transactions ended in 0.0 s: at least 50 in 5 s are needed.');
        expect(`${title} ${advice}`).not.toBe(' ');
      }),
      { numRuns: 30 },
    );
  });
});

describe('when more is asked for, never fewer servers are advised:', () => {
  /** Where only the load decides. */
  const plain = (of: Measured): Measured => ({ ...of, leaks: 0, levels: [], ceiling: null, peak: null });
  const sizeOf = (of: Measured) => advise(of).size ?? 0;

  test('each client holds its server for longer', () => {
    fc.assert(
      fc.property(measured, fc.double({ min: 1, max: 20, noNaN: true }), (of, times) => {
        expect(sizeOf({ ...plain(of), holdMs: of.holdMs * times })).toBeGreaterThanOrEqual(sizeOf(plain(of)));
      }),
      RUNS,
    );
  });

  test('clients may wait less', () => {
    fc.assert(
      fc.property(measured, fc.constantFrom(1, 10, 100, 1_000), (of, less) => {
        const [few, many] = [of.waitTargetMs, of.waitTargetMs / less].map((waitTargetMs) =>
          sizeOf({ ...plain(of), waitTargetMs }),
        );
        expect(many).toBeGreaterThanOrEqual(few!);
      }),
      RUNS,
    );
  });

  test('the limit of Postgres is raised', () => {
    const ceiling = fc.integer({ min: 1, max: 2 * MOST_POOL });
    fc.assert(
      fc.property(measured, ceiling, ceiling, (of, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((servers) =>
          sizeOf({ ...of, leaks: 0, ceiling: { servers, because: 'max_db_connections' } }),
        );
        expect(high).toBeGreaterThanOrEqual(low!);
      }),
      RUNS,
    );
  });

  test('more clients come, as far as chance lets one tell', () => {
    const rate = fc.double({ min: 5, max: 300, noNaN: true });
    fc.assert(
      fc.property(
        rate,
        fc.double({ min: 1, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 200 }),
        (few, times, holdMs) => {
          const of = (perSecond: number) =>
            sizeOf(measure({ poolSize: MOST_POOL, seconds: 30, rate: () => perSecond, holdMs }));
          expect(of(few * times)).toBeGreaterThanOrEqual(of(few) - 1);
        },
      ),
      { numRuns: 100 },
    );
  });
});
