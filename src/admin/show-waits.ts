// SHOW WAITS: who waits for a server right now, by pool in order of arrival. Ours: PgBouncer has no such table.

import { printable } from '../guard/exhaustion.ts';
import { type WaitRow, waitRows } from '../observe/waits.ts';
import { by } from './merge.ts';
import { int, table, text } from './table.ts';

const COLUMNS = [
  text<WaitRow>('database', (row) => row.database),
  text<WaitRow>('user', (row) => row.user),
  text<WaitRow>('application_name', (row) => printable(row.applicationName)),
  text<WaitRow>('addr', (row) => row.address),
  int<WaitRow>('port', (row) => row.port),
  int<WaitRow>('client_id', (row) => row.clientId),
  int<WaitRow>('waited_ms', (row) => row.waitedMs),
  // Until query_wait_timeout; NULL: there is none.
  text<WaitRow>('left_ms', (row) => (row.leftMs === null ? null : row.leftMs.toFixed(0))),
  int<WaitRow>('application_waiting', (row) => row.applicationWaiting),
  int<WaitRow>('application_held', (row) => row.applicationHeld),
];

export const showWaits = table(COLUMNS, ({ snapshot }) => waitRows(snapshot), {
  kind: 'joined',
  order: by('database', 'user', '-waited_ms'),
});
