// Which connections have sent what the peer does not acknowledge, as the kernel knows it: what TCP_USER_TIMEOUT would go by, which Node
// can not set. Linux only; elsewhere nobody is found.
//
// Linux: Documentation/networking/proc_net_tcp.rst. Addresses are in the byte order of the machine, ports are not.

import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { endianness } from 'node:os';

/** slot: local remote state tx_queue:rx_queue timer:when retransmits uid probes. 01 is ESTABLISHED. */
const ROW =
  /^ *\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) 01 ([0-9A-F]{8}):[0-9A-F]{8} (01|04):[0-9A-F]+ ([0-9A-F]{8}) +\d+ +(\d+)/gm;
/** The timer that sends again what was sent; the other one, 04, asks a peer that has no room, or sends what no route took. */
const RETRANSMITS = '01';
/** Without an answer so often: no lost packet, but a peer that is gone. Any answer sets both counts back. */
const MIN_TRIES = 2;

export interface Connection {
  readonly localPort: number;
  readonly remotePort: number;
  readonly remoteAddress: string;
}

/** How a connection is called in what readUnacknowledged() returns. */
export function connectionKey({ localPort, remotePort, remoteAddress }: Connection): string {
  return `${localPort} ${remotePort} ${isIPv4(remoteAddress) ? hexOf(remoteAddress) : ''}`;
}

function hexOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return (endianness() === 'LE' ? bytes.reverse() : bytes).join('').toUpperCase();
}

/** The keys in one table of the kernel. An IPv6 address is left out: the ports have to do. */
export function unacknowledgedIn(table: string): string[] {
  const keys: string[] = [];
  for (const row of table.matchAll(ROW)) {
    const [, localPort = '', remote = '', remotePort = '', queue, timer, retransmits = '', probes = ''] = row;
    const tries = timer === RETRANSMITS ? Number.parseInt(retransmits, 16) : Number(probes);
    if (queue === '00000000' || tries < MIN_TRIES) continue;
    const address = remote.length === 8 ? remote : '';
    keys.push(`${Number.parseInt(localPort, 16)} ${Number.parseInt(remotePort, 16)} ${address}`);
  }
  return keys;
}

/** Reads it off the event loop. Never rejects. */
export async function readUnacknowledged(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'latin1').catch(() => '')),
  );
  return new Set(tables.flatMap(unacknowledgedIn));
}
