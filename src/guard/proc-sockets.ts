// Sockets as Linux lists them under /proc: which inode a TCP connection has, which process holds which inode.

import { closeSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';

/** 150 bytes a socket: some 25,000 of them. */
const MAX_TABLE_BYTES = 4 * 1024 * 1024;
const MAX_PROCESSES = 1024;
const MAX_FDS = 8192;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** As in /proc/net/tcp: address and port in hexadecimal. '' for what is no address. An IPv4 address inside IPv6 is that. */
export function hexAddress({ host, port }: Address): string {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const ipv4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(host);
  if (ipv4 !== null) return `${hexWord(ipv4.slice(1, 5).map(Number))}:${hexPort}`;
  const bytes = ipv6Bytes(host);
  if (bytes === null) return '';
  const words = [0, 4, 8, 12].map((at) => hexWord(bytes.slice(at, at + 4)));
  return `${words.join('')}:${hexPort}`;
}

/** Linux: each 32 bits are printed as a number of this machine, so on a little-endian one the last byte comes first. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function hexWord(bytes: readonly number[]): string {
  const hex = bytes.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'));
  return (IS_LITTLE_ENDIAN ? hex.reverse() : hex).join('');
}

function ipv6Bytes(host: string): number[] | null {
  const halves = host.replace(/%.*$/, '').split('::');
  if (halves.length > 2 || !host.includes(':')) return null;
  const [left, right] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - left!.length - (right?.length ?? 0);
  if (missing < 0 || (right === undefined && missing > 0)) return null;
  const groups = [...left!, ...new Array<string>(missing).fill('0'), ...(right ?? [])];
  const bytes: number[] = [];
  for (const group of groups) {
    if (!/^[0-9a-f]{1,4}$/i.test(group)) return null;
    const value = Number.parseInt(group, 16);
    bytes.push(value >> 8, value & 255);
  }
  return bytes;
}

const MAPPED_PREFIX = IS_LITTLE_ENDIAN ? '0000000000000000FFFF0000' : '00000000000000000000FFFF';

/** Postgres drivers on a JVM connect to an IPv4 address with an IPv6 socket. */
function unmapped(address: string): string {
  return address.startsWith(MAPPED_PREFIX) ? address.slice(MAPPED_PREFIX.length) : address;
}

function readTable(path: string): string {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return '';
  }
  try {
    const chunks: Buffer[] = [];
    for (let total = 0; total < MAX_TABLE_BYTES; ) {
      const chunk = Buffer.allocUnsafe(65_536);
      const size = readSync(file, chunk);
      if (size === 0) break;
      chunks.push(chunk.subarray(0, size));
      total += size;
    }
    return Buffer.concat(chunks).toString('latin1');
  } catch {
    return '';
  } finally {
    closeSync(file);
  }
}

/** Inodes of the sockets whose other end is at this port, by `own address>other address`. */
export function socketInodes(remotePort: number): Map<string, string> {
  const inodes = new Map<string, string>();
  const suffix = `:${remotePort.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const table of [readTable('/proc/net/tcp'), readTable('/proc/net/tcp6')]) {
    for (let at = table.indexOf(`${suffix} `); at >= 0; at = table.indexOf(`${suffix} `, at + 1)) {
      const start = table.lastIndexOf('\n', at) + 1;
      const end = table.indexOf('\n', at);
      const fields = table
        .slice(start, end < 0 ? undefined : end)
        .trim()
        .split(/\s+/);
      const [, own, other] = fields;
      const inode = fields[9];
      // The suffix may also be that of the socket's own address: its other end is elsewhere.
      if (!own || !other?.endsWith(suffix) || !inode || inode === '0') continue;
      inodes.set(`${unmapped(own)}>${unmapped(other)}`, inode);
    }
  }
  return inodes;
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export interface Look {
  /** Process ids by inode; of several processes with one socket the first. */
  readonly found: ReadonlyMap<string, number>;
  /** Where the look ended at its bounds or at the deadline; 0: everything was looked at that had to be. */
  readonly endedAt: number;
}

/** Which process holds each of these inodes. after: the process behind which it begins. deadline: performance.now(). */
export function holdersOf(wanted: ReadonlySet<string>, after: number, deadline: number): Look {
  const found = new Map<string, number>();
  const pids = entries('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b); // Linux begins again with low numbers, and lists them last
  const order = [...pids.filter((pid) => pid > after), ...pids.filter((pid) => pid <= after)];
  for (const pid of order.slice(0, MAX_PROCESSES)) {
    for (const fd of entries(`/proc/${pid}/fd`).slice(0, MAX_FDS)) {
      if (found.size === wanted.size) return { found, endedAt: 0 };
      const inode = socketOf(`/proc/${pid}/fd/${fd}`);
      if (wanted.has(inode) && !found.has(inode)) found.set(inode, pid);
    }
    // Only here, so that each look gets on by one process at least.
    if (performance.now() > deadline) return { found, endedAt: pid };
  }
  return { found, endedAt: order.length > MAX_PROCESSES ? order[MAX_PROCESSES - 1]! : 0 };
}

function socketOf(link: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? '';
  } catch {
    return '';
  }
}
