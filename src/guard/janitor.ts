// The one timer: applies the rules of time to every pool and client, a few times a second.
// PgBouncer: janitor.c, full_maint_period of 333 ms; ours ticks faster so that a Postgres that is back is used at once.

import type { Pool } from '../pool/pool.ts';
import type { PoolClient } from '../pool/pool-client.ts';
import type { Pools } from '../pool/pools.ts';
import { asFatal, type PoolerError, poolerError } from '../protocol/catalogue.ts';
import type { Server } from '../server/server.ts';
import type { HeldServerReason } from '../server/server-holder.ts';
import { moveServer } from '../server/states.ts';
import { kindNames } from '../session/policy.ts';
import type { SteadyClock } from '../util/clock.ts';
import { formatDuration } from '../util/duration.ts';
import { Histogram } from '../util/histogram.ts';
import type { List } from '../util/list.ts';
import { Rounds } from '../util/rounds.ts';
import { Turns } from '../util/turns.ts';
import { exhaustionOf } from './exhaustion.ts';
import type { Leaks } from './leaks.ts';
import {
  askedServerRule,
  canceledServerRule,
  emptyPoolRule,
  heldServerRule,
  idleClientRule,
  idleServerRule,
  loginServerRule,
  needsCancelAgain,
  needsCheck,
  silentSince,
  unmovedRule,
} from './rules.ts';

export const TICK_MS = 100;
/** In so many ticks each client is looked at once. */
const CLIENT_ROUND_TICKS = 10;
/** A tick that comes later than this was held up by a stall, not by load. */
const STALL_MS = 2_000;

export interface JanitorOptions {
  readonly pools: Pools;
  readonly leaks: Leaks;
  /** Clients that have not logged in, in order of arrival. */
  readonly logins: List<PoolClient>;
  readonly clock: SteadyClock;
  readonly clientLoginTimeoutMs: () => number;
  /** Called at the end of each round. */
  readonly onTick: () => void;
  /** A round threw: a mistake of ours. */
  readonly onBug: (error: unknown) => void;
  /** The process stood still for so long. */
  readonly onStall: (stalledMs: number) => void;
}

