// Opens a connection to Postgres: TCP, or a Unix socket when the host is a directory.

import { connect, type LookupFunction, type Socket } from 'node:net';
import { ReadBuffer } from './read-buffer.ts';
import { isSocketDirectory, socketPath } from './socket-directory.ts';
import { ownReads, readsOf } from './stream.ts';

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
export function dial(address: Address, lookup: LookupFunction): Socket {
  return connect({ ...wayTo(address), lookup });
}

/** The same for a Stream: what it reads goes to a buffer of its own, and not through data events. */
export function dialStream(address: Address, lookup: LookupFunction): Socket {
  const reads = ReadBuffer.ofServer();
  return ownReads(connect({ ...wayTo(address), lookup, onread: readsOf(reads) }), reads);
}

function wayTo({ host, port, ip }: Address) {
  return isSocketDirectory(host) ? { path: socketPath(host, port) } : { host: ip ?? host, port, noDelay: true };
}
