// When to try Postgres again after a login failed. Pure.

import type { ErrorFields } from '../protocol/error-fields.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';

const FIRST_RETRY_MS = 100;

/**
 * How long to wait after the nth failure in a row (from 1 on): doubling from 100 ms up to the ceiling, of which a random
 * quarter is taken off so that many sidecars don't knock together. random: 0 to 1.
 * Differs from PgBouncer: server_login_retry is the ceiling there is, not the wait after the first failure.
 */
export function retryDelayMs(failures: number, ceilingMs: number, random: number): number {
  const doubled = FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20);
  return Math.min(doubled, Math.max(ceilingMs, FIRST_RETRY_MS)) * (1 - random / 4);
}

/**
 * SQLSTATEs of a login that will work later without anybody changing anything: 57P03 cannot connect now (starting up),
 * 57P01 and 57P02 shutting down or crashed, 53300 too many connections, 08006 the connection itself was lost.
 */
const AWAY = new Set(['08006', '53300', '57P01', '57P02', '57P03']);

/** Postgres is away (wait for it), as opposed to: it refuses us (tell the client what it said). */
export function isAway(reason: ServerCloseReason, error: ErrorFields | null): boolean {
  if (reason === 'connect_failed' || reason === 'server_connect_timeout' || error === null) return true;
  return AWAY.has(error.sqlstate);
}
