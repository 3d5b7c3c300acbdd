// SHOW CLIENTS. PgBouncer: the same columns; clients that have not logged in are left out.

import { type ClientRow, clientRows } from '../observe/snapshot.ts';
import type { ShowContext } from './show-context.ts';
import { socketColumns } from './socket-columns.ts';
import { tableReply } from './table.ts';

const COLUMNS = socketColumns<ClientRow>({ type: 'C', waitMs: (row) => row.waitMs, remotePid: () => 0 });

export function showClients({ snapshot }: ShowContext): Buffer[] {
  return tableReply(
    COLUMNS,
    clientRows(snapshot).filter((row) => row.state !== 'login'),
  );
}
