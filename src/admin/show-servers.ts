// SHOW SERVERS. PgBouncer: the same columns.

import { type ServerRow, serverRows } from '../observe/snapshot.ts';
import type { ShowContext } from './show-context.ts';
import { socketColumns } from './socket-columns.ts';
import { tableReply } from './table.ts';

const COLUMNS = socketColumns<ServerRow>({ type: 'S', waitMs: () => 0, remotePid: (row) => row.backendPid });

export function showServers({ snapshot }: ShowContext): Buffer[] {
  return tableReply(COLUMNS, serverRows(snapshot));
}
