// May a pool open one more server? Pure: the numbers in, the verdict and the limit that binds out.

import type { EffectiveSettings } from '../config/effective.ts';

export interface ServerCounts {
  /** Servers of the pool, of all pools of its database, of all pools of its user; logins under way in the process. */
  readonly pool: number;
  readonly database: number;
  readonly user: number;
  readonly logins: number;
}

export type LimitVerdict = 'ok' | 'max_db_connections' | 'max_parallel_logins' | 'max_user_connections' | 'pool_size';

/**
 * The first limit that binds. waitedMs: how long the first client has waited, which opens the reserve.
 * Zero means unlimited everywhere (PgBouncer: the same).
 */
export function mayOpen(counts: ServerCounts, settings: EffectiveSettings, waitedMs: number): LimitVerdict {
  if (counts.logins >= settings.max_parallel_logins) return 'max_parallel_logins';
  // PgBouncer: reserve_pool_timeout 0 leaves the reserve unused.
  const opensReserve = settings.reserve_pool_timeout > 0 && waitedMs >= settings.reserve_pool_timeout;
  const reserve = opensReserve ? settings.reserve_pool_size : 0;
  if (settings.pool_size > 0 && counts.pool >= settings.pool_size + reserve) return 'pool_size';
  if (settings.max_db_connections > 0 && counts.database >= settings.max_db_connections) return 'max_db_connections';
  if (settings.max_user_connections > 0 && counts.user >= settings.max_user_connections) return 'max_user_connections';
  return 'ok';
}
