// What a pool and the guard know of a client: who waits for a server, who holds one. They never see more of it.

import type { Stream } from '../net/stream.ts';
import type { ErrorCode, PoolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { Server } from '../server/server.ts';
import type { ParameterSet } from '../session/parameters.ts';
import type { ListNode } from '../util/list.ts';
import type { Ticket } from './shares.ts';

/** Why a client was closed: the log, the metric label and the console say the same. */
export type ClientCloseReason =
  | ErrorCode
  | 'cancel_done'
  | 'client_terminated'
  | 'eof'
  | 'session_not_prepared'
  | 'socket_error'
  | 'tcp_user_timeout';

export interface PoolClient extends ListNode<PoolClient> {
  readonly id: number;
  readonly stream: Stream;
  /** The server that it holds. */
  readonly server: Server | null;
  /** The server that it had last: it gets that one back when it is idle, with everything it set still there. */
  lastServer: Server | null;
  parameters: ParameterSet;
  /** Its place in the queue. */
  readonly ticket: Ticket<PoolClient>;
  /** Whose share of the pool it lives on: its application's, or its own user's and address' where that has no name. */
  readonly accountName: string;
  /** Startup parameters of a server of its own (replication), or null for any server of the pool. */
  readonly dedicated: ReadonlyMap<string, string> | null;
  /** It has not had its first ReadyForQuery: client_login_timeout counts. */
  readonly isLoggingIn: boolean;

  /** Stamps of the clock, in ms. */
  readonly connectedAt: number;
  /** Last time it sent something. */
  readonly activeAt: number;
  /** When it last got its answer and let go of its server, or was refused. */
  readonly idleSince: number;
  /** When it began to wait. */
  waitingSince: number;
  /** It was told that it waits (query_wait_notify), for this wait. */
  waitNotified: boolean;

  /** The wait is over: it holds this server now. */
  onAssigned(server: Server): void;
  /** The wait is over without a server. */
  onRefused(error: PoolerError | ErrorFields): void;
  /** A word to a client that waits (query_wait_notify). */
  notice(message: string): void;
  close(reason: ClientCloseReason, error: ErrorFields | null, detail?: string): void;
}

/** Where a client is. The client room has the table of moves; each name is a list of the pool. */
export type PoolClientState = 'active' | 'waiting' | 'waiting_cancel' | 'active_cancel';
