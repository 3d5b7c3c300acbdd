// What a server knows of those that its replies and notifications are for: a client, or the connection that listens.

import type { Stream } from '../net/stream.ts';
import type { PoolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import type { ServerCloseReason } from './close-reason.ts';

/** Whoever holds a server. The replies are written to its stream directly. */
export interface ServerHolder {
  readonly stream: Stream;
  /** A part of a message of its was sent: nothing may be written to the server before the rest. */
  readonly isMidMessage: boolean;
  /** Its own name for a statement that clients share, by the id; null: it has none. */
  nameOf(id: number): string | null;
  /** A whole NotificationResponse is under the cursor: it is the holder's to pass on. */
  onNotification(reader: FrameReader): void;
  /** The end of the answer is not for the client yet: what its session is comes first. */
  readonly withholdsReady: boolean;
  /** Its batch under way can be sent again, if nothing was done of it. */
  readonly mayRetry: boolean;
  /** The batch was failed by a plan that is out of date, and nobody was told: it is to be sent again. */
  onServerRetry(): void;
  /** Everything is answered, tx status I: the server may be released. */
  onServerReady(): void;
  /** Replies were relayed; more are owed or a transaction is open. */
  onServerProgress(): void;
  /** It held the server and did not use it: others get it. */
  onServerReclaimed(error: PoolerError): void;
  /** It held the server too long, by a setting: it is to be closed with this error. */
  onServerExpired(reason: HeldServerReason, error: ErrorFields): void;
  /** The server is gone. told: the holder's client already has an error of Postgres' own that says so. */
  onServerClosed(reason: ServerCloseReason, detail: string, told: boolean): void;
}

/** Who hears notifications in a holder's stead: a server that runs nothing else. */
export interface NotificationReader {
  onNotification(reader: FrameReader): void;
  /** What came in one go was read. */
  onNotified(): void;
}

/** The settings that limit how long a server is held. */
export type HeldServerReason =
  | 'idle_transaction_timeout'
  | 'pin_idle_timeout'
  | 'query_timeout'
  | 'transaction_timeout';
