// The columns that SHOW CLIENTS, SERVERS, SOCKETS and ACTIVE_SOCKETS share. PgBouncer: socket_row in src/admin.c.

import { printable } from '../guard/exhaustion.ts';
import type { ClientRow, ServerRow } from '../observe/snapshot.ts';
import { type ColumnOf, int, splitMicroseconds, text, timestamp } from './table.ts';

export type SocketRow = ClientRow | ServerRow;

/** PgBouncer shows addresses in memory here: ours are a letter and the number of the client (c) or server (s). */
export function pointer(letter: 'c' | 's', id: number | null): string {
  return id === null ? '' : `${letter}${id}`;
}

export function isServer(row: SocketRow): row is ServerRow {
  return 'backendPid' in row;
}

const wait = (row: SocketRow) => splitMicroseconds(isServer(row) ? 0 : row.waitMs);

export function socketColumns(stateOf: (row: SocketRow) => string): ColumnOf<SocketRow>[] {
  return [
    text('type', (row) => (isServer(row) ? 'S' : 'C')),
    text('user', (row) => row.user),
    text('database', (row) => row.database),
    text('replication', (row) => row.replication),
    text('state', stateOf),
    text('addr', (row) => row.address),
    int('port', (row) => row.port),
    text('local_addr', (row) => row.localAddress),
    int('local_port', (row) => row.localPort),
    text('connect_time', (row) => timestamp(row.connectTime)),
    text('request_time', (row) => timestamp(row.requestTime)),
    int('wait', (row) => wait(row).seconds),
    int('wait_us', (row) => wait(row).microseconds),
    int('close_needed', (row) => row.closeNeeded),
    text('ptr', (row) => pointer(isServer(row) ? 's' : 'c', row.id)),
    text('link', (row) => pointer(isServer(row) ? 'c' : 's', row.link)),
    // The process at the other end: Postgres' for a server, unknown for a client.
    int('remote_pid', (row) => (isServer(row) ? row.backendPid : 0)),
    text('tls', (row) => row.tls),
    text('application_name', (row) => printable(row.applicationName)),
    int('prepared_statements', (row) => row.preparedStatements),
    int('id', (row) => row.id),
  ];
}
