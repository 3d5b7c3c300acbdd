// Opens a connection to Postgres: TCP, or a Unix socket when the host is a directory.

import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

export interface Address {
  /** Host name, address, or a directory that holds the server's socket. */
  readonly host: string;
  readonly port: number;
}

/** Postgres: UNIXSOCK_PATH in src/include/libpq/pqcomm.h. */
export function socketPath(directory: string, port: number): string {
  return join(directory, `.s.PGSQL.${port}`);
}

/** How a connection is opened: dial(), unless a test puts something else in its place. */
export type Dial = (address: Address) => Socket;

/** The socket is returned while it still connects; errors and the connect event come through its events. */
export function dial(address: Address): Socket {
  if (address.host.startsWith('/')) return connect({ path: socketPath(address.host, address.port) });
  return connect({ host: address.host, port: address.port, noDelay: true });
}
