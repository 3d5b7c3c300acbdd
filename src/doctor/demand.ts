// How many connections a configuration may open to Postgres: pools times sizes times replicas, within the limits.
import type { Facts, PoolFacts } from './facts.ts';

export interface Demand {
  readonly connections: number;
  /** "2 replicas x (app/web 20 + app/jobs 5)" */
  readonly arithmetic: string;
}

/** Servers that a pool may have, with its reserve. */
export function sizeOf({ settings, isAsking }: PoolFacts): number {
  if (isAsking) return 1;
  const reserve = settings.reserve_pool_timeout > 0 ? settings.reserve_pool_size : 0;
  return settings.pool_size + reserve;
}

/** Bounded by the database's and the user's limit, where these are less than the sizes of the pools. */
function bounded(pools: readonly PoolFacts[]): number {
  const by = (keyOf: (pool: PoolFacts) => string, limitOf: (pool: PoolFacts) => number) => {
    let sum = 0;
    for (const group of Map.groupBy(pools, keyOf).values()) {
      const sizes = group.reduce((total, pool) => total + sizeOf(pool), 0);
      const limit = Math.max(...group.map(limitOf));
      sum += limit > 0 ? Math.min(sizes, limit) : sizes;
    }
    return sum;
  };
  return Math.min(
    by(
      (pool) => pool.database,
      (pool) => pool.settings.max_db_connections,
    ),
    by(
      (pool) => pool.user,
      (pool) => pool.settings.max_user_connections,
    ),
  );
}

/** Each pair once: a pool of several hosts is in Facts for each of them. */
export function distinct(pools: readonly PoolFacts[]): PoolFacts[] {
  return [...new Map(pools.map((pool) => [JSON.stringify([pool.database, pool.user]), pool])).values()];
}

/** Of the pools that `isMeant`, on one server. */
export function demandOf({ pools, told }: Facts, isMeant: (pool: PoolFacts) => boolean): Demand {
  const meant = pools.filter(isMeant);
  const each = bounded(meant);
  const sizes = meant.reduce((total, pool) => total + sizeOf(pool), 0);
  const shown = meant.slice(0, 4).map((pool) => `${pool.database}/${pool.user} ${sizeOf(pool)}`);
  if (meant.length > shown.length) shown.push(`${meant.length - shown.length} more`);
  const limit = each < sizes ? `, ${each} by max_db_connections and max_user_connections` : '';
  const replicas = `${told.replicas} ${told.replicas === 1 ? 'replica' : 'replicas'}`;
  return { connections: each * told.replicas, arithmetic: `${replicas} x (${shown.join(' + ')}${limit})` };
}

/** The size at which `room` connections are enough, if all pools are as large; at least 1. */
export function fittingSize({ pools, told }: Facts, isMeant: (pool: PoolFacts) => boolean, room: number): number {
  const meant = pools.filter(isMeant);
  const asking = meant.filter(({ isAsking }) => isAsking).length;
  return Math.max(1, Math.floor((room / told.replicas - asking) / Math.max(1, meant.length - asking)));
}
