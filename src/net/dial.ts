// Opens a connection to Postgres: TCP, or a Unix socket when the host is a directory.

import { connect, type LookupFunction, type Socket } from 'node:net';
import { join } from 'node:path';

export interface Address {
  /** Host name, address, or a directory that holds the server's socket. */
  readonly host: string;
  readonly port: number;
  /** Which address of a host with a name; not set: looked up while it connects. */
  readonly ip?: string;
}

/** The same for the same end: what is known of one is known of the other. */
export function addressKey({ host, port, ip }: Address): string {
  return host.startsWith('/') ? socketPath(host, port) : `${ip ?? host}:${port}`;
}

/** Postgres: UNIXSOCK_PATH in src/include/libpq/pqcomm.h. */
export function socketPath(directory: string, port: number): string {
  return join(directory, `.s.PGSQL.${port}`);
}

/** How a connection is opened: dial(), unless a test puts something else in its place. */
export type Dial = (address: Address) => Socket;

/** lookup: who knows the addresses of a name. The socket is returned while it still connects; errors and the connect event come through its events. */
export function dial({ host, port, ip }: Address, lookup: LookupFunction): Socket {
  if (host.startsWith('/')) return connect({ path: socketPath(host, port) });
  return connect({ host: ip ?? host, port, noDelay: true, lookup });
}
