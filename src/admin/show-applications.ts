// SHOW APPLICATIONS: who has held how much, by application and route; those first that others waited for.

import type { ApplicationRow } from '../guard/applications.ts';
import { printable } from '../guard/exhaustion.ts';
import { applicationRows } from '../observe/snapshot.ts';
import { by } from './merge.ts';
import { int, table, tenths, text } from './table.ts';

const COLUMNS = [
  text<ApplicationRow>('application_name', (row) => printable(row.application), 'key'),
  text<ApplicationRow>('route', (row) => row.route, 'key'),
  tenths<ApplicationRow>('held_seconds', (row) => row.heldMs / 1000, 'sum'),
  tenths<ApplicationRow>('idle_in_transaction_seconds', (row) => row.idleMs / 1000, 'sum'),
  tenths<ApplicationRow>('waits_caused_seconds', (row) => row.waitsCausedMs / 1000, 'sum'),
  int<ApplicationRow>('leaks', (row) => row.leaks, 'sum'),
  int<ApplicationRow>('reclaimed', (row) => row.reclaimed, 'sum'),
];

export const showApplications = table(COLUMNS, ({ snapshot }) => applicationRows(snapshot), {
  kind: 'merged',
  order: by('-waits_caused_seconds', '-leaks', '-held_seconds'),
});
