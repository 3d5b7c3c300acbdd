// The verbs: whoever wants something of the pooler (the console, HTTP, signals) asks for it here and nowhere else.

import type { PasswordKeeper } from './auth/password-keeper.ts';
import type { Client } from './client/client.ts';
import type { Clients } from './client/clients.ts';
import type { Config, LoadResult } from './config/config.ts';
import { findDatabase } from './config/config.ts';
import { effectiveSettings } from './config/effective.ts';
import { formatProblems, type Problem } from './config/problems.ts';
import { afterReload, planReload, type ReloadChange } from './config/reload-plan.ts';
import { withSetting } from './config/set.ts';
import type { Settings } from './config/settings-table.ts';
import type { EventRing } from './observe/event-ring.ts';
import type { Logger } from './observe/log.ts';
import type { Pool } from './pool/pool.ts';
import type { Pools } from './pool/pools.ts';
import { poolerError } from './protocol/catalogue.ts';
import type { Server } from './server/server.ts';

export type ShutdownMode = Settings['shutdown_mode'];

/** running, or how it goes down. */
export type ControlState = 'running' | 'paused' | ShutdownMode;

export interface ControlOptions {
  readonly pools: Pools;
  readonly clients: Clients;
  readonly log: Logger;
  /** The flight recorder. */
  readonly events: EventRing;
  /** The configuration in force. */
  readonly config: Config;
  /** Reads the file again; null where there is none (the demo). */
  readonly load: (() => LoadResult) | null;
  /** What commands and files give belongs to it. */
  readonly passwords: PasswordKeeper;
  /** Takes a server back from a client that does not use it; false: it does. */
  readonly takeBack: (pool: Pool, server: Server, client: Client) => boolean;
  /** A new configuration is in force. */
  readonly onConfig: (config: Config) => void;
  /** It begins to go down, or goes down in a stricter way. Resolves when nobody comes in any more who should not. */
  readonly onShutdown: (mode: ShutdownMode) => Promise<void>;
  /** Everything is over: close the doors and go. */
  readonly onStop: () => void;
  /** Clients of the other workers: waiting for the last one means for theirs, too. */
  readonly clientsElsewhere: () => number;
}

export interface Beginning {
  readonly isPaused: boolean;
  readonly pausedDatabases: readonly string[];
  readonly disabledDatabases: readonly string[];
}

