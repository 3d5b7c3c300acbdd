// All pools, and the limits that reach over several of them: per database, per user, per process.
//
// What these limits count is kept, and brought up to date for a pool whenever a server of it comes or goes: a client that has to
// wait asks for a server, and thousands may do so at a time.

import type { DatabaseTarget } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import type { Server } from '../server/server.ts';
import type { List } from '../util/list.ts';
import { type LimitVerdict, mayOpen } from './limits.ts';
import type { Permits } from './permits.ts';
import { Pool, type PoolContext } from './pool.ts';

/** The pools that share a database, or a user. */
class Group {
  readonly pools = new Set<Pool>();
  /** Of all of them together. */
  servers = 0;
  /** No server of them was idle when so many had become idle in all pools. */
  nothingIdleAt = -1;
}

/** What of a pool is in its groups' counts. */
interface Counted {
  readonly database: Group;
  readonly user: Group;
  servers: number;
  logins: number;
}

export class Pools implements Iterable<Pool> {
  readonly #pools = new Map<string, Pool>();
  readonly #counted = new Map<Pool, Counted>();
  readonly #databases = new Map<string, Group>();
  readonly #users = new Map<string, Group>();
  readonly #permits: Permits | null;
  #logins = 0;
  /** How often a server has become idle. */
  #idled = 0;

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

  /** Logins to Postgres under way. */
  get logins(): number {
    return this.#logins;
  }

  find(database: string, user: string): Pool | null {
    return this.#pools.get(keyOf(database, user)) ?? null;
  }

