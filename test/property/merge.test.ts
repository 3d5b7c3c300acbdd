// What several workers tell, made one: nothing is lost, nothing is counted twice, and who is alone stays as it was.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mergeRows, type Row } from '../../src/admin/merge.ts';
import { SHOWS } from '../../src/admin/show.ts';
import type { Measured } from '../../src/advisor/measured.ts';
import { mergeMeasured, tellMeasured } from '../../src/advisor/merge-measured.ts';
import { mergeEvents } from '../../src/http/merge.ts';
import { mergeHistories } from '../../src/http/merge-history.ts';
import type { EventTold, Sample } from '../../src/http/shapes.ts';
import { sharedSequence } from '../../src/observe/sequence.ts';
import type { Told, Value } from '../../src/observe/team.ts';
import { BUCKETS, packCounts as pack, unpackCounts } from '../../src/util/histogram.ts';

const COLUMNS = [
  { name: 'database', merge: 'key' },
  { name: 'user', merge: 'key' },
  { name: 'count', merge: 'sum' },
  { name: 'most', merge: 'max' },
  { name: 'time', merge: { averageOf: 'count' } },
  { name: 'seconds', merge: { ofLargest: ['seconds', 'rest'] } },
  { name: 'rest', merge: { ofLargest: ['seconds', 'rest'] } },
  { name: 'mode', merge: 'first' },
] as const;

const number = fc.integer({ min: 0, max: 1_000_000 });
const row = fc.tuple(
  fc.constantFrom('a', 'b', 'c'),
  fc.constantFrom('u', 'v'),
  number,
  number,
  number,
  number,
  number,
  fc.constant('m'),
);
/** A worker's rows: each key once. */
const rows = fc.uniqueArray(row, { selector: ([database, user]) => `${database} ${user}` });
const answersOf = (all: readonly (readonly Row[])[]): Told<readonly Row[]>[] =>
  all.map((answer, i) => ({ worker: i + 1, answer }));
const sumOf = (all: readonly Row[], column: number) => all.reduce((sum, each) => sum + Number(each[column]), 0);

test('the rows of one worker stay as they are', () => {
  fc.assert(
    fc.property(rows, (own) => {
      expect(mergeRows(COLUMNS, answersOf([own]))).toEqual(own);
    }),
  );
});

test('sums are sums, maxima are maxima, and each key is there once', () => {
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1, maxLength: 5 }), (all) => {
      const merged = mergeRows(COLUMNS, answersOf(all));
      const flat: Row[] = all.flat();
      expect(sumOf(merged, 2)).toBe(sumOf(flat, 2));
      const keyOf = (each: Row) => `${each[0]} ${each[1]}`;
      expect(merged.map(keyOf)).toEqual([...new Set(flat.map(keyOf))]);
      for (const one of merged) {
        const alike = flat.filter((each) => keyOf(each) === keyOf(one));
        expect(one[3]).toBe(Math.max(...alike.map((each) => Number(each[3]))));
        const times = alike.map((each) => Number(each[4]));
        expect(one[4]).toBeGreaterThanOrEqual(Math.min(...times) - 1e-6);
        expect(one[4]).toBeLessThanOrEqual(Math.max(...times) + 1e-6);
        const waits = alike.map((each) => Number(each[5]) * 1e7 + Number(each[6]));
        expect(Number(one[5]) * 1e7 + Number(one[6])).toBe(Math.max(...waits));
      }
    }),
  );
});

test('two workers at once are as two one after the other, where nothing is averaged', () => {
  const columns = COLUMNS.filter(({ name }) => name !== 'time');
  const cut = (all: readonly Row[]) => all.map((each) => each.filter((_, i) => i !== 4));
  fc.assert(
    fc.property(rows, rows, rows, (a, b, c) => {
      const [x, y, z] = [cut(a), cut(b), cut(c)];
      const stepwise = mergeRows(columns, answersOf([mergeRows(columns, answersOf([x, y])), z]));
      expect(stepwise).toEqual(mergeRows(columns, answersOf([x, y, z])));
    }),
  );
});

/** A cell as its column could have it: JSON has been through it. */
function cellOf(type: number): fc.Arbitrary<Value> {
  return type === 25 ? fc.string({ maxLength: 10 }) : number;
}

