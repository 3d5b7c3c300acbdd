// A worker's side of the ledger: which permits it has, what it reports of its pools, what it closes when it is asked to.

import type { Dial } from '../net/dial.ts';
import type { LimitVerdict } from '../pool/limits.ts';
import type { Permits } from '../pool/permits.ts';
import type { Pool } from '../pool/pool.ts';
import { type Effect, keyOf, type PoolName, type PoolReport } from './ledger.ts';

/** What is known of one pool. */
interface Account {
  /** The one that has the name now: an earlier one may have connections left. */
  pool: Pool;
  readonly servers: Permitted;
  readonly listeners: Permitted;
  /** Servers that it would open now. */
  missing: number;
  lacksListener: boolean;
  askAgainAt: number;
  /** With a permit in use, and not logged in yet. */
  logins: number;
  back: number;
  listenersBack: number;
  unused: number;
  settled: number;
  waitingElsewhere: number;
  reported: PoolReport | null;
}

interface Permitted {
  granted: number;
  /** Connections whose socket is not closed yet. */
  used: number;
}

/** A server that is idle for less is about to be used again. */
const COLD_MS = 100;
/** What is asked for within it goes with the next tick. */
const ASK_AGAIN_MS = 50;

export type SendReport = (pool: PoolName, report: PoolReport) => void;
export type SendKept = (pool: PoolName, count: number) => void;

export class WorkerPermits implements Permits {
  readonly #accounts = new Map<string, Account>();
  readonly #byPool = new WeakMap<Pool, Account>();
  readonly #send: SendReport;
  readonly #sendKept: SendKept;
  readonly #now: () => number;

  constructor(now: () => number, send: SendReport, sendKept: SendKept) {
    this.#now = now;
    this.#send = send;
    this.#sendKept = sendKept;
  }

  mayOpen(pool: Pool): boolean {
    const account = this.#of(pool);
    if (account.servers.granted > account.servers.used) return true;
    account.missing = Math.max(wanted(pool), account.missing, 1);
    this.#askSoon(account);
    return false;
  }

  /** Never a limit that a server of this pool would have to make room for: whose has to, the ledger says. */
  mayListen(pool: Pool): LimitVerdict {
    const account = this.#of(pool);
    if (account.listeners.granted > account.listeners.used) return 'ok';
    account.lacksListener = true;
    this.#askSoon(account);
    return 'pool_size';
  }

  /** Behind all that want something in this turn, and not for each that waits for a moment: that is the way of queries. */
  #askSoon(account: Account): void {
    const now = this.#now();
    if (now < account.askAgainAt) return;
    account.askAgainAt = now + ASK_AGAIN_MS;
    setImmediate(() => this.#report(account));
  }

  use(pool: Pool, isListener: boolean, dial: Dial): Dial {
    const account = this.#of(pool);
    const permitted = isListener ? account.listeners : account.servers;
    permitted.used += 1;
    account.logins += 1;
    if (isListener) account.lacksListener = false;
    else account.missing = Math.max(account.missing - 1, 0);
    let open = 0;
    return (address) => {
      const socket = dial(address);
      open += 1;
      socket.once('close', () => {
        open -= 1;
        // One that is not encrypted may be dialed again, in the same turn.
        setImmediate(() => {
          if (open > 0) return;
          open = Number.POSITIVE_INFINITY;
          this.#closed(account, permitted);
        });
      });
      return socket;
    };
  }