export class Janitor {
  /** How late each tick was: what anybody who comes at that moment has to wait for the event loop. */
  readonly lateness = new Histogram();
  readonly #options: JanitorOptions;
  /** Pools in which more clients have waited for too long than were told so in one go. */
  readonly #unfinished = new Set<Pool>();
  readonly #rounds = new WeakMap<Pool, Rounds<PoolClient>>();
  #timer: NodeJS.Timeout | null = null;
  #lastTickAt = 0;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  start(): void {
    this.#lastTickAt = performance.now();
    this.#timer = setInterval(() => this.#onTimer(), TICK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #onTimer(): void {
    const at = performance.now();
    const stalledMs = at - this.#lastTickAt - TICK_MS;
    this.#lastTickAt = at;
    this.lateness.record(Math.max(stalledMs, 0));
    if (stalledMs > STALL_MS) {
      this.#options.clock.skip(stalledMs);
      this.#options.onStall(stalledMs);
    }
    try {
      this.tick();
    } catch (error) {
      // The next round goes on; whatever broke this one is told and counted.
      this.#options.onBug(error);
    }
  }

  /** One round. Public for tests with a clock of their own. */
  tick(): void {
    const now = this.#options.clock.now();
    for (const pool of this.#options.pools) this.#tendPool(pool, now);
    this.#tendLogins(now);
    this.#options.onTick();
  }

  #tendPool(pool: Pool, now: number): void {
    // Of a thousand pools most have nothing to tend.
    if (pool.servers.active.length > 0) this.#tendHeld(pool, now);
    this.#options.leaks.tend(pool, now);
    if (pool.clients.waiting.length > 0) this.#tendWaiting(pool, now);
    if (pool.serverCount > 0) this.#tendServers(pool, now);
    this.#tendCancels(pool, now);
    this.#tendClients(pool, now);
    if (pool.settings.tcp_user_timeout > 0) this.#tendWrites(pool, now);
    if (pool.clientCount > 0) pool.usedAt = now;
    this.#tendListener(pool, now);
    pool.checkPaused();
    pool.grow();
    pool.fill();
    if (pool.clientCount === 0 && emptyPoolRule(pool.usedAt, now, pool.target.auto, pool.settings)) this.#remove(pool);
  }

  #tendWaiting(pool: Pool, now: number): void {
    const { query_wait_timeout, query_wait_notify } = pool.settings;
    const turns = new Turns();
    pool.shed(now);
    for (const waiting of pool.clients.waiting) {
      const waitedMs = now - waiting.waitingSince;
      if (query_wait_timeout > 0 && waitedMs >= query_wait_timeout) waiting.onRefused(waitTimeout(pool, waitedMs, now));
      else if (query_wait_notify > 0 && waitedMs >= query_wait_notify && !waiting.waitNotified) {
        waiting.waitNotified = true;
        if (!waiting.isLoggingIn) waiting.notice(waitNotice(pool));
      } else if (waiting.waitNotified || query_wait_notify === 0) continue;
      else break; // the queue is in order of arrival
      if (turns.isOver) {
        this.#goOnSoon(pool);
        return;
      }
    }
  }

  /** Ten thousand that came in one moment have waited for too long in one moment. */
  #goOnSoon(pool: Pool): void {
    if (this.#unfinished.has(pool)) return;
    this.#unfinished.add(pool);
    setImmediate(() => {
      this.#unfinished.delete(pool);
      try {
        if (pool.state !== 'closed') this.#tendWaiting(pool, this.#options.clock.now());
      } catch (error) {
        this.#options.onBug(error);
      }
    });
  }

  #tendHeld(pool: Pool, now: number): void {
    // Closing one may hand another to its client.
    for (const server of [...pool.servers.active]) {
      if (server.isAsked && server.holder !== null) {
        const silent = askedServerRule(server, now, pool.settings);
        if (silent !== null) server.close(silent);
        continue;
      }
      const reason = heldServerRule(server, now, pool.settings);
      if (reason === null || server.holder === null) continue;
      const lost = reason === 'pin_idle_timeout' ? `lost with it: ${kindNames(server.pins).join(', ')}` : undefined;
      const error = poolerError(reason, formatDuration(Math.round(now - stampOf(server, reason))), lost);
      server.holder.onServerExpired(reason, error);
    }
  }

  #tendServers(pool: Pool, now: number): void {
    const { servers, settings } = pool;
    for (const list of [servers.idle, servers.used]) {
      // A copy: closing one lets the pool grow, which may take its neighbour off this list.
      for (const server of [...list]) {
        if (server.list !== list) continue;
        const surplus = pool.minSize === 0 || pool.serverCount > pool.minSize;
        const reason = pool.isTooBig ? 'settings_changed' : idleServerRule(server, now, settings, surplus);
        if (reason !== null) server.close(reason);
        else if (list === servers.idle && needsCheck(server, now, settings)) moveServer(server, servers, 'used');
      }
    }
    const limits = loginLimits(pool);
    // A copy: the end of one opens another.
    for (const server of [...servers.login]) {
      const reason = loginServerRule(server, now, limits);
      if (reason !== null) server.close(reason, `no login within ${formatDuration(limits.server_connect_timeout)}`);
    }
    for (const server of servers.tested) {
      const reason = askedServerRule(server, now, settings);
      if (reason !== null) server.close(reason);
    }
    for (const server of servers.being_canceled) {
      const reason = canceledServerRule(server, now, settings);
      if (reason !== null) server.close(reason);
      else if (needsCancelAgain(server, now)) pool.cancelAgain(server);
    }
  }

  /** The connection that listens: those that hear it rely on its being there. */
  #tendListener(pool: Pool, now: number): void {
    const { listener, settings } = pool;
    const { server } = listener;
    if (server === null) {
      listener.tend(now);
      return;
    }
    let reason = server.state === 'login' ? loginServerRule(server, now, loginLimits(pool)) : null;
    if (server.isAsked) reason = askedServerRule(server, now, settings);
    if (reason === null) listener.tend(now);
    else server.close(reason);
  }

  /** Who says nothing, and who takes nothing of what we write: a part of them in each round, because there may be ten thousand. */
  #tendClients(pool: Pool, now: number): void {
    const { settings, clients } = pool;
    const { client_idle_timeout: idleLimit, tcp_user_timeout: takeLimit } = settings;
    if ((idleLimit === 0 && takeLimit === 0) || clients.active.length === 0) return;
    let rounds = this.#rounds.get(pool);
    if (rounds === undefined) {
      rounds = new Rounds(CLIENT_ROUND_TICKS);
      this.#rounds.set(pool, rounds);
    }
    for (const client of rounds.next(clients.active)) {
      // Gone, or waiting.
      if (client.list !== clients.active) continue;
      if (idleLimit > 0 && idleClientRule(client, now, settings)) {
        const error = poolerError('client_idle_timeout', formatDuration(now - silentSince(client)));
        client.close('client_idle_timeout', error);
      } else if (takeLimit > 0 && unmovedRule(client.stream.unmovedSince(now), now, settings))
        client.close('tcp_user_timeout', null, notTaken(pool));
    }
  }

  /** Servers that take nothing. Those that log in have limits of their own. */
  #tendWrites(pool: Pool, now: number): void {
    const { settings, servers } = pool;
    // A copy: closing one may hand another to a client that waits.
    for (const server of [...servers.active, ...servers.being_canceled, ...servers.tested]) {
      if (unmovedRule(server.stream.unmovedSince(now), now, settings)) server.close('tcp_user_timeout', notTaken(pool));
    }
  }

  /** Who brought a cancel request waits no longer, whether it is on its way or waits for its turn. */
  #tendCancels(pool: Pool, now: number): void {
    const limit = pool.settings.cancel_wait_timeout;
    if (limit === 0) return;
    const { waiting_cancel, active_cancel } = pool.clients;
    if (waiting_cancel.length + active_cancel.length === 0) return;
    for (const list of [waiting_cancel, active_cancel]) {
      for (const client of list) {
        if (now - client.connectedAt >= limit) client.close('cancel_done', null, 'cancel_wait_timeout');
      }
    }
  }

  #tendLogins(now: number): void {
    const limit = this.#options.clientLoginTimeoutMs();
    if (limit === 0) return;
    const error = poolerError('client_login_timeout', formatDuration(limit));
    for (const client of this.#options.logins) {
      if (now - client.connectedAt < limit) break; // in order of arrival
      client.close('client_login_timeout', error);
    }
    // Let in, but Postgres has not said yet what to tell it.
    for (const pool of this.#options.pools) {
      // Whoever is closed leaves the list. Thousands may wait: nothing is made for each of them.
      for (let client = pool.clients.waiting.head, next = client; client !== null; client = next) {
        next = client.next;
        if (client.isLoggingIn && now - client.connectedAt >= limit) client.close('client_login_timeout', error);
      }
    }
  }

  #remove(pool: Pool): void {
    pool.close('pool_idle_timeout');
    this.#options.pools.remove(pool);
    this.#options.leaks.forget(pool);
  }
}

/** Where there is another host to try, one that says nothing gets less time. */
function loginLimits({ hosts, settings }: Pool): { readonly server_connect_timeout: number } {
  return { server_connect_timeout: hosts.loginLimitMs(settings.server_connect_timeout) };
}

function notTaken({ settings }: Pool): string {
  return `nothing was taken for ${formatDuration(settings.tcp_user_timeout)}`;
}

function stampOf(server: Server, reason: HeldServerReason): number {
  if (reason === 'query_timeout') return server.queryStartedAt;
  return reason === 'transaction_timeout' ? server.xactStartedAt : server.activeAt;
}

function waitTimeout(pool: Pool, waitedMs: number, now: number): PoolerError {
  pool.stats.waitTimeoutCount += 1;
  const { detail, hint } = exhaustionOf(pool, now);
  const error = { ...poolerError('query_wait_timeout', formatDuration(Math.round(waitedMs)), detail), hint };
  return pool.settings.query_wait_timeout_action === 'disconnect' ? asFatal(error) : error;
}

/** PgBouncer: query_wait_notify. */
function waitNotice(pool: Pool): string {
  return `No server connection available in postgres backend, client being queued (${pool.clients.waiting.length} waiting)`;
}
