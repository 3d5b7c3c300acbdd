// The columns that SHOW CLIENTS and SHOW SERVERS share. PgBouncer: socket_row in src/admin.c.

import type { ClientRow, ServerRow } from '../observe/snapshot.ts';
import { type ColumnOf, int, splitMicroseconds, text, timestamp } from './table.ts';

type SocketRow = ClientRow | ServerRow;

/** What tells a client's row from a server's. */
export interface SocketKind<Row extends SocketRow> {
  readonly type: 'C' | 'S';
  readonly waitMs: (row: Row) => number;
  /** The process at the other end: Postgres' for a server, unknown for a client. */
  readonly remotePid: (row: Row) => number;
}

/** PgBouncer shows addresses in memory here: ours are a letter and the number of the client (c) or server (s). */
export function pointer(letter: 'c' | 's', id: number | null): string {
  return id === null ? '' : `${letter}${id}`;
}

export function socketColumns<Row extends SocketRow>({ type, waitMs, remotePid }: SocketKind<Row>): ColumnOf<Row>[] {
  const [own, other] = type === 'C' ? (['c', 's'] as const) : (['s', 'c'] as const);
  return [
    text('type', () => type),
    text('user', (row) => row.user),
    text('database', (row) => row.database),
    text('replication', (row) => row.replication),
    text('state', (row) => row.state),
    text('addr', (row) => row.address),
    int('port', (row) => row.port),
    text('local_addr', (row) => row.localAddress),
    int('local_port', (row) => row.localPort),
    text('connect_time', (row) => timestamp(row.connectTime)),
    text('request_time', (row) => timestamp(row.requestTime)),
    int('wait', (row) => splitMicroseconds(waitMs(row)).seconds),
    int('wait_us', (row) => splitMicroseconds(waitMs(row)).microseconds),
    int('close_needed', (row) => row.closeNeeded),
    text('ptr', (row) => pointer(own, row.id)),
    text('link', (row) => pointer(other, row.link)),
    int('remote_pid', (row) => remotePid(row)),
    text('tls', () => ''),
    text('application_name', (row) => row.applicationName),
    int('prepared_statements', () => 0),
    int('id', (row) => row.id),
  ];
}
