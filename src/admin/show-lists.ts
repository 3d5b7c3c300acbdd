// SHOW LISTS: how much there is of everything. PgBouncer: the same rows.

import { lists } from '../observe/lists.ts';
import { int, table, text } from './table.ts';

type Row = readonly [name: string, items: number];

const COLUMNS = [text<Row>('list', ([name]) => name), int<Row>('items', ([, items]) => items)];

export const showLists = table(COLUMNS, ({ control, snapshot }) => Object.entries(lists(control, snapshot)));