test('any table of one worker is the same table, with its worker where it is a list', () => {
  // These tell more than their rows, or something else.
  const others = new Set(['advice', 'histograms', 'lists', 'totals']);
  for (const [name, show] of SHOWS) {
    if (others.has(name)) continue;
    const own = fc.uniqueArray(fc.tuple(...show.columns.map(({ type }) => cellOf(type))), {
      maxLength: 5,
      selector: (cells) => JSON.stringify(cells.slice(0, 2)),
      // A key may be one column or two.
      comparator: (a, b) => JSON.parse(a)[0] === JSON.parse(b)[0],
    });
    fc.assert(
      fc.property(own, (answer) => {
        const isList = show.teamColumns.length > show.columns.length;
        const merged = show.merged([{ worker: 7, answer: answer as Row[] }], null);
        const texts = answer.map((cells) => [...cells.map((cell) => String(cell)), ...(isList ? ['7'] : [])]);
        // A table of its own may be in another order, where it was in none.
        expect(merged.map((cells) => JSON.stringify(cells)).sort(), name).toEqual(
          texts.map((cells) => JSON.stringify(cells)).sort(),
        );
      }),
      { numRuns: 30 },
    );
  }
});

test('TOTALS, LISTS and HISTOGRAMS of one worker are its own, and of two their sums', () => {
  const counts = fc.uint8Array({ minLength: BUCKETS, maxLength: BUCKETS }).map((bytes) => Float64Array.from(bytes));
  const histograms = SHOWS.get('histograms')!;
  const answer = (buckets: Float64Array): Row[] => [['d', 'u', 'wait', 'total', '', '', '', '', '', pack(buckets)]];
  fc.assert(
    fc.property(counts, counts, (a, b) => {
      expect([...unpackCounts(pack(a))]).toEqual([...a]);
      const both = Float64Array.from(a, (count, i) => count + b[i]!);
      const merged = histograms.merged(answersOf([answer(a), answer(b)]), null);
      expect(merged).toEqual(histograms.merged(answersOf([answer(both)]), null));
    }),
  );
  const lists = SHOWS.get('lists')!;
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.uniqueArray(fc.string()), number, number, (a, b, x, y) => {
      const told = (names: string[], clients: number): Row[] => [
        ['pools', names.length, JSON.stringify(names)],
        ['used_clients', clients],
      ];
      expect(lists.merged(answersOf([told(a, x), told(b, y)]), null)).toEqual([
        ['pools', String(new Set([...a, ...b]).size)],
        ['used_clients', String(x + y)],
      ]);
    }),
  );
});

test('no event is lost or told twice, however workers and requests interleave', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('event', 'ask'), fc.nat(2), fc.nat(20_000)), { maxLength: 60 }),
      (steps) => {
        let now = 1_000_000_000n;
        const sequences = [1, 2, 3].map((worker) => sharedSequence(worker, () => now));
        const rings: EventTold[][] = [[], [], []];
        const seen: number[] = [];
        let since = 0;
        const lastOf = (ring: EventTold[]) => ring.at(-1)?.sequence ?? 0;
        const add = (at: number) => {
          const ring = rings[at]!;
          ring.push({ sequence: sequences[at]!.next(lastOf(ring)), time: '', kind: 'wait', count: 1 });
        };
        const ask = (between: number) => {
          const parts = rings.map((ring, i) => {
            const last = sequences[i]!.reached(lastOf(ring));
            const part = { last, events: ring.filter(({ sequence }) => sequence > since) };
            // The others go on while one answers.
            add(between);
            now += 7_000n;
            return part;
          });
          const { last, events } = mergeEvents(parts, 1_000);
          expect(last).toBeGreaterThanOrEqual(since);
          since = last;
          seen.push(...events.map(({ sequence }) => sequence));
        };
        for (const [what, at, ns] of steps) {
          if (what === 'event') add(at);
          else ask(at);
          now += BigInt(ns);
        }
        now += 1_000_000n;
        const all = rings.flat().map(({ sequence }) => sequence);
        expect(new Set(all).size).toBe(all.length);
        const parts = rings.map((ring, i) => ({
          last: sequences[i]!.reached(lastOf(ring)),
          events: ring.filter(({ sequence }) => sequence > since),
        }));
        seen.push(...mergeEvents(parts, 10_000).events.map(({ sequence }) => sequence));
        expect(seen).toEqual(all.sort((a, b) => a - b));
      },
    ),
  );
});

