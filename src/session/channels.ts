// LISTEN for many clients on one connection: what changes hands between it and a client's own server, and when. Pure.
//
// Postgres has one queue of notifications per database, and every connection reads it in the same order. A *marker* is a
// notification of ours: what stands before it and behind it is the same on both connections, so that a client that changes
// from one to the other at its marker misses nothing and gets nothing twice.

import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';

export const NO_CHANNELS: ReadonlySet<string> = new Set();

/** A client with more keeps its server. */
export const MAX_CHANNELS = 10_000;

export const ListenState = {
  /** Its own server listens for it, as in Postgres. Leaves when the shared connection hears all its channels, and no transaction is open. */
  Server: 'server',
  /** The marker that ends this is on its way. Leaves when its server has passed it and listens no more. */
  Returning: 'returning',
  /** It has no server that listens. Leaves when a statement of its may have to do with notifications. */
  Shared: 'shared',
  /** Its server listens, and the marker from which on that counts is on its way. Leaves when both connections have passed it. */
  Taking: 'taking',
} as const;
export type ListenState = (typeof ListenState)[keyof typeof ListenState];

const NEXT: Readonly<Record<ListenState, ListenState>> = {
  server: ListenState.Returning,
  returning: ListenState.Shared,
  shared: ListenState.Taking,
  taking: ListenState.Server,
};

/** Which of its two connections a client hears. */
export class Feed {
  state: ListenState = ListenState.Server;
  /** What its own server sends counts. */
  hearsServer = true;
  /** What the shared connection sends counts. */
  hearsShared = false;
  /** Marker that its own server has not passed; 0: none. */
  #onServer = 0;
  /** Markers that the shared connection has not passed. */
  readonly #onShared: number[] = [];

  /** A marker is sent: the change begins. */
  change(marker: number): void {
    if (this.state !== ListenState.Server && this.state !== ListenState.Shared)
      throw new Error(`a change of notifications is under way: ${this.state}`);
    this.state = NEXT[this.state];
    this.#onServer = marker;
    this.#onShared.push(marker);
  }

  passedOnServer(marker: number): void {
    if (marker !== this.#onServer) return;
    this.#onServer = 0;
    this.hearsServer = !this.hearsServer;
  }

  passedOnShared(marker: number): void {
    if (marker !== this.#onShared[0]) return;
    this.#onShared.shift();
    this.hearsShared = !this.hearsShared;
  }

  /** The client's own server has: it has when it has answered the query that sent the marker. */
  get isPassedOnServer(): boolean {
    return this.#onServer === 0;
  }

  /** Both connections have passed every marker. */
  get isPassed(): boolean {
    return this.#onServer === 0 && this.#onShared.length === 0;
  }

  /** The change is over. */
  changed(): void {
    if (
      this.state === ListenState.Taking
        ? !this.isPassed
        : !this.isPassedOnServer || this.state !== ListenState.Returning
    )
      throw new Error(`this change of notifications is not over: ${this.state}`);
    this.state = NEXT[this.state];
  }

  /** Nothing that it is to hear comes from the shared connection. */
  get isOnServer(): boolean {
    return this.state === ListenState.Server && this.isPassed;
  }
}

/** Nothing that a session has set stops it: neither read only, nor timeouts, nor a standby that has to confirm. */
const BEGIN = [
  'BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE, NOT DEFERRABLE',
  'SET LOCAL statement_timeout TO 0',
  'SET LOCAL lock_timeout TO 0',
  'SET LOCAL synchronous_commit TO off',
].join(';');

/** Makes a server listen, with a marker from which on that counts. unlistenQuery() of the marker's channel goes behind it. */
export function takeQuery(channels: Iterable<string>, markers: string, marker: number): string {
  return `${BEGIN};${listenQuery(channels)};${markerQuery(markers, marker)};COMMIT`;
}

/** Sends the marker up to which a server's notifications count. UNLISTEN * goes behind it: before, what it has not read would be lost. */
export function giveBackQuery(markers: string, marker: number): string {
  return `${BEGIN};${markerQuery(markers, marker)};COMMIT`;
}

function markerQuery(markers: string, marker: number): string {
  const channel = quoteIdentifier(markers);
  return `LISTEN ${channel};NOTIFY ${channel}, '${marker}'`;
}

export function listenQuery(channels: Iterable<string>): string {
  return Array.from(channels, (channel) => `LISTEN ${quoteIdentifier(channel)}`).join(';');
}

export function unlistenQuery(channels: Iterable<string>): string {
  return Array.from(channels, (channel) => `UNLISTEN ${quoteIdentifier(channel)}`).join(';');
}

function quoteIdentifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Header and pid of a NotificationResponse; then come channel and payload, each with its zero. */
const BEFORE_CHANNEL = 9;

/** Of a whole NotificationResponse; null: it is none. */
export function channelOf({ buffer, start, end }: FrameReader): string | null {
  const zero = buffer.indexOf(0, start + BEFORE_CHANNEL);
  return zero < 0 || zero >= end ? null : buffer.toString('utf8', start + BEFORE_CHANNEL, zero);
}

export function payloadOf({ buffer, start, end }: FrameReader): string {
  const from = buffer.indexOf(0, start + BEFORE_CHANNEL) + 1;
  return from === 0 || from >= end ? '' : buffer.toString('utf8', from, end - 1);
}

/** Postgres' process that ran NOTIFY. */
export function notifierOf({ buffer, start, end }: FrameReader): number {
  return end - start < BEFORE_CHANNEL ? 0 : buffer.readInt32BE(start + 5);
}

/** The same notification, told as of another process. */
export function withNotifier({ buffer, start, end }: FrameReader, pid: number): Buffer {
  const told = Buffer.from(buffer.subarray(start, end));
  told.writeInt32BE(pid, 5);
  return told;
}

const LONGEST_PLAIN = 1024;
/** A single SELECT or SHOW without a parenthesis calls no function, so it neither listens nor notifies. */
const PLAIN = /^\s*(?:select|show)\b[^;()]*;?\s*$/i;

/** The message under the cursor has nothing to do with notifications, and leaves no transaction open. */
export function isPlain({ type, buffer, start, end, first, last }: FrameReader): boolean {
  if (type !== Frontend.Query || !first || !last || end - start > LONGEST_PLAIN) return false;
  return end - start >= 6 && PLAIN.test(buffer.toString('latin1', start + 5, end - 1));
}
