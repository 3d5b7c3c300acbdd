// SHOW CONFIG: every setting in force. PgBouncer: the same columns.

import { type ConfigRow, showConfig } from '../config/show-config.ts';
import { table, text } from './table.ts';

const COLUMNS = [
  text<ConfigRow>('key', (row) => row.key),
  text<ConfigRow>('value', (row) => row.value),
  text<ConfigRow>('default', (row) => row.default),
  text<ConfigRow>('changeable', (row) => row.changeable),
];

export const showConfigTable = table(COLUMNS, ({ control }) => showConfig(control.config));
