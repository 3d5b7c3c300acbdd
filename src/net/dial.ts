// Opens a connection to Postgres: TCP, or a Unix socket when the host is a directory.

import { connect, type LookupFunction, type Socket } from 'node:net';
import { isSocketDirectory, socketPath } from './socket-directory.ts';

export interface Address {
  /** Host name, address, a directory that holds the server's socket, or @ and a name in the abstract namespace. */
  readonly host: string;
  readonly port: number;
  /** Which address of a host with a name; not set: looked up while it connects. */
  readonly ip?: string;
}

/** The same for the same end: what is known of one is known of the other. */
export function addressKey({ host, port, ip }: Address): string {
  return isSocketDirectory(host) ? socketPath(host, port) : `${ip ?? host}:${port}`;
}

/** How a connection is opened: dial(), unless a test puts something else in its place. */
export type Dial = (address: Address) => Socket;

/** lookup: who knows the addresses of a name. The socket is returned while it still connects; errors and the connect event come through its events. */
export function dial({ host, port, ip }: Address, lookup: LookupFunction): Socket {
  if (isSocketDirectory(host)) return connect({ path: socketPath(host, port) });
  return connect({ host: ip ?? host, port, noDelay: true, lookup });
}
