// `pgsluice run` with several workers, as processes of their own: started, looked at from outside, told to go.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import type { ConfigTree, LogLine } from './pooler.ts';
import { queryOn, type TestDatabase } from './postgres.ts';
import { waitUntil } from './wait-until.ts';
import { connectAndLogin, type LoginOptions, type LoginResult, type WireClient } from './wire.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/pgsluice.ts', import.meta.url));

export class Crew {
  readonly log: LogLine[] = [];
  readonly host = '127.0.0.1';
  port = 0;
  httpPort = 0;
  readonly exited: Promise<number | null>;
  readonly #process: ChildProcess;
  readonly #target: TestDatabase;
  readonly #file: string;
  #tree: ConfigTree;

  constructor(target: TestDatabase, directory: string, tree: ConfigTree) {
    this.#target = target;
    this.#file = join(directory, 'pgsluice.yaml');
    this.#tree = tree;
    this.write({});
    this.#process = spawn(process.execPath, [COMMAND, 'run', '--config', this.#file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.exited = once(this.#process, 'exit').then(([code]) => code as number | null);
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      createInterface({ input: stream! }).on('line', (line) => {
        try {
          this.log.push(JSON.parse(line) as LogLine);
        } catch {
          this.log.push({ level: 'error', msg: line });
        }
      });
    }
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  lines(msg: string): LogLine[] {
    return this.log.filter((line) => line.msg === msg);
  }

  /** Changes the file; a reload is the test's to ask for. */
  write(change: ConfigTree): void {
    this.#tree = { ...this.#tree, ...change };
    writeFileSync(this.#file, stringify(this.#tree));
  }

  async up(): Promise<this> {
    const isUp = () => this.lines('pgsluice is up').length > 0;
    await waitUntil(() => isUp() || !this.isRunning, { timeoutMs: 20_000, what: 'pgsluice is up' });
    if (!isUp()) throw new Error(`it ended: ${JSON.stringify(this.log.slice(-5))}`);
    const [line] = this.lines('pgsluice is up') as unknown as [{ addresses: string[]; http: number }];
    this.port = Number(/:(\d+)$/.exec(line.addresses[0]!)?.[1]);
    this.httpPort = line.http;
    return this;
  }

  /** Process ids of the workers that run now. */
  workers(): number[] {
    const of = (pid: number) =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
        .split(' ')
        .filter((text) => text !== '')
        .map(Number);
    return of(this.pid);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  get config(): pg.ClientConfig {
    const { user, password, database } = this.#target;
    return { host: this.host, port: this.port, user, password, database };
  }

  connect(login: Partial<LoginOptions> = {}): Promise<WireClient & { session: LoginResult }> {
    const { user, password, database } = this.#target;
    return connectAndLogin(this.port, { user, password, database, ...login });
  }

  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string): Promise<Row[]> {
    return queryOn<Row>(this.config, sql);
  }

  console<Row extends pg.QueryResultRow = pg.QueryResultRow>(command: string): Promise<Row[]> {
    return queryOn<Row>({ ...this.config, database: 'pgsluice' }, command);
  }

  /** Connections of the pooler to Postgres, asked past it. */
  async servers(database = this.#target.database): Promise<number> {
    const sql = `SELECT count(*)::int AS n FROM pg_stat_activity
      WHERE datname = '${database}' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
    return (await this.#target.query<{ n: number }>(sql))[0]!.n;
  }

  async stop(): Promise<number | null> {
    if (this.isRunning) this.signal('SIGQUIT');
    return this.exited;
  }
}

/** Listens on free ports, in front of the database; lives as long as the test. */
export async function startCrew(target: TestDatabase, settings: ConfigTree = {}): Promise<Crew> {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-crew-'));
  const crew = new Crew(target, directory, {
    workers: 2,
    listen_port: 0,
    http_listen_port: 0,
    log_format: 'json',
    admin_users: [target.user],
    databases: { [target.database]: { host: target.host, port: target.port } },
    users: { [target.user]: { password: target.password } },
    ...settings,
  });
  onTestFinished(async () => {
    await crew.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return crew.up();
}
