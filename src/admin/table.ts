// What a SHOW returns: columns and rows, made into messages.

import { type Column, ColumnType, commandComplete, dataRow, rowDescription } from '../protocol/writer.ts';

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

/** RowDescription, the rows, CommandComplete. PgBouncer: the tag is SHOW, without a count. */
export function tableReply<Row>(columns: readonly ColumnOf<Row>[], rows: Iterable<Row>): Buffer[] {
  const parts = [rowDescription(columns)];
  for (const row of rows) parts.push(dataRow(columns.map((column) => toText(column.value(row)))));
  parts.push(commandComplete('SHOW'));
  return parts;
}

function toText(value: string | number | boolean | null): string | null {
  if (value === null) return null;
  if (typeof value === 'boolean') return value ? '1' : '0';
  return typeof value === 'number' ? String(Math.trunc(value)) : value;
}

/** A moment as PgBouncer writes it: `2026-01-31 23:59:59 UTC`. */
export function timestamp(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The whole seconds and the microseconds beyond them, as maxwait and maxwait_us. */
export function splitMicroseconds(ms: number): { readonly seconds: number; readonly microseconds: number } {
  return { seconds: Math.floor(ms / 1000), microseconds: Math.floor((ms % 1000) * 1000) };
}
