// pgsluice itself, inside the test process: started on a free port in front of a Postgres, looked into, and held to its invariants.
import { Writable } from 'node:stream';
import type pg from 'pg';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { stringify } from 'yaml';
import { type App, type AppOptions, startApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config/load.ts';
import { expectInvariants } from './invariants.ts';
import { queryOn, type TestDatabase } from './postgres.ts';
import { waitUntil } from './wait-until.ts';
import { connectAndLogin, type LoginOptions, type LoginResult, type WireClient } from './wire.ts';

/** A configuration as it would stand in the file; listen_addr and ports are filled in. */
export interface ConfigTree {
  databases?: Record<string, Record<string, unknown>>;
  users?: Record<string, Record<string, unknown>>;
  [setting: string]: unknown;
}

export interface LogLine {
  level: string;
  msg: string;
  [key: string]: unknown;
}

type Target = Pick<TestDatabase, 'host' | 'port' | 'user' | 'password'> & { database: string };

export class TestPooler {
  readonly app: App;
  readonly host = '127.0.0.1';
  readonly port: number;
  /** Who logs in unless somebody else is named. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly log: LogLine[];
  /** What the next reload reads. */
  tree: ConfigTree;

  constructor(app: App, target: Target, log: LogLine[], tree: ConfigTree) {
    this.app = app;
    this.port = app.port;
    this.user = target.user;
    this.password = target.password;
    this.database = target.database;
    this.log = log;
    this.tree = tree;
  }

  /** For `pg`. */
  get config(): pg.ClientConfig {
    const { host, port, user, password, database } = this;
    return { host, port, user, password, database };
  }

  /** For everything that takes a connection string. */
  get url(): string {
    return `postgres://${this.user}:${encodeURIComponent(this.password)}@${this.host}:${this.port}/${this.database}`;
  }

  /** A raw client that is logged in. */
  connect(login: Partial<LoginOptions> = {}): Promise<WireClient & { session: LoginResult }> {
    const { user, password, database } = this;
    return connectAndLogin(this.port, { user, password, database, ...login });
  }

  /** One statement on a connection of its own, through the pooler, by `pg`. */
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]> {
    return queryOn<Row>(this.config, sql, values);
  }

  /** A command or SHOW on the console; the user has to be in admin_users (it is, by default). */
  console<Row extends pg.QueryResultRow = pg.QueryResultRow>(command: string): Promise<Row[]> {
    return queryOn<Row>({ ...this.config, database: 'pgsluice' }, command);
  }

  /** The pool of a database and user, default the pooler's own. */
  pool(database = this.database, user = this.user) {
    const pool = this.app.pools.find(database, user);
    if (pool === null) throw new Error(`no pool of ${database} and ${user} yet`);
    return pool;
  }

  /** Changes settings (a whole new top level key each) and reloads. */
  reload(change: ConfigTree): ReturnType<App['control']['reload']> {
    this.tree = { ...this.tree, ...change };
    return this.app.control.reload();
  }

  /** Waits until every client's last words were dealt with, then looks at every list. */
  async expectInvariants(): Promise<void> {
    await waitUntil(() => {
      expectInvariants(this.app);
      return true;
    });
  }

  stop(): Promise<void> {
    return this.app.stop();
  }
}

/** The tree in front of one database; `settings` wins. */
function defaultTree(target: Target, settings: ConfigTree): ConfigTree {
  const entry = { host: target.host, port: target.port };
  return {
    listen_port: 0,
    http_listen_port: 0,
    admin_users: [target.user],
    log_level: 'debug',
    ...settings,
    databases: settings.databases ?? { [target.database]: entry },
    users: settings.users ?? { [target.user]: { password: target.password } },
  };
}

function load(tree: ConfigTree) {
  return parseConfig(stringify(tree), { file: 'test.yaml', env: {} });
}

export async function startPooler(
  target: Target,
  settings: ConfigTree = {},
  options: Pick<AppOptions, 'askSystem' | 'team'> = {},
): Promise<TestPooler> {
  const log: LogLine[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)) as LogLine);
      done();
    },
  });
  const tree = defaultTree(target, settings);
  const result = load(tree);
  if (!result.ok) throw new Error(result.problems.map((problem) => `${problem.key}: ${problem.message}`).join('\n'));
  const logger = pino(
    { level: 'debug', formatters: { level: (label) => ({ level: label }) }, redact: ['password'] },
    sink,
  );
  let pooler: TestPooler | null = null;
  const app = await startApp(result.config, { ...options, log: logger, load: () => load(pooler?.tree ?? tree) });
  pooler = new TestPooler(app, target, log, tree);
  return pooler;
}

/** For the top of a test file or describe block: a pooler that lives as long as it, held to its invariants after each test. */
export function usePooler(
  database: { readonly current: Target },
  settings: ConfigTree | (() => ConfigTree) = {},
): { readonly current: TestPooler } {
  let current: TestPooler | undefined;
  beforeAll(async () => {
    current = await startPooler(database.current, typeof settings === 'function' ? settings() : settings);
  });
  afterEach(async () => {
    await current?.expectInvariants();
  });
  afterAll(async () => {
    await current?.stop();
  });
  return {
    get current() {
      if (!current) throw new Error('usePooler(): the pooler exists inside tests and hooks only');
      return current;
    },
  };
}
