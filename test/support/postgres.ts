// A real Postgres for tests: the shared one with a fresh database per file, or a private one that a test may kill.
import pg from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/cli/demo/embedded-postgres.ts';
import type { PostgresAddress } from './postgres-setup.ts';
import { testMajor } from './test-major.ts';

export interface TestDatabase extends PostgresAddress {
  database: string;
  /** postgres://user:password@host:port/database */
  url: string;
  /** Runs one statement straight on Postgres, around any pooler, and returns its rows. */
  query: <Row extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;
  /** Drops the database, ending every session in it. */
  drop: () => Promise<void>;
}

let created = 0;

/** The shared server of this vitest run. */
export function sharedPostgres(): PostgresAddress {
  return inject('postgres');
}

/** Runs one statement on a fresh connection. */
export async function queryOn<Row extends pg.QueryResultRow = pg.QueryResultRow>(
  config: pg.ClientConfig,
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  const client = new pg.Client(config);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/**
 * A fresh, empty database on the shared server (or on `server`), or a copy of `template`, which nobody may be connected to.
 * Names never collide between files, workers and runs.
 */
export async function createDatabase(
  server: PostgresAddress = sharedPostgres(),
  template = 'template1',
): Promise<TestDatabase> {
  const { host, port, user, password } = server;
  const database = `t_${process.pid}_${Date.now().toString(36)}_${++created}`;
  const admin = { host, port, user, password, database: 'postgres' };
  await queryOn(admin, `CREATE DATABASE ${database} TEMPLATE ${template}`);
  return {
    ...server,
    database,
    url: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`,
    query: (sql, values) => queryOn({ ...admin, database }, sql, values),
    drop: async () => {
      await queryOn(admin, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

/** Makes a login role with a password, or changes the password of an existing one. */
export async function createRole(on: TestDatabase, name: string, password: string, options = ''): Promise<void> {
  const literal = password.replaceAll("'", "''");
  await on.query(`DO $$ BEGIN CREATE ROLE "${name}"; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
  await on.query(`ALTER ROLE "${name}" LOGIN PASSWORD '${literal}' ${options}`);
}

/** For the top of a test file or describe block: a database that lives as long as it. Read `.current` inside tests and hooks only. */
export function useDatabase(): { readonly current: TestDatabase } {
  let current: TestDatabase | undefined;
  beforeAll(async () => {
    current = await createDatabase();
  });
  afterAll(async () => {
    await current?.drop();
  });
  return {
    get current() {
      if (!current) throw new Error('useDatabase(): the database exists inside tests and hooks only');
      return current;
    },
  };
}

/** A server of the tested major version for this file or block alone: it may be killed, restarted and reconfigured. */
export function usePrivatePostgres(options: EmbeddedPostgresOptions = {}): { readonly current: EmbeddedPostgres } {
  let current: EmbeddedPostgres | undefined;
  beforeAll(async () => {
    current = await startPrivatePostgres(options);
  });
  afterAll(async () => {
    await current?.stop();
  });
  return {
    get current() {
      if (!current) throw new Error('usePrivatePostgres(): the server exists inside tests and hooks only');
      return current;
    },
  };
}

/** The same without hooks: the caller stops it. */
export function startPrivatePostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ major: testMajor(), ...options });
}