  #closed(account: Account, permitted: Permitted): void {
    permitted.used -= 1;
    permitted.granted -= 1;
    if (permitted === account.servers) account.back += 1;
    else account.listenersBack += 1;
    this.#countSettled(account);
    this.#report(account);
  }

  onCapacity(pool: Pool): void {
    const account = this.#of(pool);
    this.#countSettled(account);
    if (account.settled > 0) this.#report(account);
  }

  /** Whoever was logging in and does not any more. */
  #countSettled(account: Account): void {
    const { servers, listener } = account.pool;
    const logins = servers.login.length + (listener.server?.state === 'login' ? 1 : 0);
    if (account.logins <= logins) return;
    account.settled += account.logins - logins;
    account.logins = logins;
  }

  waitingElsewhere(pool: Pool): number {
    return this.#accounts.get(keyOf(pool))?.waitingElsewhere ?? 0;
  }

  /** From the primary. */
  take(effect: Effect, find: (pool: PoolName) => Pool | null): void {
    const account = this.#accounts.get(keyOf(effect.pool));
    // Its pool may have been let go meanwhile.
    const pool = find(effect.pool) ?? account?.pool;
    if (account === undefined || pool === undefined) {
      if (effect.kind === 'grant') this.#giveBackUnknown(effect.pool, effect.servers, effect.listeners);
      else if (effect.kind === 'recall') this.#sendKept(effect.pool, effect.count);
      return;
    }
    if (effect.kind === 'grant') this.#granted(account, effect.servers, effect.listeners);
    else if (effect.kind === 'recall') this.#recalled(account, effect.count, effect.busy);
    else {
      account.waitingElsewhere = effect.waiting;
      pool.minShare = effect.minSize;
    }
  }

  #granted(account: Account, servers: number, listeners: number): void {
    const { pool } = account;
    account.servers.granted += servers;
    account.listeners.granted += listeners;
    if (listeners > 0) pool.listener.work();
    pool.grow();
    pool.fill();
    this.#giveBackUnused(account);
  }

  #giveBackUnused(account: Account): void {
    const servers = account.servers.granted - account.servers.used;
    const listeners = account.listeners.granted - account.listeners.used;
    if (servers + listeners === 0) return;
    account.servers.granted -= servers;
    account.listeners.granted -= listeners;
    account.back += servers;
    account.listenersBack += listeners;
    account.unused += servers;
    account.settled += listeners;
    // Whoever would have it now would have taken it.
    account.missing = 0;
    if (listeners > 0) account.lacksListener = false;
    this.#report(account);
  }

  #giveBackUnknown(pool: PoolName, servers: number, listeners: number): void {
    this.#send(pool, {
      servers: 0,
      listeners: 0,
      waiting: 0,
      waitedMs: 0,
      clients: 0,
      spare: 0,
      back: servers,
      listenersBack: listeners,
      unused: servers,
      settled: listeners,
    });
  }

  #recalled(account: Account, count: number, busy: boolean): void {
    const { pool } = account;
    let kept = count - Math.min(count, Math.max(pool.serverCount - pool.recalled, 0));
    const taken = count - kept;
    // Each that is closed is counted off.
    pool.recalled += taken;
    const closed = pool.giveUp(taken);
    if (!busy) {
      pool.recalled -= taken - closed;
      kept += taken - closed;
    }
    if (kept > 0) this.#sendKept(nameOf(pool), kept);
  }

  /** From the janitor's timer: what has changed that no event tells. */
  tick(): void {
    for (const [key, account] of this.#accounts) {
      const { pool, reported, servers, listeners } = account;
      account.missing = Math.min(account.missing, Math.max(wanted(pool), 0));
      if (pool.listener.clientCount === 0) account.lacksListener = false;
      const isGone = pool.state === 'closed' && servers.granted + listeners.granted === 0;
      if (isGone) account.missing = 0;
      const next = this.#look(account);
      if (reported === null || isNews(next, reported) || account.missing > 0) this.#report(account);
      if (!isGone) continue;
      this.#accounts.delete(key);
      this.#byPool.delete(pool);
    }
  }

  /** A pool that has come into being: the primary hears of its clients with the next tick. */
  #of(pool: Pool): Account {
    const own = this.#byPool.get(pool);
    if (own !== undefined) return own;
    const key = keyOf(pool);
    const known = this.#accounts.get(key);
    if (known !== undefined) {
      known.pool = pool;
      this.#byPool.set(pool, known);
      return known;
    }
    const account: Account = {
      pool,
      servers: { granted: 0, used: 0 },
      listeners: { granted: 0, used: 0 },
      missing: 0,
      lacksListener: false,
      askAgainAt: 0,
      logins: 0,
      back: 0,
      listenersBack: 0,
      unused: 0,
      settled: 0,
      waitingElsewhere: 0,
      reported: null,
    };
    this.#accounts.set(key, account);
    this.#byPool.set(pool, account);
    return account;
  }

  #look(account: Account): PoolReport {
    const { pool, servers, listeners, missing, lacksListener } = account;
    return {
      servers: servers.used + missing,
      listeners: listeners.used + (lacksListener ? 1 : 0),
      waiting: pool.clients.waiting.length,
      waitedMs: pool.maxWaitMs(this.#now()),
      clients: pool.state === 'closed' ? 0 : pool.clientCount,
      spare: spareOf(pool, this.#now()),
      back: account.back,
      listenersBack: account.listenersBack,
      unused: account.unused,
      settled: account.settled,
    };
  }

  #report(account: Account): void {
    const report = this.#look(account);
    account.back = 0;
    account.listenersBack = 0;
    account.unused = 0;
    account.settled = 0;
    account.reported = report;
    this.#send(nameOf(account.pool), report);
  }
}

function nameOf({ database, user }: Pool): PoolName {
  return { database, user };
}

/** Servers that its waiting clients could use beyond those that are on their way. */
function wanted(pool: Pool): number {
  if (pool.state !== 'running') return 0;
  const { login, tested } = pool.servers;
  const waiting = pool.clients.waiting.length - login.length - tested.length;
  return waiting > 0 ? waiting : pool.serverCount < pool.minSize ? 1 : 0;
}

function spareOf({ servers }: Pool, now: number): number {
  let spare = 0;
  for (const list of [servers.idle, servers.used]) {
    for (const server of list) if (now - server.activeAt >= COLD_MS) spare += 1;
  }
  return spare;
}

/** Waits that pass within a moment are no news. */
function isNews(next: PoolReport, last: PoolReport): boolean {
  return (
    next.servers !== last.servers ||
    next.listeners !== last.listeners ||
    next.spare !== last.spare ||
    next.clients > 0 !== last.clients > 0 ||
    next.settled > 0
  );
}
