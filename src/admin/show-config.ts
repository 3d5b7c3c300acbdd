// SHOW CONFIG: every setting in force. PgBouncer: the same columns.

import { type ConfigRow, showConfig } from '../config/show-config.ts';
import type { ShowContext } from './show-context.ts';
import { tableReply, text } from './table.ts';

const COLUMNS = [
  text<ConfigRow>('key', (row) => row.key),
  text<ConfigRow>('value', (row) => row.value),
  text<ConfigRow>('default', (row) => row.default),
  text<ConfigRow>('changeable', (row) => row.changeable),
];

export function showConfigTable({ control }: ShowContext): Buffer[] {
  return tableReply(COLUMNS, showConfig(control.config));
}
