// SHOW LEAKS: servers that were held and not used, the last 200 of them, and what became of each.

import { type Leak, REMEMBERED } from '../guard/leaks.ts';
import { leakRows } from '../observe/snapshot.ts';
import { holderColumns } from './holder-columns.ts';
import { by } from './merge.ts';
import { int, table, text, timestamp } from './table.ts';

const COLUMNS = [
  int<Leak>('id', (row) => row.id),
  text<Leak>('found_at', (row) => timestamp(row.at)),
  text<Leak>('kind', (row) => row.kind),
  text<Leak>('life', (row) => row.life),
  int<Leak>('allowed_ms', (row) => row.allowedMs),
  int<Leak>('waiting', (row) => row.waiting),
  ...holderColumns<Leak>((row) => row.holder),
];

export const showLeaks = table(COLUMNS, ({ snapshot }) => leakRows(snapshot), {
  kind: 'joined',
  order: by('found_at'),
  most: REMEMBERED,
});
