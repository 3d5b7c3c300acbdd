// The states of a server, the moves between them, and the only function that makes one.

import { List, type ListNode } from '../util/list.ts';

export const ServerState = {
  /** Dialled or logging in. Leaves when login is complete, or fails, or server_connect_timeout is over. */
  Login: 'login',
  /** Clean and free. Leaves when a client takes it, or when it was idle for server_check_delay or for too long. */
  Idle: 'idle',
  /** Held by a client. Leaves when the transaction is over and no reply is owed. */
  Active: 'active',
  /** Idle for longer than server_check_delay: must be asked whether it is alive before a client gets it. */
  Used: 'used',
  /** Answers a question of ours (reset, check, rollback, connect_query). Leaves when it has. */
  Tested: 'tested',
  /** Its client is gone and it still works for it, or a cancel request for it is on the way. Leaves when that is over. */
  BeingCanceled: 'being_canceled',
  /** Over. */
  Closed: 'closed',
} as const;
export type ServerState = (typeof ServerState)[keyof typeof ServerState];

/** Which state may follow which. docs/lifecycle.md draws this table. */
export const SERVER_MOVES: Readonly<Record<ServerState, readonly ServerState[]>> = {
  login: ['idle', 'tested', 'closed'],
  idle: ['active', 'used', 'tested', 'closed'],
  active: ['idle', 'tested', 'being_canceled', 'closed'],
  used: ['tested', 'closed'],
  tested: ['idle', 'closed'],
  being_canceled: ['idle', 'tested', 'closed'],
  closed: [],
};

/** What has a server's state. */
export interface ServerStateful<S> extends ListNode<S> {
  readonly id: number;
  state: ServerState;
}

/** The lists that a server lives in; the pool has them. */
export type ServerLists<S extends ListNode<S>> = Readonly<Record<Exclude<ServerState, 'closed'>, List<S>>>;

export function serverLists<S extends ListNode<S>>(): ServerLists<S> {
  return {
    login: new List(),
    idle: new List(),
    active: new List(),
    used: new List(),
    tested: new List(),
    being_canceled: new List(),
  };
}

/** Every change of a server's state. append: at the end of the new list instead of the front (oldest first). */
export function moveServer<S extends ServerStateful<S>>(
  server: S,
  lists: ServerLists<S>,
  to: ServerState,
  append = true,
): void {
  if (!SERVER_MOVES[server.state].includes(to)) {
    throw new Error(`server ${server.id}: no move from ${server.state} to ${to}`);
  }
  if (server.list !== null && server.state !== 'closed') lists[server.state].remove(server);
  server.state = to;
  if (to === 'closed') return;
  if (append) lists[to].append(server);
  else lists[to].prepend(server);
}
