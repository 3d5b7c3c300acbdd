// SHOW SOCKETS and ACTIVE_SOCKETS: every connection with what lies in its buffers; those where something does. PgBouncer: the same columns;
// what it has in one buffer with positions is two counts here, of what was not read and of what was not sent.

import { clientRows, type Sources, serverRows } from '../observe/snapshot.ts';
import { by } from './merge.ts';
import { isServer, type SocketRow, socketColumns } from './socket-columns.ts';
import { int, table } from './table.ts';

const COLUMNS = [
  ...socketColumns(stateOf),
  int<SocketRow>('recv_pos', (row) => row.unreadBytes),
  int<SocketRow>('pkt_pos', () => 0),
  int<SocketRow>('pkt_remain', () => 0),
  int<SocketRow>('send_pos', () => 0),
  int<SocketRow>('send_remain', (row) => row.unsentBytes),
  int<SocketRow>('pkt_avail', (row) => row.unreadBytes),
  int<SocketRow>('send_avail', (row) => row.unsentBytes),
];

/** The list that it is in, as PgBouncer calls it. */
function stateOf(row: SocketRow): string {
  if (isServer(row)) return row.state === 'new' ? 'sv_login' : `sv_${row.state}`;
  return row.state === 'idle' ? 'cl_active' : `cl_${row.state}`;
}

function* sockets(snapshot: Sources): Iterable<SocketRow> {
  yield* clientRows(snapshot);
  yield* serverRows(snapshot);
}

/** Clients before servers. */
const JOINED = { kind: 'joined', order: by('type') } as const;

export const showSockets = table(COLUMNS, ({ snapshot }) => sockets(snapshot), JOINED);

export const showActiveSockets = table(
  COLUMNS,
  function* ({ snapshot }) {
    for (const row of sockets(snapshot)) if (row.unreadBytes > 0 || row.unsentBytes > 0) yield row;
  },
  JOINED,
);
