// Rows of several workers as one table. Pure: values in, values out.

import type { Told, Value } from '../observe/team.ts';
import { weightedMean } from '../util/sums.ts';

export type Row = readonly Value[];
export type Answers = readonly Told<readonly Row[]>[];

/** What becomes of a column when rows with the same keys are made one. */
export type ColumnMerge =
  | 'key'
  | 'sum'
  | 'max'
  /** It is the same everywhere. */
  | 'first'
  /** An average, weighted by another column. */
  | { readonly averageOf: string }
  /** That of the row in which these are largest: parts of one number. */
  | { readonly ofLargest: readonly string[] };

export interface MergedColumn {
  readonly name: string;
  readonly merge: ColumnMerge;
}

/** The cell of a row under a name. */
export type Cells = (name: string) => Value;
export type Compare = (a: Cells, b: Cells) => number;

/** Rows with the same keys are one, in the order in which they come first. */
export function mergeRows(columns: readonly MergedColumn[], answers: Answers): Value[][] {
  const keys = columns.flatMap(({ merge }, i) => (merge === 'key' ? [i] : []));
  const groups = new Map<string, Row[]>();
  for (const { answer } of answers)
    for (const row of answer) {
      const key = JSON.stringify(keys.map((i) => row[i]));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [row]);
      else group.push(row);
    }
  return [...groups.values()].map((rows) => columns.map((column, i) => mergeCells(column, i, rows, columns)));
}

function mergeCells(
  { merge }: MergedColumn,
  at: number,
  rows: readonly Row[],
  columns: readonly MergedColumn[],
): Value {
  const [first] = rows;
  if (rows.length === 1) return first![at]!;
  if (merge === 'key' || merge === 'first') return first![at]!;
  if (merge === 'sum') return rows.reduce((sum, row) => sum + Number(row[at]), 0);
  if (merge === 'max')
    return rows.reduce<Value>((most, row) => (compareValues(row[at]!, most) > 0 ? row[at]! : most), first![at]!);
  if ('averageOf' in merge) {
    const weights = indexOf(columns, merge.averageOf);
    return weightedMean(rows.map((row) => [Number(row[at]), Number(row[weights])]));
  }
  const parts = merge.ofLargest.map((name) => indexOf(columns, name));
  const largest = rows.reduce((most, row) => (compareParts(row, most, parts) > 0 ? row : most));
  return largest[at]!;
}

/** All rows, each with the number of its worker behind it. */
export function joinRows(answers: Answers): Value[][] {
  return answers.flatMap(({ worker, answer }) => answer.map((row) => [...row, worker]));
}

/** Rows that are alike stay as they came. */
export function sortRows(names: readonly string[], rows: readonly Row[], compare: Compare): Value[][] {
  const places = new Map(names.map((name, i) => [name, i]));
  const cellsOf =
    (row: Row): Cells =>
    (name) =>
      row[places.get(name) ?? -1] ?? null;
  return [...rows].sort((a, b) => compare(cellsOf(a), cellsOf(b))) as Value[][];
}

/** By these columns, one after the other; with a minus before its name the largest comes first. */
export function by(...names: readonly string[]): Compare {
  return (a, b) => {
    for (const name of names) {
      const isDown = name.startsWith('-');
      const column = isDown ? name.slice(1) : name;
      const order = compareValues(a(column), b(column));
      if (order !== 0) return isDown ? -order : order;
    }
    return 0;
  };
}

function indexOf(columns: readonly MergedColumn[], name: string): number {
  return columns.findIndex((column) => column.name === name);
}

function compareParts(a: Row, b: Row, parts: readonly number[]): number {
  for (const part of parts) {
    const order = compareValues(a[part]!, b[part]!);
    if (order !== 0) return order;
  }
  return 0;
}

/** null before everything else. */
export function compareValues(a: Value, b: Value): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  return a < b ? -1 : Number(a > b);
}
