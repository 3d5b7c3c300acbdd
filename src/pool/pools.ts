// All pools, and the limits that reach over several of them: per database, per user, per process.

import type { DatabaseTarget } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import type { Server } from '../server/server.ts';
import { type LimitVerdict, mayOpen } from './limits.ts';
import type { Permits } from './permits.ts';
import { Pool, type PoolContext } from './pool.ts';

export class Pools implements Iterable<Pool> {
  readonly #pools = new Map<string, Pool>();
  readonly #permits: Permits | null;

  /** permits: where other workers share the limits; null: they are all ours. */
  constructor(permits: Permits | null = null) {
    this.#permits = permits;
  }

  [Symbol.iterator](): Iterator<Pool> {
    return this.#pools.values();
  }

  get size(): number {
    return this.#pools.size;
  }

  find(database: string, user: string): Pool | null {
    return this.#pools.get(keyOf(database, user)) ?? null;
  }

  add(target: DatabaseTarget, user: string, settings: EffectiveSettings, context: PoolContext): Pool {
    const pool = new Pool(target.name, user, target, settings, context);
    this.#pools.set(keyOf(target.name, user), pool);
    return pool;
  }

  remove(pool: Pool): void {
    this.#pools.delete(keyOf(pool.database, pool.user));
  }

  ofDatabase(database: string): Pool[] {
    return [...this.#pools.values()].filter((pool) => pool.database === database);
  }

  serversOfDatabase(database: string): number {
    return this.#sum((pool) => (pool.database === database ? pool.connectionCount : 0));
  }

  serversOfUser(user: string): number {
    return this.#sum((pool) => (pool.user === user ? pool.connectionCount : 0));
  }

  /**
   * May this pool open one more server? When a limit over several pools binds, the server that was idle longest in
   * another of these pools makes room (PgBouncer: evict_connection, evict_user_connection).
   */
  mayOpen(pool: Pool, waitedMs: number): boolean {
    if (this.#permits !== null) return this.#permits.mayOpen(pool);
    const verdict = mayOpen(this.#counts(pool), pool.settings, waitedMs);
    if (verdict === 'ok') return true;
    if (verdict === 'max_db_connections') return this.#evict(pool, (other) => ofDatabase(pool, other), waitedMs);
    if (verdict === 'max_user_connections') return this.#evict(pool, (other) => ofUser(pool, other), waitedMs);
    return false;
  }

  /** The same for the connection that listens, which pool_size does not count: an idle server of its own pool makes room, too. */
  mayListen(pool: Pool): LimitVerdict {
    if (this.#permits !== null) return this.#permits.mayListen(pool);
    const verdict = mayOpen({ ...this.#counts(pool), pool: 0 }, pool.settings, 0);
    if (verdict !== 'max_db_connections' && verdict !== 'max_user_connections') return verdict;
    const shares = verdict === 'max_db_connections' ? ofDatabase : ofUser;
    const oldest = this.#oldestIdle((other) => shares(pool, other));
    if (oldest === null) return verdict;
    oldest.close('evicted');
    return mayOpen({ ...this.#counts(pool), pool: 0 }, pool.settings, 0);
  }

  #evict(pool: Pool, shares: (other: Pool) => boolean, waitedMs: number): boolean {
    const oldest = this.#oldestIdle((other) => other !== pool && shares(other));
    if (oldest === null) return false;
    oldest.close('evicted');
    return mayOpen(this.#counts(pool), pool.settings, waitedMs) === 'ok';
  }

  #oldestIdle(isMeant: (other: Pool) => boolean): Server | null {
    let oldest: Server | null = null;
    for (const other of this.#pools.values()) {
      if (!isMeant(other)) continue;
      for (const list of [other.servers.idle, other.servers.used]) {
        for (const server of list) if (oldest === null || server.activeAt < oldest.activeAt) oldest = server;
      }
    }
    return oldest;
  }

  #counts(pool: Pool) {
    return {
      pool: pool.serverCount,
      database: pool.settings.max_db_connections > 0 ? this.serversOfDatabase(pool.database) : 0,
      user: pool.settings.max_user_connections > 0 ? this.serversOfUser(pool.user) : 0,
      logins: this.#sum((other) => other.servers.login.length),
    };
  }

  /** Clients of other pools that wait because a limit which this pool shares with theirs is reached. */
  waitingElsewhere(pool: Pool): number {
    if (this.#permits !== null) return this.#permits.waitingElsewhere(pool);
    let waiting = 0;
    for (const other of this.#pools.values()) {
      if (other === pool || other.state !== 'running' || other.clients.waiting.length === 0) continue;
      const verdict = mayOpen(this.#counts(other), other.settings, 0);
      const isShared =
        (verdict === 'max_db_connections' && other.database === pool.database) ||
        (verdict === 'max_user_connections' && other.user === pool.user);
      if (isShared) waiting += other.clients.waiting.length;
    }
    return waiting;
  }

  /** A server came or went: the pools that wait for a limit shared with this one try again. */
  onCapacity(changed: Pool): void {
    this.#permits?.onCapacity(changed);
    for (const pool of this.#pools.values()) if (pool !== changed && pool.clients.waiting.length > 0) pool.grow();
  }

  /** A client has changed functions or tables: the other pools of that database have to look again. */
  onCatalogChanged(changed: Pool): void {
    for (const pool of this.#pools.values())
      if (pool !== changed && pool.database === changed.database) pool.catalogChanged();
  }

  #sum(of: (pool: Pool) => number): number {
    let sum = 0;
    for (const pool of this.#pools.values()) sum += of(pool);
    return sum;
  }
}

const ofDatabase = (pool: Pool, other: Pool) => other.database === pool.database;
const ofUser = (pool: Pool, other: Pool) => other.user === pool.user;

function keyOf(database: string, user: string): string {
  return `${database}\0${user}`;
}
