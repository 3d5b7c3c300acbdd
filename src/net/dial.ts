// Opens a connection to Postgres: TCP, or a Unix socket when the host is a directory.

import { connect, type Socket } from 'node:net';
import { isSocketDirectory, socketPath } from './socket-directory.ts';

export interface Address {
  /** Host name, address, a directory that holds the server's socket, or @ and a name in the abstract namespace. */
  readonly host: string;
  readonly port: number;
}

/** How a connection is opened: dial(), unless a test puts something else in its place. */
export type Dial = (address: Address) => Socket;

/** The socket is returned while it still connects; errors and the connect event come through its events. */
export function dial(address: Address): Socket {
  if (isSocketDirectory(address.host)) return connect({ path: socketPath(address.host, address.port) });
  return connect({ host: address.host, port: address.port, noDelay: true });
}
