// SHOW STATS, STATS_TOTALS, STATS_AVERAGES and TOTALS: what has been done, by database and in all. PgBouncer: src/stats.c, the same columns;
// counts, bytes and microseconds.

import { averagedOver, COUNTERS, type Counter, type StatsRow, type Totals } from '../observe/database-stats.ts';
import type { Value } from '../observe/team.ts';
import { type Answers, by, type ColumnMerge, type MergedColumn, mergeRows, type Row } from './merge.ts';
import { type ColumnOf, numeric, table, text } from './table.ts';

/** How each table calls a counter. */
interface Names {
  readonly plain: string;
  /** SHOW STATS, behind avg_. */
  readonly average?: string;
  /** SHOW STATS, behind total_. */
  readonly total?: string;
  /** SHOW STATS_AVERAGES, where it is not plain. */
  readonly averages?: string;
  /** SHOW TOTALS. */
  readonly totals?: string;
}

const NAMES: Readonly<Record<Counter, Names>> = {
  serverAssignmentCount: { plain: 'server_assignment_count' },
  xactCount: { plain: 'xact_count' },
  queryCount: { plain: 'query_count' },
  bytesReceived: { plain: 'bytes_received', total: 'received', average: 'recv', totals: 'client_bytes' },
  bytesSent: { plain: 'bytes_sent', total: 'sent', average: 'sent', totals: 'server_bytes' },
  xactTimeMs: { plain: 'xact_time' },
  queryTimeMs: { plain: 'query_time' },
  waitTimeMs: { plain: 'wait_time' },
  clientParseCount: {
    plain: 'client_parse_count',
    averages: 'avg_client_parse_count',
    totals: 'ps_client_parse_count',
  },
  serverParseCount: {
    plain: 'server_parse_count',
    averages: 'avg_server_parse_count',
    totals: 'ps_server_parse_count',
  },
  bindCount: { plain: 'bind_count', averages: 'avg_bind_count', totals: 'ps_bind_count' },
  clientLoginCount: { plain: 'client_login_count', averages: 'avg_client_login_count' },
};

const inUnits = (key: Counter, totals: Readonly<Totals>) => totals[key] * (key.endsWith('TimeMs') ? 1000 : 1);

type Kind = 'totals' | 'averages';

function columns(of: Kind, nameOf: (names: Names) => string): ColumnOf<StatsRow>[] {
  return COUNTERS.map((key) =>
    numeric<StatsRow>(nameOf(NAMES[key]), (row) => inUnits(key, row[of]), mergeOf(of, key, nameOf)),
  );
}

/** Rates are added up; a time on average is that of all transactions, statements or waits. */
function mergeOf(of: Kind, key: Counter, nameOf: (names: Names) => string): ColumnMerge {
  const count = of === 'averages' ? averagedOver(key) : null;
  return count === null ? 'sum' : { averageOf: nameOf(NAMES[count]) };
}

const DATABASE = text<StatsRow>('database', (row) => row.database, 'key');

/** What happens in a second is over with whoever did it. */
const withoutAverages =
  (columns: readonly ColumnOf<StatsRow>[], averages: number) =>
  (row: Row): Row =>
    row.map((value, i) => (i < columns.length - averages ? value : 0));

/** averages: so many of the columns, the last ones. */
function statsTable(averages: number, ...all: ColumnOf<StatsRow>[]) {
  const columns = [DATABASE, ...all];
  return table(columns, ({ snapshot: { databaseStats, now } }) => databaseStats.rows(now), {
    kind: 'merged',
    order: by('database'),
    lasting: withoutAverages(columns, averages),
  });
}

export const showStats = statsTable(
  COUNTERS.length,
  ...columns('totals', ({ plain, total = plain }) => `total_${total}`),
  ...columns('averages', ({ plain, average = plain }) => `avg_${average}`),
);

export const showStatsTotals = statsTable(0, ...columns('totals', ({ plain }) => plain));

export const showStatsAverages = statsTable(
  COUNTERS.length,
  ...columns('averages', ({ plain, averages = plain }) => averages),
);

const TOTALS_ROW = [
  text<[string, number]>('name', ([name]) => name),
  numeric<[string, number]>('value', ([, value]) => value),
];

/** Each line of SHOW TOTALS as a column, so that they are merged like those of SHOW STATS. */
const TOTALS_LINES: readonly MergedColumn[] = (['totals', 'averages'] as const).flatMap((of) =>
  COUNTERS.map((key) => ({ name: totalsName(of, key), merge: mergeOf(of, key, totalsNameOf(of)) })),
);

function totalsNameOf(of: Kind): (names: Names) => string {
  return ({ plain, totals = plain }) => `${of === 'totals' ? 'total' : 'avg'}_${totals}`;
}

function totalsName(of: Kind, key: Counter): string {
  return totalsNameOf(of)(NAMES[key]);
}

function mergeTotals(answers: Answers): Value[][] {
  const lines = answers.map(({ worker, answer }) => {
    const values = new Map(answer.map(([name, value]) => [name, value]));
    return { worker, answer: [TOTALS_LINES.map(({ name }) => values.get(name) ?? 0)] };
  });
  const [sum = []] = mergeRows(TOTALS_LINES, lines);
  return TOTALS_LINES.map(({ name }, i) => [name, sum[i] ?? 0]);
}

export const showTotals = table(
  TOTALS_ROW,
  ({ snapshot: { databaseStats, now } }) => {
    const sum = databaseStats.sum(now);
    return (['totals', 'averages'] as const).flatMap((of) =>
      COUNTERS.map<[string, number]>((key) => [totalsName(of, key), inUnits(key, sum[of])]),
    );
  },
  {
    kind: 'own',
    merge: mergeTotals,
    lasting: ([name = '', value = 0]) => [name, String(name).startsWith('avg_') ? 0 : value],
  },
);