const sampleAt = (at: number, xacts: number, idle: number): Sample => ({
  time: new Date(at).toISOString(),
  occupancy: { running: 0, idleInTransaction: 0, pinned: 0, idle, login: 0, waiting: 0 },
  maxWaitMs: 0,
  xacts,
  queries: 2 * xacts,
  refused: 0,
  waitP50Ms: 0,
  waitP99Ms: 0,
  xactP50Ms: 1,
  xactP99Ms: 1,
});

/** A look once a second or a little later, as the timer comes. */
const past = fc
  .tuple(
    fc.integer({ min: 0, max: 999 }),
    fc.array(fc.tuple(fc.integer({ min: 950, max: 1_150 }), fc.nat(1_000)), { minLength: 1, maxLength: 60 }),
  )
  .map(([phase, steps]) => {
    let at = 1_700_000_000_000 - phase;
    return steps
      .toReversed()
      .map(([ms, xacts]) => {
        at -= ms;
        return sampleAt(at, xacts, 3);
      })
      .toReversed();
  });

test('the past keeps every transaction, and what stands is that of all workers at each moment that all of them know', () => {
  fc.assert(
    fc.property(past, past, (a, b) => {
      const [longer, shorter] = a.length >= b.length ? [a, b] : [b, a];
      const merged = mergeHistories([a, b], 1_000);
      expect(merged.map(({ time }) => time)).toEqual(longer.map(({ time }) => time));
      const total = (samples: readonly Sample[]) => samples.reduce((sum, { xacts }) => sum + xacts, 0);
      const first = Date.parse(longer[0]!.time);
      const kept = shorter.filter(({ time }) => Date.parse(time) >= first - 1_000);
      expect(total(merged)).toBe(total(longer) + total(kept));
      const begins = Date.parse(shorter[0]!.time) + 1_000;
      const ends = Date.parse(shorter.at(-1)!.time);
      for (const { time, occupancy } of merged) {
        const at = Date.parse(time);
        expect([3, 6]).toContain(occupancy.idle);
        if (at >= begins && at <= ends) expect(occupancy.idle).toBe(6);
      }
      expect(mergeHistories([a], 1_000)).toEqual(a);
    }),
  );
});

const slot = fc.record({
  ms: fc.constant(100),
  arrivals: fc.nat(50),
  held: fc.nat(20),
  idleInTransaction: fc.nat(3),
  pinned: fc.nat(3),
  waiting: fc.nat(9),
});
const buckets = fc.uint8Array({ minLength: BUCKETS, maxLength: BUCKETS }).map((bytes) => Float64Array.from(bytes));
const measured: fc.Arbitrary<Measured> = fc.record({
  poolSize: fc.constant(20),
  waitTargetMs: fc.constant(10),
  slots: fc.array(slot, { maxLength: 20 }),
  waits: buckets,
  holds: buckets,
  holdMs: fc.nat(100),
  xacts: fc.nat(1_000),
  queryMs: fc.nat(1_000),
  refused: fc.nat(3),
  leaks: fc.nat(3),
  logins: fc.nat(3),
  endedByAge: fc.nat(3),
  endedByIdleness: fc.nat(3),
  idlest: fc.constant(null),
  levels: fc.constant([{ held: 4, seconds: 10, xacts: 100, xactMs: 5, medianMs: 4 }]),
  ceiling: fc.constant(null),
  peak: fc.constant(null),
});

test('a measurement of one worker is itself; of two, arrivals and held servers are added slot by slot', () => {
  fc.assert(
    fc.property(measured, measured, (a, b) => {
      expect(mergeMeasured([tellMeasured(a)])).toEqual(a);
      const both = mergeMeasured([tellMeasured(a), tellMeasured(b)]);
      const sum = (of: Measured) => of.slots.reduce((total, { arrivals }) => total + arrivals, 0);
      expect(sum(both)).toBe(sum(a) + sum(b));
      expect(both.slots.at(-1)?.held ?? 0).toBe((a.slots.at(-1)?.held ?? 0) + (b.slots.at(-1)?.held ?? 0));
      expect(both.xacts).toBe(a.xacts + b.xacts);
      // Twice as many at once got twice as much done.
      expect(both.levels.map(({ held, xacts, seconds }) => [held, xacts / seconds])).toEqual([
        [8, 20],
        [8, 20],
      ]);
    }),
  );
});
