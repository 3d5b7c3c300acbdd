// The tables of top: pools, and who holds their servers.
import { numberOf, type Picture, type Row, sumOf, textOf } from './api.ts';
import type { Column, SortBy } from './table.ts';
import { ago, short } from './text.ts';

export type TableName = 'pools' | 'holders';

/** A pool, with what happened since the picture before. */
export interface PoolLine {
  readonly row: Row;
  readonly xactsPerSecond: number;
  readonly queriesPerSecond: number;
}

const text = (title: string, path: string, maxCells = 24): Column<Row> => ({
  title,
  align: 'left',
  of: (row) => textOf(row, path),
  maxCells,
});
const duration = (title: string, path: string): Column<Row> => ({
  title,
  align: 'right',
  of: (row) => numberOf(row, path),
  show: (row) => (numberOf(row, path) > 0 ? ago(numberOf(row, path)) : ''),
});
const count = (title: string, of: (row: Row) => number): Column<Row> => ({
  title,
  align: 'right',
  of,
  show: (row) => short(of(row)),
});

function ofPool(column: Column<Row>): Column<PoolLine> {
  const { show } = column;
  return {
    ...column,
    of: ({ row }) => column.of(row),
    ...(show && { show: ({ row }) => show(row) }),
  } as Column<PoolLine>;
}
const rate = (title: string, of: (line: PoolLine) => number): Column<PoolLine> => ({
  title,
  align: 'right',
  of,
  show: (line) => short(of(line)),
});

/** Servers that clients hold. */
export const heldServers = (row: Row) => numberOf(row, 'servers.active') + numberOf(row, 'servers.activeCancel');

export const poolColumns: readonly Column<PoolLine>[] = [
  ofPool(text('database', 'database')),
  ofPool(text('user', 'user')),
  ofPool(text('mode', 'poolMode')),
  ofPool(text('state', 'state')),
  ofPool(count('clients', (row) => numberOf(row, 'clients.active') + numberOf(row, 'clients.idle'))),
  ofPool(count('waiting', (row) => numberOf(row, 'clients.waiting'))),
  ofPool(duration('longest wait', 'maxWaitMs')),
  ofPool({ ...count('held', heldServers), show: (row) => `${heldServers(row)}/${numberOf(row, 'poolSize')}` }),
  ofPool(count('idle', (row) => numberOf(row, 'servers.idle') + numberOf(row, 'servers.used'))),
  ofPool(count('pinned', (row) => sumOf(row, 'pinned'))),
  rate('xact/s', ({ xactsPerSecond }) => xactsPerSecond),
  rate('query/s', ({ queriesPerSecond }) => queriesPerSecond),
];

/** The application, or who it is where it has no name. */
const nameOf = (row: Row) => textOf(row, 'applicationName') || `${textOf(row, 'user')}@${textOf(row, 'address')}`;

export const holderColumns: readonly Column<Row>[] = [
  { title: 'application', align: 'left', of: nameOf, maxCells: 28 },
  text('database', 'database'),
  text('state', 'state'),
  text('leak', 'leak'),
  duration('held', 'heldMs'),
  duration('silent', 'silentMs'),
  { title: 'client', align: 'right', of: (row) => numberOf(row, 'clientId') },
  text('pins', 'pins', 20),
  text('statement', 'statement', 500),
];

/** Whose clients wait, and who is silent: what is wrong stands first. */
export const defaultSort: Readonly<Record<TableName, SortBy>> = {
  pools: { column: poolColumns.findIndex(({ title }) => title === 'longest wait'), isDescending: true },
  holders: { column: holderColumns.findIndex(({ title }) => title === 'silent'), isDescending: true },
};

/** Rates are differences of counters between two pictures; the first picture has none. */
export function poolLines(picture: Picture, before: Picture | null): readonly PoolLine[] {
  const seconds = before === null ? 0 : (picture.at - before.at) / 1000;
  const known = new Map(before?.pools.map((row) => [idOf(row), row]));
  return picture.pools.map((row) => {
    const old = known.get(idOf(row));
    const perSecond = (path: string) =>
      old === undefined || seconds <= 0 ? 0 : Math.max(numberOf(row, path) - numberOf(old, path), 0) / seconds;
    return { row, xactsPerSecond: perSecond('stats.xactCount'), queriesPerSecond: perSecond('stats.queryCount') };
  });
}

function idOf(row: Row): string {
  return `${textOf(row, 'database')}\0${textOf(row, 'user')}`;
}
