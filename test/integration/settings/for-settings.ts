// What the tests of settings share: a pooler for one test, a Postgres that answers as told, and how to see that nothing happens.
import { expect, onTestFinished } from 'vitest';
import {
  type FakeConnection,
  type FakeServer,
  type FakeServerOptions,
  startFakeServer,
} from '../../support/fake-server.ts';
import { type ConfigTree, startPooler, type TestPooler } from '../../support/pooler.ts';
import { waitUntil } from '../../support/wait-until.ts';
import type { WireClient, WireError } from '../../support/wire.ts';
import { backend } from '../../support/wire-backend.ts';

type Target = Parameters<typeof startPooler>[0];

/** A pooler that lives as long as the test and keeps its invariants to its end. */
export async function poolerFor(
  target: Target,
  settings: ConfigTree = {},
  options: Parameters<typeof startPooler>[2] = {},
): Promise<TestPooler> {
  const pooler = await startPooler(target, settings, options);
  onTestFinished(async () => {
    try {
      await pooler.expectInvariants();
    } finally {
      await pooler.stop();
    }
  });
  return pooler;
}

/** Who logs in where the Postgres is a scripted one. */
export function targetOf(server: { host: string; port: number }): Target {
  return { host: server.host, port: server.port, user: 'app', password: 'secret', database: 'app' };
}

/** A scripted Postgres for one test. Without a script it answers each simple query with one row, the pid of its connection. */
export async function fakeFor(options: FakeServerOptions = {}): Promise<FakeServer> {
  const server = await startFakeServer({ onMessage: answerPid, ...options });
  onTestFinished(() => server.close());
  return server;
}

const inTransaction = new WeakSet<FakeConnection>();

/** The default answer of fakeFor(): a transaction is open between BEGIN and the next COMMIT or ROLLBACK. */
export function answerPid(connection: FakeConnection, message: { type: string; text?: string }): void {
  if (message.type !== 'Q') return;
  const text = message.text ?? '';
  if (text === 'BEGIN') inTransaction.add(connection);
  if (text === 'COMMIT' || text === 'ROLLBACK') inTransaction.delete(connection);
  if (text === '') connection.send(backend.emptyQueryResponse(), backend.readyForQuery());
  else connection.reply('pid', [String(connection.pid)], text, inTransaction.has(connection) ? 'T' : 'I');
}

/** Which process of Postgres serves the client's next statement. */
export async function pidOf(client: WireClient): Promise<string> {
  return (await client.rows('SELECT pg_backend_pid()'))[0]?.[0] as string;
}

/** Holds a server until the transaction ends. */
export async function begin(client: WireClient): Promise<string> {
  await client.rows('BEGIN');
  return pidOf(client);
}

/** One value of the server that the client gets. */
export async function show(client: WireClient, parameter: string): Promise<string | null | undefined> {
  return (await client.rows(`SHOW ${parameter}`))[0]?.[0];
}

/** It does not happen within this time. The test must also show that it would be seen if it did. */
export async function expectNever(check: () => unknown, forMs: number): Promise<void> {
  await expect(waitUntil(check, { timeoutMs: forMs, what: 'it' })).rejects.toThrow('in vain');
}

/** The error of a promise that has to fail. */
export function errorOf(promise: Promise<unknown>): Promise<WireError> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: WireError) => error,
  );
}

/** The last error that a client was sent before it was disconnected. */
export async function farewell(client: WireClient, timeoutMs = 5000): Promise<Record<string, string> | undefined> {
  return (await client.readToEnd(timeoutMs)).findLast((message) => message.type === 'E')?.fields;
}

/** Milliseconds that the promise takes to be settled, and what came of it. */
export async function timed<T>(promise: Promise<T>): Promise<{ ms: number; value: T }> {
  const from = performance.now();
  const value = await promise;
  return { ms: performance.now() - from, value };
}