export type ReloadResult =
  | { readonly ok: true; readonly changes: readonly ReloadChange[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

const SHUTDOWN_TICK_MS = 50;

/** From the gentlest on. */
const STRICTER: readonly ShutdownMode[] = ['wait_for_clients', 'drain', 'wait_for_servers', 'immediate'];

export class Control {
  readonly #options: ControlOptions;
  #config: Config;
  #shutdown: ShutdownMode | null = null;
  #shutdownTimer: NodeJS.Timeout | null = null;
  #shutdownStartedAt = 0;
  #areDoorsReady = false;
  /** Everything is paused, or the databases named here are. */
  #isPaused = false;
  readonly #pausedDatabases = new Set<string>();
  readonly #disabledDatabases = new Set<string>();
  /** Commands that are answered when something has come to its end. */
  #waiters: { readonly isOver: () => boolean; readonly done: () => void }[] = [];

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#config = options.passwords.use(options.config);
  }

  get config(): Config {
    return this.#config;
  }

  get state(): ControlState {
    return this.#shutdown ?? (this.#isPaused ? 'paused' : 'running');
  }

  /** New clients are let in. Where the doors are closed behind the last one (so_reuseport), nobody who came before is turned away. */
  get isOpen(): boolean {
    if (this.#shutdown === 'drain') return this.#config.settings.so_reuseport || !this.#isDraining;
    return this.#shutdown === null || this.#shutdown === 'wait_for_clients';
  }

  /** Clients are told to go: shutdown_min_wait is over. They come again at once, and must not come here. */
  get #isDraining(): boolean {
    const { shutdown_min_wait } = this.#config.settings;
    if (this.#shutdown !== 'drain' || !this.#areDoorsReady) return false;
    return performance.now() - this.#shutdownStartedAt >= shutdown_min_wait;
  }

  isPaused(database: string): boolean {
    return this.#isPaused || this.#pausedDatabases.has(database);
  }

  /** PAUSE or KILL without a name is in force. */
  get isAllPaused(): boolean {
    return this.#isPaused;
  }

  /** PAUSE or KILL of this database is in force, whatever holds for all. */
  isPausedItself(database: string): boolean {
    return this.#pausedDatabases.has(database);
  }

  isDisabled(database: string): boolean {
    return this.#disabledDatabases.has(database);
  }

  /** What commands had made of the pooler before this worker came. */
  begin({ isPaused, pausedDatabases, disabledDatabases }: Beginning): void {
    this.#isPaused = isPaused;
    for (const name of pausedDatabases) this.#pausedDatabases.add(name);
    for (const name of disabledDatabases) this.#disabledDatabases.add(name);
  }

  /** No new transactions; resolves when no server is held any more. database null: all of them. PgBouncer: PAUSE. */
  pause(database: string | null): Promise<void> {
    if (database === null) this.#isPaused = true;
    else this.#pausedDatabases.add(database);
    this.#options.log.info({ database: database ?? '*' }, 'pause');
    this.#options.events.add('pause', { database: database ?? '' });
    for (const pool of this.#poolsOf(database)) pool.pause();
    return this.#until(() => [...this.#poolsOf(database)].every((pool) => pool.state !== 'pausing'));
  }

  /** Resolves when every server that was to be closed is. PgBouncer: WAIT_CLOSE. */
  waitClose(database: string | null): Promise<void> {
    const isClosing = (pool: Pool) => [...pool.allServers()].some((server) => server.closeReason !== null);
    return this.#until(() => ![...this.#poolsOf(database)].some(isClosing));
  }

  #until(isOver: () => boolean): Promise<void> {
    return new Promise((done) => {
      this.#waiters.push({ isOver, done });
      this.tick();
    });
  }

  /** null: what holds for all; a database that was paused by its name stays so. PgBouncer: RESUME. */
  resume(database: string | null): void {
    if (database === null) this.#isPaused = false;
    else this.#pausedDatabases.delete(database);
    this.#options.log.info({ database: database ?? '*' }, 'resume');
    this.#options.events.add('resume', { database: database ?? '' });
    for (const pool of this.#poolsOf(database)) if (!this.isPaused(pool.database)) pool.resume();
  }

  /** Every server is replaced when its client lets go. PgBouncer: RECONNECT. */
  reconnect(database: string | null): void {
    this.#options.log.info({ database: database ?? '*' }, 'reconnect');
    this.#options.events.add('reconnect', { database: database ?? '' });
    for (const pool of this.#poolsOf(database)) pool.reconnect('reconnect');
  }

  /** Drops every client and server of the database; new ones wait until RESUME. PgBouncer: KILL. */
  kill(database: string | null): void {
    if (database === null) this.#isPaused = true;
    else this.#pausedDatabases.add(database);
    this.#options.log.warn({ database: database ?? '*' }, 'kill');
    this.#options.events.add('kill', { database: database ?? '' });
    const error = poolerError('admin_forced_disconnect');
    for (const client of [...this.#options.clients]) {
      const isMeant = client.pool !== null && (database === null || client.pool.database === database);
      if (isMeant) client.close('admin_forced_disconnect', error);
    }
    for (const pool of this.#poolsOf(database)) {
      pool.pause();
      for (const server of [...pool.allServers()]) server.close('admin_forced_disconnect');
    }
  }

  /** False: there is no such client. PgBouncer: KILL_CLIENT. */
  killClient(id: number): boolean {
    const client = this.#options.clients.findById(id);
    if (client === null) return false;
    client.close('admin_forced_disconnect', poolerError('admin_forced_disconnect'));
    return true;
  }

  /** Takes a server back from a client that is silent inside a transaction. Both are named: meanwhile the server may be another's. */
  reclaim(clientId: number, serverId: number): 'done' | 'in_use' | 'gone' {
    const client = this.#options.clients.findById(clientId);
    const { pool = null, server = null } = client ?? {};
    if (client === null || pool === null || server?.id !== serverId) return 'gone';
    return this.#options.takeBack(pool, server, client) ? 'done' : 'in_use';
  }

  /** New clients of the database are refused. PgBouncer: DISABLE. */
  disable(database: string): void {
    this.#disabledDatabases.add(database);
    this.#options.events.add('disable', { database });
  }

  /** PgBouncer: ENABLE. */
  enable(database: string): void {
    this.#disabledDatabases.delete(database);
    this.#options.events.add('enable', { database });
  }

  /** Reads the file again: all of it takes hold, or nothing does. PgBouncer: RELOAD. */
  reload(): ReloadResult {
    const { load, log, events } = this.#options;
    const result = load === null ? ({ ok: true, config: this.#config } as const) : load();
    if (!result.ok) {
      log.error({ problems: formatProblems(result.problems) }, 'reload: the file has problems, nothing was changed');
      events.add('reload', { cause: 'refused', text: formatProblems(result.problems) });
      return result;
    }
    for (const warning of result.config.warnings) log.warn(formatProblems([warning]));
    const changes = this.#change(result.config, 'reload: changed');
    log.info({ changes: changes.length }, 'reload');
    events.add('reload', { cause: 'done', text: changes.map(({ key }) => key).join(', ') });
    return { ok: true, changes };
  }

  /** One setting of the top level, until the next reload. null: done; else why it can't be. PgBouncer: SET. */
  set(key: string, value: string): string | null {
    const result = withSetting(this.#config, key, value);
    if (typeof result === 'string') return result;
    this.#change(result, 'set');
    this.#options.events.add('set', { text: `${key}=${value}` });
    return null;
  }

  /** A new configuration takes hold. */
  #change(read: Config, message: string): readonly ReloadChange[] {
    const { log, passwords } = this.#options;
    const next = passwords.use(read);
    const changes = planReload(this.#config, next);
    for (const { key, scope, from, to, reload } of changes) log.info({ key, scope, from, to, reload }, message);
    this.#config = afterReload(this.#config, next);
    log.level = this.#config.settings.log_level;
    this.#options.onConfig(this.#config);
    const drained = new Set(changes.filter((change) => change.reload === 'drain').map((change) => change.scope));
    for (const pool of [...this.#options.pools]) this.#reloadPool(pool, drained);
    return changes;
  }

  /** A file or a command has another password now. Servers that are logged in stay: it is for those to come. */
  renewPasswords(): void {
    const next = this.#options.passwords.apply(this.#config);
    if (next === this.#config) return;
    this.#config = next;
    for (const pool of [...this.#options.pools]) {
      pool.target = findDatabase(next, pool.database) ?? pool.target;
      pool.credentialsChanged();
    }
  }

  #reloadPool(pool: Pool, drained: ReadonlySet<string>): void {
    const target = findDatabase(this.#config, pool.database);
    if (target === null) {
      // The database is gone from the file: its clients may finish what they do.
      const error = poolerError('no_such_database', pool.database);
      for (const client of [...this.#options.clients])
        if (client.pool === pool) client.leave('no_such_database', error);
      pool.reconnect('settings_changed');
      return;
    }
    const hasMoved = target.auto !== pool.target.auto;
    pool.settings = effectiveSettings(this.#config, pool.database, pool.user);
    pool.target = target;
    const entry = target.auto ? '*' : pool.database;
    if (hasMoved || drained.has(`database:${entry}`) || drained.has('global')) pool.reconnect('settings_changed');
  }

  /** The janitor's moment: who waits for something that is over? */
  tick(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.isOver()) waiter.done();
      else this.#waiters.push(waiter);
    }
  }

  /**
   * Goes down. wait_for_clients goes on serving, new clients too, until none is left (or the time is over); drain tells clients to
   * go when they have nothing under way; wait_for_servers lets transactions end, and serves nobody who waits; immediate waits for
   * nothing. A stricter mode may follow a gentler one.
   */
  shutdown(mode: ShutdownMode): void {
    if (this.#shutdown !== null && STRICTER.indexOf(mode) <= STRICTER.indexOf(this.#shutdown)) return;
    if (this.#shutdown === null) this.#shutdownStartedAt = performance.now();
    this.#shutdown = mode;
    this.#options.log.info({ mode, clients: this.#options.clients.size }, 'shutdown');
    this.#options.events.add('shutdown', { cause: mode });
    void this.#options.onShutdown(mode).then(() => {
      this.#areDoorsReady = true;
    });
    if (this.#shutdownTimer !== null) clearInterval(this.#shutdownTimer);
    if (mode === 'immediate') {
      this.#finish();
      return;
    }
    if (mode === 'wait_for_servers') this.#dismissClients();
    let idleSince = performance.now();
    this.#shutdownTimer = setInterval(() => {
      // Behind what has arrived in this turn of the event loop: who has begun a transaction with it may end it.
      if (mode === 'drain') setImmediate(() => this.#drainClients());
      const now = performance.now();
      if (this.#clientCount > 0) idleSince = now;
      if (this.#mayFinish(mode, now - this.#shutdownStartedAt, now - idleSince)) this.#finish();
    }, SHUTDOWN_TICK_MS);
  }

  get #clientCount(): number {
    return this.#options.clients.applicationCount + this.#options.clientsElsewhere();
  }

  #mayFinish(mode: ShutdownMode, sinceMs: number, idleMs: number): boolean {
    const { shutdown_idle, shutdown_min_wait, shutdown_timeout } = this.#config.settings;
    const count = this.#clientCount;
    if (shutdown_timeout > 0 && sinceMs >= shutdown_timeout) {
      if (count > 0) this.#options.log.warn({ clients: count }, 'shutdown_timeout is over with clients connected');
      return true;
    }
    if (mode === 'wait_for_servers') return count === 0;
    if (mode === 'drain') return count === 0 && this.#isDraining;
    return count === 0 && idleMs >= shutdown_idle && sinceMs >= shutdown_min_wait;
  }

  /** The next stricter way to go down. For a signal that comes again. */
  escalate(): void {
    this.shutdown('immediate');
  }

  #dismissClients(): void {
    const error = poolerError('pooler_shutdown');
    // The console stays: it asked for this, or wants to see how far it is.
    for (const client of [...this.#options.clients]) if (!client.isConsole) client.leave('pooler_shutdown', error);
  }

  /** Again and again: who has just come, or was refused a server, has nothing under way a moment later. */
  #drainClients(): void {
    if (!this.#isDraining) return;
    const error = poolerError('pooler_shutdown');
    const { shutdown_idle: graceMs } = this.#config.settings;
    for (const client of [...this.#options.clients])
      if (!client.isConsole) client.drain('pooler_shutdown', error, graceMs);
  }

  #finish(): void {
    if (this.#shutdownTimer !== null) clearInterval(this.#shutdownTimer);
    this.#shutdownTimer = null;
    this.#options.onStop();
  }

  *#poolsOf(database: string | null): Iterable<Pool> {
    for (const pool of [...this.#options.pools]) if (database === null || pool.database === database) yield pool;
  }
}