  add(target: DatabaseTarget, user: string, settings: EffectiveSettings, context: PoolContext): Pool {
    const pool = new Pool(target.name, user, target, settings, context);
    this.#pools.set(keyOf(target.name, user), pool);
    const counted = {
      database: groupOf(this.#databases, pool.database),
      user: groupOf(this.#users, user),
      servers: 0,
      logins: 0,
    };
    counted.database.pools.add(pool);
    counted.user.pools.add(pool);
    this.#counted.set(pool, counted);
    return pool;
  }

  /** It is closed. */
  remove(pool: Pool): void {
    const counted = this.#count(pool);
    if (counted === null) return;
    this.#pools.delete(keyOf(pool.database, pool.user));
    this.#counted.delete(pool);
    counted.database.pools.delete(pool);
    counted.user.pools.delete(pool);
    counted.database.servers -= counted.servers;
    counted.user.servers -= counted.servers;
    this.#logins -= counted.logins;
    if (counted.database.pools.size === 0) this.#databases.delete(pool.database);
    if (counted.user.pools.size === 0) this.#users.delete(pool.user);
  }

  serversOfDatabase(database: string): number {
    return this.#databases.get(database)?.servers ?? 0;
  }

  serversOfUser(user: string): number {
    return this.#users.get(user)?.servers ?? 0;
  }

  /**
   * May this pool open one more server? When a limit over several pools binds, the server that was idle longest in
   * another of these pools makes room (PgBouncer: evict_connection, evict_user_connection).
   */
  mayOpen(pool: Pool, waitedMs: number): boolean {
    if (this.#permits !== null) return this.#permits.mayOpen(pool);
    const verdict = mayOpen(this.#countsOf(pool), pool.settings, waitedMs);
    if (verdict === 'ok') return true;
    const group = this.#groupAtLimit(pool, verdict);
    if (group === null || !this.#evict(group, pool)) return false;
    return mayOpen(this.#countsOf(pool), pool.settings, waitedMs) === 'ok';
  }

  /** The same for the connection that listens, which pool_size does not count: an idle server of its own pool makes room, too. */
  mayListen(pool: Pool): LimitVerdict {
    if (this.#permits !== null) return this.#permits.mayListen(pool);
    const verdict = mayOpen({ ...this.#countsOf(pool), pool: 0 }, pool.settings, 0);
    const group = this.#groupAtLimit(pool, verdict);
    if (group === null || !this.#evict(group, null)) return verdict;
    return mayOpen({ ...this.#countsOf(pool), pool: 0 }, pool.settings, 0);
  }

  #groupAtLimit(pool: Pool, verdict: LimitVerdict): Group | null {
    if (verdict === 'max_db_connections') return this.#databases.get(pool.database) ?? null;
    return verdict === 'max_user_connections' ? (this.#users.get(pool.user) ?? null) : null;
  }

  /** True: the server that was idle longest is closed. except: not one of this pool. */
  #evict(group: Group, except: Pool | null): boolean {
    if (group.nothingIdleAt === this.#idled) return false;
    let oldest: Server | null = null;
    let isNothingIdle = true;
    for (const pool of group.pools) {
      const { idle, used } = pool.servers;
      if (idle.head === null && used.head === null) continue;
      isNothingIdle = false;
      if (pool !== except) oldest = olderOf(olderOf(oldest, idle), used);
    }
    if (isNothingIdle) group.nothingIdleAt = this.#idled;
    oldest?.close('evicted');
    return oldest !== null;
  }

  #countsOf(pool: Pool) {
    const counted = this.#count(pool);
    return {
      pool: pool.serverCount,
      database: counted?.database.servers ?? 0,
      user: counted?.user.servers ?? 0,
      logins: this.#logins,
    };
  }

  /** Brings the counts up to date; null: it is not here (any more). */
  #count(pool: Pool): Counted | null {
    const counted = this.#counted.get(pool);
    if (counted === undefined) return null;
    const servers = pool.connectionCount;
    const logins = pool.servers.login.length;
    counted.database.servers += servers - counted.servers;
    counted.user.servers += servers - counted.servers;
    this.#logins += logins - counted.logins;
    counted.servers = servers;
    counted.logins = logins;
    return counted;
  }

  /** A server is being opened. */
  onOpened(pool: Pool): void {
    this.#count(pool);
  }

  /** A server is idle, and nobody who waits in its pool took it. */
  onIdle(): void {
    this.#idled += 1;
  }

  /** Clients of other pools that wait because a limit which this pool shares with theirs is reached. */
  waitingElsewhere(pool: Pool): number {
    if (this.#permits !== null) return this.#permits.waitingElsewhere(pool);
    return (
      this.#waitingAt(pool, this.#databases.get(pool.database), 'max_db_connections') +
      this.#waitingAt(pool, this.#users.get(pool.user), 'max_user_connections')
    );
  }

  #waitingAt(pool: Pool, group: Group | undefined, limit: 'max_db_connections' | 'max_user_connections'): number {
    // Each pool of a group has the same limit.
    const most = pool.settings[limit];
    if (group === undefined || most === 0 || group.servers < most) return 0;
    let waiting = 0;
    for (const other of group.pools) {
      const { length } = other.clients.waiting;
      if (length === 0 || other === pool || other.state !== 'running') continue;
      if (mayOpen(this.#countsOf(other), other.settings, 0) === limit) waiting += length;
    }
    return waiting;
  }

  /** A server came or went: the pools that wait for a limit shared with this one try again. */
  onCapacity(changed: Pool): void {
    this.#count(changed);
    this.#permits?.onCapacity(changed);
    for (const pool of this.#pools.values()) {
      if (this.#permits === null && this.#logins >= changed.settings.max_parallel_logins) return;
      if (pool !== changed && pool.clients.waiting.length > 0) pool.grow();
    }
  }

  /** A client has changed functions or tables: the other pools of that database have to look again. */
  onCatalogChanged(changed: Pool): void {
    for (const pool of this.#databases.get(changed.database)?.pools ?? []) if (pool !== changed) pool.catalogChanged();
  }
}

function groupOf(groups: Map<string, Group>, name: string): Group {
  let group = groups.get(name);
  if (group === undefined) {
    group = new Group();
    groups.set(name, group);
  }
  return group;
}

function olderOf(oldest: Server | null, list: List<Server>): Server | null {
  for (let server = list.head; server !== null; server = server.next)
    if (oldest === null || server.activeAt < oldest.activeAt) oldest = server;
  return oldest;
}

function keyOf(database: string, user: string): string {
  return `${database}\0${user}`;
}
