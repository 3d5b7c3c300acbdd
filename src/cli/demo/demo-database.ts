// The database of the demo: an embedded Postgres with a user `app` and a database `app`, and a query to see that a way to it is open.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, ClientConfig } from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.ts';

/** Known to everybody who reads this, and good for a database on the loopback address that is thrown away. */
export const demoUser = { user: 'app', password: 'app', database: 'app' } as const;

export interface Address {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
}

const QUERY_TIMEOUT_MS = 15_000;

/** `pg` is, like the embedded Postgres, a development dependency: only the demo and the tests need it. */
export async function newClient(address: ClientConfig): Promise<Client> {
  let pg: typeof import('pg');
  try {
    pg = await import('pg');
  } catch (cause) {
    throw new Error('the demo asks its database through the npm package pg; run: npm install pg', { cause });
  }
  const client = new pg.Client({ ...address, connectionTimeoutMillis: 5000 });
  // A connection that ends between two statements must not end the process.
  client.on('error', () => {});
  return client;
}

/** Runs statements on one fresh connection and returns the rows of the last one. */
export async function ask(address: Address, statements: string[]): Promise<unknown[]> {
  const client = await newClient(address);
  try {
    await client.connect();
    let rows: unknown[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Starts Postgres with the demo's user and database. Its superuser has a random password, so nobody else on the machine is it. */
export async function startDemoDatabase(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ password: randomBytes(18).toString('base64url') });
  try {
    const { host, port, user, password } = server;
    await ask({ host, port, user, password, database: 'postgres' }, [
      `CREATE ROLE ${demoUser.user} LOGIN PASSWORD '${demoUser.password}'`,
      `CREATE DATABASE ${demoUser.database} OWNER ${demoUser.user}`,
    ]);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Resolves with the server's version when a query goes through; rejects with the last error when none does in time. */
export async function waitForQuery(address: Address): Promise<string> {
  const until = Date.now() + QUERY_TIMEOUT_MS;
  for (;;) {
    try {
      const [row] = (await ask(address, ['SHOW server_version'])) as { server_version: string }[];
      return row?.server_version ?? 'unknown';
    } catch (error) {
      if (Date.now() > until) throw error;
      await delay(100);
    }
  }
}
