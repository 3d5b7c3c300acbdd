// What top shows, as lines: a head that says whether it is well, the pools, the holders. Pure: pictures in, lines out.
import { numberOf, type Picture, type Row, rowsOf, textOf } from './api.ts';
import { defaultSort, heldServers, holderColumns, poolColumns, poolLines, type TableName } from './columns.ts';
import type { Line } from './screen.ts';
import { type Column, type SortBy, sortRows, tableLines } from './table.ts';
import { ago, cutTo, harmless } from './text.ts';

/** What the keys change. */
export interface ViewState {
  readonly table: TableName;
  readonly sort: Readonly<Record<TableName, SortBy>>;
  /** The first row of the chosen table that is seen. */
  readonly offset: number;
  readonly isFrozen: boolean;
  readonly isHelp: boolean;
}

export const initialState: ViewState = {
  table: 'holders',
  sort: defaultSort,
  offset: 0,
  isFrozen: false,
  isHelp: false,
};

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

const HELP = [
  'tab        the other table',
  '\u2190 \u2192        order by another column',
  'r          the other way round',
  '\u2191 \u2193 PgUp PgDn  scroll the table',
  'space      stop, and go on',
  '? h        this help',
  'q          leave',
];
const KEYS = 'q leave  tab table  \u2190\u2192 order  r reverse  \u2191\u2193 scroll  space stop  ? help';

/** Lines that fill a terminal exactly or less. fault: why the picture is old. */
export function screenLines(
  picture: Picture | null,
  before: Picture | null,
  state: ViewState,
  size: Size,
  fault: string | null,
): readonly Line[] {
  const { rows, columns } = size;
  const top = headLines(picture, state, fault);
  const bottom: Line = { text: KEYS, look: 'dim' };
  const room = Math.max(rows - top.length - 2, 0);
  const middle = state.isHelp
    ? HELP.map((text) => ({ text }))
    : picture === null
      ? []
      : tables(picture, before, state, room, columns);
  const all = [...top, { text: '' }, ...middle.slice(0, room)].slice(0, Math.max(rows - 1, 0));
  return [...all, ...Array<Line>(Math.max(rows - 1 - all.length, 0)).fill({ text: '' }), bottom].map((line) => ({
    ...line,
    text: cutTo(line.text, columns),
  }));
}

/** Everything once, for a file or a pipe: no line is cut. */
export function plainLines(picture: Picture, before: Picture | null): readonly string[] {
  const pools = tableLines(
    sortRows(poolLines(picture, before), poolColumns, defaultSort.pools),
    poolColumns,
    null,
    null,
  );
  const holders = tableLines(sortRows(picture.holders, holderColumns, defaultSort.holders), holderColumns, null, null);
  return [
    ...headLines(picture, initialState, null).map(({ text }) => text),
    '',
    pools.head,
    ...pools.rows,
    '',
    holders.head,
    ...holders.rows,
  ];
}

/** Findings that stand in the head; the rest is counted. */
const MAX_FINDINGS = 3;

function headLines(picture: Picture | null, state: ViewState, fault: string | null): Line[] {
  const lines: Line[] = picture === null ? [{ text: 'pgsluice', look: 'title' }] : headOf(picture, state);
  if (fault !== null) lines.push({ text: harmless(fault), look: 'alarm' });
  return lines;
}

function headOf({ overview, pools, holders }: Picture, state: ViewState): Line[] {
  const total = (of: (row: Row) => number) => pools.reduce((sum, row) => sum + of(row), 0);
  const waiting = total((row) => numberOf(row, 'clients.waiting'));
  const longest = pools.reduce((most, row) => Math.max(most, numberOf(row, 'maxWaitMs')), 0);
  const clients = total((row) => numberOf(row, 'clients.active') + numberOf(row, 'clients.idle')) + waiting;
  const leaking = holders.filter((row) => textOf(row, 'leak') === 'leaked').length;
  const uptime = numberOf(overview, 'uptimeMs');
  const title = [
    `pgsluice ${harmless(textOf(overview, 'version'))}`.trim(),
    harmless(textOf(overview, 'state')),
    uptime > 0 ? `up ${ago(uptime)}` : '',
    state.isFrozen ? 'stopped: space goes on' : '',
  ];
  const queue = waiting > 0 ? `${waiting} waiting, the first for ${ago(longest)}` : 'nobody waits';
  const leaks = leaking > 0 ? `, ${leaking} ${leaking === 1 ? 'leak' : 'leaks'}` : '';
  const isBad = waiting > 0 || leaking > 0;
  const findings = rowsOf(overview.findings);
  const more = findings.length - MAX_FINDINGS;
  return [
    { text: title.filter(Boolean).join('  '), look: 'title' },
    {
      text: `${clients} clients, ${queue}; ${total(heldServers)} servers held${leaks}`,
      ...(isBad && { look: 'alarm' as const }),
    },
    ...findings.slice(0, MAX_FINDINGS).map((finding, i) => ({
      text: `${harmless(`${textOf(finding, 'severity')}: ${textOf(finding, 'title')} ${textOf(finding, 'detail')}`)}${i === MAX_FINDINGS - 1 && more > 0 ? ` (and ${more} more)` : ''}`,
      ...(textOf(finding, 'severity') !== 'notice' && { look: 'alarm' as const }),
    })),
  ];
}

function tables(picture: Picture, before: Picture | null, state: ViewState, room: number, columns: number): Line[] {
  const poolRows = poolLines(picture, before);
  // The chosen table gets what the other leaves; the other at least a third where it needs it.
  const third = Math.max(Math.floor((room - 3) / 3), 1);
  const lengths = { pools: poolRows.length, holders: picture.holders.length };
  const other = state.table === 'pools' ? 'holders' : 'pools';
  const ofOther = Math.min(lengths[other], Math.max(third, room - 3 - lengths[state.table]));
  const rooms = { [other]: ofOther, [state.table]: room - 3 - ofOther } as Record<TableName, number>;
  return [
    ...part('pools', poolRows, poolColumns, state, rooms.pools, columns),
    { text: '' },
    ...part('holders', picture.holders, holderColumns, state, rooms.holders, columns),
  ];
}

function part<R>(
  name: TableName,
  rows: readonly R[],
  columns: readonly Column<R>[],
  state: ViewState,
  room: number,
  cells: number,
): Line[] {
  const isChosen = state.table === name;
  const last = Math.max(rows.length - Math.max(room, 1), 0);
  const from = isChosen ? Math.min(state.offset, last) : 0;
  const seen = sortRows(rows, columns, state.sort[name]).slice(from, from + Math.max(room, 0));
  const { head, rows: lines } = tableLines(seen, columns, cells, isChosen ? state.sort[name] : null);
  const title = head.padEnd(cells);
  return [{ text: title, look: isChosen ? 'head' : 'title' }, ...lines.map((text) => ({ text }))];
}
