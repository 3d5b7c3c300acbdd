// Opens servers: for clients that wait, for min_pool_size, and for one client alone (replication).
//
// A dedicated server is the one client's that it was opened for, from its login on, and is closed when that lets go.

import type { DatabaseTarget } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server } from '../server/server.ts';
import { moveServer, type ServerLists } from '../server/states.ts';
import type { Clock } from '../util/clock.ts';
import type { List } from '../util/list.ts';
import { isAway } from './backoff.ts';
import type { Outage } from './outage.ts';
import type { PoolClient } from './pool-client.ts';
import type { PoolState } from './states.ts';
import type { PoolStats } from './stats.ts';

/** What is looked at of a pool. */
export interface GrowingPool {
  readonly clients: { readonly waiting: List<PoolClient> };
  readonly clientCount: number;
  readonly minSize: number;
  readonly outage: Outage;
  readonly serverCount: number;
  readonly servers: ServerLists<Server>;
  readonly settings: EffectiveSettings;
  readonly state: PoolState;
  readonly stats: PoolStats;
  readonly target: DatabaseTarget;
  maxWaitMs(now: number): number;
}

/** What the pool does for it. */
export interface OpeningHost {
  readonly clock: Clock;
  /** Processes that share the limits. Where it is more than one, who has to make room is not for one of them to say. */
  readonly workers: number;
  mayOpen(waitedMs: number): boolean;
  /** Dials; dedicated: further startup parameters (replication). */
  open(dedicated: ReadonlyMap<string, string> | null): Server;
  /** It is on the list of logins now. */
  opened(): void;
  /** Closes an idle server, and nobody takes its room. */
  evict(server: Server): void;
  /** server_check_query */
  check(server: Server): void;
  proven(server: Server): void;
  /** The server is this client's, who waits for it. */
  assign(client: PoolClient, server: Server): void;
  loginFailed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void;
}

export class Openings {
  /** Servers that are opened for one client only, until that lets go. */
  readonly dedicated = new Map<Server, PoolClient>();
  /** The clients that wait for one of their own, which nobody has begun to open. */
  readonly dedicatedQueue = new Set<PoolClient>();
  readonly #pool: GrowingPool;
  readonly #host: OpeningHost;

  constructor(pool: GrowingPool, host: OpeningHost) {
    this.#pool = pool;
    this.#host = host;
  }

  /** For those who wait, as far as limits and backoff allow; checks used ones first. */
  grow(): void {
    const { outage, servers } = this.#pool;
    const now = this.#host.clock.now();
    if (this.dedicatedQueue.size > 0) for (const client of [...this.dedicatedQueue]) this.#openDedicated(client, now);
    const { login, tested, used } = servers;
    // Clients that wait for a server of their own count on both sides once it logs in.
    let wanted = this.#pool.clients.waiting.length - this.dedicatedQueue.size - login.length - tested.length;
    while (wanted > 0 && used.head !== null) {
      this.#host.check(used.head);
      wanted -= 1;
    }
    while (wanted > 0 && now >= outage.retryAt && this.#host.mayOpen(this.#pool.maxWaitMs(now))) {
      // After a failure one attempt at a time: it shows whether Postgres is back.
      if (outage.failures > 0 && login.length > 0) return;
      this.#open(null);
      wanted -= 1;
    }
  }

  /** Up to min_pool_size, while somebody uses the pool. */
  fill(): void {
    const { clientCount, minSize, outage, serverCount, servers, state, target } = this.#pool;
    if (state !== 'running' || serverCount >= minSize) return;
    if (clientCount === 0 && target.forcedUser === null) return;
    if (this.#host.clock.now() < outage.retryAt || servers.login.length > 0) return;
    if (this.#host.mayOpen(0)) this.#open(null);
  }

  #open(dedicated: ReadonlyMap<string, string> | null): Server {
    const server = this.#host.open(dedicated);
    this.#pool.servers.login.append(server);
    this.#host.opened();
    return server;
  }

  /** Dedicated servers --------------------------------------------------------------------------------------------- */

  /** An idle server makes room for it where the pool is full. */
  #openDedicated(client: PoolClient, now: number): void {
    if (!this.#isWaiting(client)) {
      this.dedicatedQueue.delete(client);
      return;
    }
    if (now < this.#pool.outage.retryAt) return;
    if (!this.#host.mayOpen(this.#pool.maxWaitMs(now)) && !this.#evictIdle(now)) return;
    this.dedicatedQueue.delete(client);
    this.dedicated.set(this.#open(client.dedicated), client);
  }

  /** True: an idle server went, and one may be opened in its place. */
  #evictIdle(now: number): boolean {
    if (this.#host.workers > 1) return false;
    const { serverCount, servers, settings } = this.#pool;
    const { pool_size, max_db_connections, max_user_connections } = settings;
    const isFull = pool_size > 0 && serverCount >= pool_size;
    // Where only too many logins are under way, room would be no help.
    if (!isFull && max_db_connections === 0 && max_user_connections === 0) return false;
    const idle = servers.idle.tail ?? servers.used.tail;
    if (idle === null) return false;
    this.#host.evict(idle);
    return this.#host.mayOpen(this.#pool.maxWaitMs(now));
  }

  /** It has logged in for its one client. */
  dedicatedLogin(server: Server, owner: PoolClient): void {
    const { servers, state } = this.#pool;
    this.#host.proven(server);
    server.closeReason = 'replication_ended';
    moveServer(server, servers, 'idle');
    if (!this.#isWaiting(owner) || state !== 'running') {
      if (this.#isWaiting(owner)) this.dedicatedQueue.add(owner);
      server.close('replication_ended'); // the client left meanwhile, or has to wait for RESUME
      return;
    }
    this.#host.assign(owner, server);
  }

  /**
   * A refusal (no right to replicate, max_wal_senders) concerns the one client that asked: nobody else is refused or
   * slowed down by it. Where Postgres is away, it is tried again for this client like for the others.
   */
  dedicatedLoginFailed(server: Server, owner: PoolClient, reason: ServerCloseReason, error: ErrorFields | null): void {
    const isRefusal = error !== null && (error.sqlstate === '53300' || !isAway(reason, error));
    if (!isRefusal) {
      if (this.#isWaiting(owner)) this.dedicatedQueue.add(owner);
      this.#host.loginFailed(server, reason, error);
      return;
    }
    this.#pool.stats.serverLoginFailureCount += 1;
    if (this.#isWaiting(owner)) owner.onRefused(error);
  }

  #isWaiting(client: PoolClient): boolean {
    return client.list === this.#pool.clients.waiting;
  }
}
