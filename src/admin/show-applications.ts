// SHOW APPLICATIONS: who has held how much, by application and route; those first that others waited for.

import type { ApplicationRow } from '../guard/applications.ts';
import { printable } from '../guard/exhaustion.ts';
import { applicationRows } from '../observe/snapshot.ts';
import { int, table, text } from './table.ts';

const seconds = (ms: number) => (ms / 1000).toFixed(1);

const COLUMNS = [
  text<ApplicationRow>('application_name', (row) => printable(row.application)),
  text<ApplicationRow>('route', (row) => row.route),
  text<ApplicationRow>('held_seconds', (row) => seconds(row.heldMs)),
  text<ApplicationRow>('idle_in_transaction_seconds', (row) => seconds(row.idleMs)),
  text<ApplicationRow>('waits_caused_seconds', (row) => seconds(row.waitsCausedMs)),
  int<ApplicationRow>('leaks', (row) => row.leaks),
  int<ApplicationRow>('reclaimed', (row) => row.reclaimed),
];

export const showApplications = table(COLUMNS, ({ snapshot }) => applicationRows(snapshot));
