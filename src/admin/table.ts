// What a SHOW returns: its columns, which are known before it runs, and its rows.

import { type Column, ColumnType } from '../protocol/writer.ts';
import type { ShowContext } from './show-context.ts';

/** What does not fit is the largest that does. */
const MAX_INT4 = 2 ** 31 - 1;

/** One column: its name and type, and the value of a row. null is SQL's NULL, a boolean is 1 or 0. */
export interface ColumnOf<Row> extends Column {
  readonly value: (row: Row) => string | number | boolean | null;
}

export function text<Row>(name: string, value: (row: Row) => string | null): ColumnOf<Row> {
  return { name, type: ColumnType.Text, value };
}

export function int<Row>(name: string, value: (row: Row) => number | boolean | null): ColumnOf<Row> {
  return { name, type: ColumnType.Int4, value };
}

/** Numbers that may outgrow an int4. */
export function numeric<Row>(name: string, value: (row: Row) => number): ColumnOf<Row> {
  return { name, type: ColumnType.Numeric, value };
}

export function bigint<Row>(name: string, value: (row: Row) => number): ColumnOf<Row> {
  return { name, type: ColumnType.Int8, value };
}

/** A SHOW: values are texts, as the protocol sends them; null is SQL's NULL. */
export interface Show {
  readonly columns: readonly Column[];
  /** Made while they are gone through: there may be ten thousand. */
  rows(context: ShowContext): Iterable<(string | null)[]>;
}

export function table<Row>(columns: readonly ColumnOf<Row>[], rowsOf: (context: ShowContext) => Iterable<Row>): Show {
  return {
    columns,
    *rows(context) {
      for (const row of rowsOf(context)) yield columns.map((column) => toText(column, row));
    },
  };
}

function toText<Row>({ type, value: of }: ColumnOf<Row>, row: Row): string | null {
  const value = of(row);
  if (value === null) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'string') return value;
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
