// vitest global setup: one embedded Postgres for the whole run, its address provided to the test files.
import type { TestProject } from 'vitest/node';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { testMajor } from './test-major.ts';

export interface PostgresAddress {
  host: string;
  port: number;
  user: string;
  password: string;
  major: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    postgres: PostgresAddress;
  }
}

interface Shared {
  users: number;
  server: Promise<EmbeddedPostgres>;
}

// Each vitest project loads this file on its own; the server is one for all of them.
const key = Symbol.for('pgsluice.test.postgres');
const store = globalThis as unknown as Record<symbol, Shared | undefined>;

const settings = {
  max_connections: '200',
  max_prepared_transactions: '10',
  wal_level: 'logical',
  max_wal_senders: '10',
  max_replication_slots: '10',
  shared_buffers: '64MB',
};

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const major = testMajor();
  store[key] ??= { users: 0, server: startEmbeddedPostgres({ major, settings }) };
  const shared = store[key];
  shared.users++;
  const server = await shared.server;
  const { host, port, user, password } = server;
  project.provide('postgres', { host, port, user, password, major });
  return async () => {
    if (--shared.users > 0) return;
    store[key] = undefined;
    await server.stop();
  };
}
