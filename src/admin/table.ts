// What a SHOW returns: its columns, which are known before it runs, and its rows; and what becomes of the rows of several workers.

import type { Value } from '../observe/team.ts';
import { type Column, ColumnType } from '../protocol/writer.ts';
import { type Answers, type ColumnMerge, type Compare, joinRows, mergeRows, type Row, sortRows } from './merge.ts';
import type { ShowContext } from './show-context.ts';

/** What does not fit is the largest that does. */
const MAX_INT4 = 2 ** 31 - 1;

/** One column: its name and type, and the value of a row. null is SQL's NULL, a boolean is 1 or 0. */
export interface ColumnOf<Of> extends Column {
  readonly value: (row: Of) => Value;
  /** Of a table whose rows are merged. */
  readonly merge: ColumnMerge;
}

export function text<Of>(name: string, value: (row: Of) => string | null, merge: ColumnMerge = 'first'): ColumnOf<Of> {
  return { name, type: ColumnType.Text, value, merge };
}

export function int<Of>(
  name: string,
  value: (row: Of) => number | boolean | null,
  merge: ColumnMerge = 'first',
): ColumnOf<Of> {
  return { name, type: ColumnType.Int4, value, merge };
}

/** Numbers that may outgrow an int4. */
export function numeric<Of>(name: string, value: (row: Of) => number, merge: ColumnMerge = 'first'): ColumnOf<Of> {
  return { name, type: ColumnType.Numeric, value, merge };
}

export function bigint<Of>(name: string, value: (row: Of) => number, merge: ColumnMerge = 'first'): ColumnOf<Of> {
  return { name, type: ColumnType.Int8, value, merge };
}

/** A text that is a number with one digit behind the point. */
export function tenths<Of>(name: string, value: (row: Of) => number, merge: ColumnMerge = 'first'): ColumnOf<Of> {
  return { name, type: ColumnType.Text, value, merge };
}

/** A SHOW: values are texts, as the protocol sends them; null is SQL's NULL. */
export interface Show {
  readonly columns: readonly Column[];
  /** Made while they are gone through: there may be ten thousand. */
  rows(context: ShowContext): Iterable<(string | null)[]>;
  /** Where there are several workers. */
  readonly teamColumns: readonly Column[];
  /** What one of them tells the one that was asked. */
  told(context: ShowContext): Row[];
  /** What that one makes of it. limit: of SHOW EVENTS. */
  merged(answers: Answers, limit: number | null): (string | null)[][];
  /** What was counted stays when its worker is gone: the row without all else. Where nothing lasts it is not there. */
  readonly lasting?: (row: Row) => Row;
}

export type Way<Of> =
  /** Rows with the same keys are one. */
  | { readonly kind: 'merged'; readonly order?: Compare; readonly lasting?: (row: Row) => Row }
  /** Rows of all, with a column `worker` at the end. most: the last so many. */
  | { readonly kind: 'joined'; readonly order?: Compare; readonly most?: number; readonly wide?: readonly string[] }
  /** It is the same everywhere. */
  | { readonly kind: 'first' }
  /** A rule of its own. told: what is not to be seen in the row, behind it. tell: something else instead of the rows. */
  | {
      readonly kind: 'own';
      readonly tell?: (context: ShowContext) => Row[];
      readonly told?: (row: Of, context: ShowContext) => readonly Value[];
      readonly merge: (answers: Answers) => Row[];
      readonly lasting?: (row: Row) => Row;
    };

const WORKER: Column = { name: 'worker', type: ColumnType.Int4 };

export function table<Of>(
  columns: readonly ColumnOf<Of>[],
  rowsOf: (context: ShowContext) => Iterable<Of>,
  way: Way<Of> = { kind: 'first' },
): Show {
  const teamColumns = teamColumnsOf(columns, way);
  const values = (row: Of) => columns.map((column) => column.value(row));
  return {
    columns,
    teamColumns,
    *rows(context) {
      for (const row of rowsOf(context)) yield texts(columns, values(row));
    },
    told: toldBy(way, values, rowsOf),
    ...('lasting' in way && way.lasting !== undefined && { lasting: way.lasting }),
    merged: (answers, limit) => mergedBy(way, columns, answers, limit).map((row) => texts(teamColumns, row)),
  };
}

function toldBy<Of>(
  way: Way<Of>,
  values: (row: Of) => Value[],
  rowsOf: (context: ShowContext) => Iterable<Of>,
): Show['told'] {
  if (way.kind !== 'own') return (context) => Array.from(rowsOf(context), values);
  const { tell, told = () => [] } = way;
  return tell ?? ((context) => Array.from(rowsOf(context), (row) => [...values(row), ...told(row, context)]));
}

function teamColumnsOf<Of>(columns: readonly ColumnOf<Of>[], way: Way<Of>): readonly Column[] {
  if (way.kind !== 'joined') return columns;
  const { wide = [] } = way;
  return [...columns.map(({ name, type }) => ({ name, type: wide.includes(name) ? ColumnType.Int8 : type })), WORKER];
}

function mergedBy<Of>(
  way: Way<Of>,
  columns: readonly ColumnOf<Of>[],
  answers: Answers,
  limit: number | null,
): readonly Row[] {
  const names = columns.map(({ name }) => name);
  switch (way.kind) {
    case 'first':
      return answers[0]?.answer ?? [];
    case 'own':
      return way.merge(answers);
    case 'merged': {
      const rows = mergeRows(columns, answers);
      return way.order === undefined ? rows : sortRows(names, rows, way.order);
    }
    case 'joined': {
      const rows = joinRows(answers);
      const sorted = way.order === undefined ? rows : sortRows(names, rows, way.order);
      const most = limit ?? way.most;
      return most === undefined ? sorted : sorted.slice(Math.max(sorted.length - most, 0));
    }
  }
}

function texts(columns: readonly Column[], row: Row): (string | null)[] {
  return columns.map(({ type }, i) => toText(type, row[i] ?? null));
}

function toText(type: Column['type'], value: Value): string | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string') return value;
  if (type === ColumnType.Text) return value.toFixed(1);
  const whole = Math.trunc(value);
  return String(type === ColumnType.Int4 ? Math.max(Math.min(whole, MAX_INT4), -MAX_INT4) : whole);
}

/** A moment as PgBouncer writes it: `2026-01-31 23:59:59 UTC`. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The whole seconds and the microseconds beyond them, as maxwait and maxwait_us. */
export function splitMicroseconds(ms: number): { readonly seconds: number; readonly microseconds: number } {
  return { seconds: Math.floor(ms / 1000), microseconds: Math.floor((ms % 1000) * 1000) };
}
