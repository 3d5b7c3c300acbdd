// The states of a client, the moves between them, and the only function that makes one.

import type { Pool } from '../pool/pool.ts';
import type { PoolClient } from '../pool/pool-client.ts';
import type { List } from '../util/list.ts';

export const ClientState = {
  /** First byte to first ReadyForQuery. Leaves when it is let in, or refused, or client_login_timeout is over. */
  Login: 'login',
  /** Logged in and not waiting: idle, or holding a server. */
  Active: 'active',
  /** Queued for a server. Leaves when it gets one, gives up, is canceled, or has waited too long. */
  Waiting: 'waiting',
  /** Brought a CancelRequest that waits until it may be carried to Postgres. */
  WaitingCancel: 'waiting_cancel',
  /** Its CancelRequest is on the way to Postgres; closed when that is done. */
  ActiveCancel: 'active_cancel',
  /** Over. */
  Closed: 'closed',
} as const;
export type ClientState = (typeof ClientState)[keyof typeof ClientState];

/** Which state may follow which. docs/lifecycle.md draws this table. */
export const CLIENT_MOVES: Readonly<Record<ClientState, readonly ClientState[]>> = {
  login: ['active', 'waiting_cancel', 'active_cancel', 'closed'],
  active: ['waiting', 'closed'],
  waiting: ['active', 'closed'],
  waiting_cancel: ['active_cancel', 'closed'],
  active_cancel: ['closed'],
  closed: [],
};

/** What has a client's state. */
export interface ClientStateful extends PoolClient {
  state: ClientState;
  /** Null while it logs in, and for a client of the console. */
  readonly pool: Pool | null;
}

/** The lists of clients without a pool: those that log in, and those of the console. */
export interface PoollessLists {
  readonly login: List<PoolClient>;
  readonly active: List<PoolClient>;
}

/** Every change of a client's state. Its pool, where it gets one, must be set before it leaves login. */
export function moveClient(client: ClientStateful, to: ClientState, poolless: PoollessLists): void {
  if (!CLIENT_MOVES[client.state].includes(to)) {
    throw new Error(`client ${client.id}: no move from ${client.state} to ${to}`);
  }
  listOf(client, client.state, poolless)?.remove(client);
  client.state = to;
  listOf(client, to, poolless)?.append(client);
}

function listOf(client: ClientStateful, state: ClientState, poolless: PoollessLists): List<PoolClient> | null {
  if (state === 'closed') return null;
  if (state === 'login') return poolless.login;
  if (client.pool !== null) return client.pool.clients[state];
  return state === 'active' ? poolless.active : null;
}
