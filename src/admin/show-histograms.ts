// SHOW HISTOGRAMS: how long clients waited, held servers and ran on them; of the last minute, and since the pool came. Ours.

import type { Value } from '../observe/team.ts';
import { summarize, type TimeRow, type TimeSummary } from '../observe/times.ts';
import { addCounts, packCounts, unpackCounts } from '../util/histogram.ts';
import type { Answers } from './merge.ts';
import { table, text } from './table.ts';

interface Row extends TimeSummary {
  readonly of: TimeRow;
  readonly period: 'minute' | 'total';
}

/** A hundredth of a millisecond is finer than what is kept. */
const ms = (value: number) => (value === Number.POSITIVE_INFINITY ? null : String(Number(value.toFixed(2))));

/** Columns that say which row it is. */
const NAMES = 4;

const COLUMNS = [
  text<Row>('database', ({ of }) => of.database),
  text<Row>('user', ({ of }) => of.user),
  text<Row>('time', ({ of }) => of.time),
  text<Row>('period', (row) => row.period),
  // Beyond the range of an int4 some day.
  text<Row>('count', (row) => String(row.count)),
  text<Row>('p50_ms', (row) => ms(row.p50Ms)),
  text<Row>('p90_ms', (row) => ms(row.p90Ms)),
  text<Row>('p99_ms', (row) => ms(row.p99Ms)),
  // No one took longer; NULL: longer than 1000 seconds.
  text<Row>('most_ms', (row) => ms(row.mostMs)),
];

/** The buckets stand behind each row: a quantile of two workers is found in the buckets of both, and nowhere else. */
export function mergeHistograms(answers: Answers): Value[][] {
  const merged = new Map<string, { readonly names: readonly Value[]; readonly counts: Float64Array }>();
  for (const { answer } of answers)
    for (const row of answer) {
      const names = row.slice(0, NAMES);
      const counts = unpackCounts(String(row[COLUMNS.length] ?? ''));
      const key = JSON.stringify(names);
      const known = merged.get(key);
      if (known === undefined) merged.set(key, { names, counts });
      else addCounts(known.counts, counts);
    }
  return [...merged.values()].map(({ names, counts }) => {
    const { count, p50Ms, p90Ms, p99Ms, mostMs } = summarize(counts);
    return [...names, String(count), ms(p50Ms), ms(p90Ms), ms(p99Ms), ms(mostMs)];
  });
}

export const showHistograms = table<Row>(
  COLUMNS,
  ({ snapshot }) =>
    snapshot.recentTimes
      .rows(snapshot.pools)
      .flatMap<Row>((of) => (['minute', 'total'] as const).map((period) => ({ of, period, ...of[period] }))),
  { kind: 'own', told: ({ of, period }) => [packCounts(of.counts[period])], merge: mergeHistograms },
);
