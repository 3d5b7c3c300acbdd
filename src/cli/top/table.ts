// A table on a terminal: columns as wide as what is in them, the last one as wide as there is room, rows in the order that was asked for.
import { cellsOf, fitted, harmless } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly align: 'left' | 'right';
  /** What rows are ordered by; a text in the column is made of it. */
  readonly of: (row: Row) => string | number;
  readonly show?: (row: Row) => string;
  /** What is wider is cut. */
  readonly maxCells?: number;
}

export interface SortBy {
  readonly column: number;
  /** Largest first, for numbers; Z first, for texts. */
  readonly isDescending: boolean;
}

const GAP = 2;

/** Stable, so that rows that are equal keep their places from picture to picture. */
export function sortRows<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: SortBy): readonly Row[] {
  const column = columns[sort.column] ?? columns[0];
  if (column === undefined) return rows;
  const sign = sort.isDescending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(column.of(a), column.of(b)));
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [left, right] = [String(a), String(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

export interface TableLines {
  readonly head: string;
  readonly rows: readonly string[];
}

/** cells: the width of the terminal; null: as wide as it comes, for a file. sort marks the column in the head. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  cells: number | null,
  sort: SortBy | null,
): TableLines {
  const texts = rows.map((row) => columns.map((column) => harmless(column.show?.(row) ?? String(column.of(row)))));
  const titles = columns.map(({ title }, i) =>
    sort?.column === i ? `${title}${sort.isDescending ? '\u2193' : '\u2191'}` : title,
  );
  const widths = columns.map((column, i) => {
    // Room for the mark, so that columns don't move when another one is sorted by.
    const widest = Math.max(cellsOf(column.title) + 1, ...texts.map((row) => cellsOf(row[i] ?? '')));
    return cells === null ? widest : Math.min(widest, column.maxCells ?? widest);
  });
  return {
    head: lineOf(titles, columns, widths, cells),
    rows: texts.map((row) => lineOf(row, columns, widths, cells)),
  };
}

function lineOf<Row>(
  texts: readonly string[],
  columns: readonly Column<Row>[],
  widths: readonly number[],
  cells: number | null,
): string {
  let line = '';
  let used = 0;
  for (const [i, column] of columns.entries()) {
    const gap = i === 0 ? 0 : GAP;
    const room = cells === null ? Number.POSITIVE_INFINITY : cells - used - gap;
    if (room < 4) break;
    const width = Math.min(widths[i] ?? 0, room);
    line += ' '.repeat(gap) + fitted(texts[i] ?? '', width, column.align);
    used += gap + width;
  }
  return line.trimEnd();
}
