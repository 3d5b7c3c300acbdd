// SHOW HISTOGRAMS: how long clients waited, held servers and ran on them; of the last minute, and since the pool came. Ours.

import type { TimeRow, TimeSummary } from '../observe/times.ts';
import { table, text } from './table.ts';

interface Row extends TimeSummary {
  readonly of: TimeRow;
  readonly period: 'minute' | 'total';
}

/** A hundredth of a millisecond is finer than what is kept. */
const ms = (value: number) => (value === Number.POSITIVE_INFINITY ? null : String(Number(value.toFixed(2))));

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

export const showHistograms = table(COLUMNS, ({ snapshot }) =>
  snapshot.recentTimes
    .rows(snapshot.pools)
    .flatMap<Row>((of) => (['minute', 'total'] as const).map((period) => ({ of, period, ...of[period] }))),
);
