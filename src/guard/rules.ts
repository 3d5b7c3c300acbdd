// What time does to servers and clients: one pure rule each, from an object's stamps to the reason that it must go.
//
// All stamps and settings are milliseconds; 0 in a setting means off. Meanings are PgBouncer's (src/janitor.c).

import type { EffectiveSettings } from '../config/effective.ts';
import type { PoolClient } from '../pool/pool-client.ts';
import { TxStatus } from '../protocol/message-types.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server } from '../server/server.ts';
import type { HeldServerReason } from '../server/server-holder.ts';
import { Suspect } from '../session/suspect.ts';

/** Over: a limit that is on, and reached. */
function isOver(sinceMs: number, now: number, limitMs: number): boolean {
  return limitMs > 0 && now - sinceMs >= limitMs;
}

/** A server that nobody holds. surplus: the pool has more than min_pool_size. */
export function idleServerRule(
  server: Server,
  now: number,
  settings: EffectiveSettings,
  surplus: boolean,
): ServerCloseReason | null {
  const lifetime = settings.server_lifetime * server.lifetimeShare;
  // PgBouncer: server_lifetime 0 means that a connection is used once. Differs: one that nobody has had yet is kept for that.
  if (lifetime === 0 ? server.requestedAt > 0 : now - server.createdAt >= lifetime) return 'server_lifetime';
  return surplus && isOver(server.activeAt, now, settings.server_idle_timeout) ? 'server_idle_timeout' : null;
}

/** An idle server must be asked before a client gets it. */
export function needsCheck(server: Server, now: number, settings: EffectiveSettings): boolean {
  // PgBouncer: server_check_delay 0 means each time.
  return settings.server_check_query !== '' && now - server.activeAt >= settings.server_check_delay;
}

/** A server that logs in. */
export function loginServerRule(
  server: Server,
  now: number,
  settings: Pick<EffectiveSettings, 'server_connect_timeout'>,
): ServerCloseReason | null {
  return isOver(server.createdAt, now, settings.server_connect_timeout) ? 'server_connect_timeout' : null;
}

/** A server that owes an answer to a question of ours (check, reset): as long as a login may take. */
export function askedServerRule(server: Server, now: number, settings: EffectiveSettings): ServerCloseReason | null {
  return isOver(server.activeAt, now, settings.server_connect_timeout) ? 'server_check_timeout' : null;
}

/** A server whose client is gone: what it runs is being cancelled, or, where its client wanted that, done to the end. */
export function canceledServerRule(server: Server, now: number, settings: EffectiveSettings): ServerCloseReason | null {
  if (server.isLeftToFinish && server.cancelsInFlight === 0 && !server.isAsked) {
    return server.queryStartedAt > 0 && isOver(server.queryStartedAt, now, settings.query_timeout)
      ? 'query_timeout'
      : null;
  }
  return isOver(server.activeAt, now, settings.cancel_wait_timeout) ? 'cancel_wait_timeout' : null;
}

/** After this time a cancel request that has changed nothing came at the wrong moment. */
const CANCEL_AGAIN_MS = 500;

/**
 * What a client left behind still runs, though its cancel request was delivered. Postgres: ProcessInterrupts drops one that comes
 * while a command is read, which it does between the messages of a batch, too.
 */
export function needsCancelAgain(server: Server, now: number): boolean {
  if (server.isLeftToFinish || server.isAsked || server.cancelsInFlight > 0 || server.replies.length === 0)
    return false;
  return now - server.canceledAt >= CANCEL_AGAIN_MS;
}

/** A server that a client holds: how long its statement runs, its transaction is open, its transaction is idle. */
export function heldServerRule(server: Server, now: number, settings: EffectiveSettings): HeldServerReason | null {
  if (server.isRunning) {
    // No stamp: a statement of ours runs for its holder.
    const isTheirs = server.queryStartedAt > 0;
    if (isTheirs && isOver(server.queryStartedAt, now, settings.query_timeout)) return 'query_timeout';
  } else if (server.txStatus !== TxStatus.Idle || server.replies.isBatchOpen) {
    if (isOver(server.activeAt, now, settings.idle_transaction_timeout)) return 'idle_transaction_timeout';
  } else if (server.pins !== Suspect.None && isOver(server.activeAt, now, settings.pin_idle_timeout)) {
    return 'pin_idle_timeout';
  }
  const isOpen = server.txStatus !== TxStatus.Idle || server.isRunning;
  return isOpen && server.xactStartedAt > 0 && isOver(server.xactStartedAt, now, settings.transaction_timeout)
    ? 'transaction_timeout'
    : null;
}

/**
 * A client that holds no server and does not wait. Differs from PgBouncer: what it spends on waiting for its answer is not
 * silence, so that a long statement is not followed by the end of the connection.
 */
export function idleClientRule(client: PoolClient, now: number, settings: EffectiveSettings): boolean {
  return client.server === null && isOver(silentSince(client), now, settings.client_idle_timeout);
}

export function silentSince(client: PoolClient): number {
  return Math.max(client.activeAt, client.idleSince);
}

/** A connection whose peer takes nothing of what we write. It may be slow for as long as it likes, as long as it takes something. */
export function unmovedRule(unmovedSince: number | null, now: number, settings: EffectiveSettings): boolean {
  return unmovedSince !== null && isOver(unmovedSince, now, settings.tcp_user_timeout);
}

/** A server that owes an answer and has not given a sign of life: perhaps it works, perhaps the network is gone. */
export function silentServerRule(server: Server, now: number, settings: EffectiveSettings): boolean {
  if (server.replies.length === 0) return false;
  return isOver(Math.max(server.activeAt, server.requestedAt, server.queryStartedAt), now, settings.tcp_user_timeout);
}

/** Which pools are let go: nobody uses them and they hold nothing. */
export function emptyPoolRule(usedAt: number, now: number, isAuto: boolean, settings: EffectiveSettings): boolean {
  if (isOver(usedAt, now, settings.pool_idle_timeout)) return true;
  return isAuto && isOver(usedAt, now, settings.autodb_idle_timeout);
}
