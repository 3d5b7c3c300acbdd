// SHOW STATE: is it active, is it paused. PgBouncer: the same rows; the databases that are paused alone stand in SHOW DATABASES.

import { table, text } from './table.ts';

type Row = readonly [key: string, value: boolean];

const COLUMNS = [text<Row>('key', ([key]) => key), text<Row>('value', ([, value]) => (value ? 'yes' : 'no'))];

export const showState = table<Row>(COLUMNS, ({ control }) => [
  ['active', !control.isAllPaused],
  ['paused', control.isAllPaused],
]);
