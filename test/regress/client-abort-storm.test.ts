// A storm of clients that vanish in mid-statement (an application that is killed, a load balancer that cuts): what they ran is ended and
// their servers are kept, so that Postgres does not get a storm of logins on top.
import { expect, test } from 'vitest';
import { fakeFor, poolerFor, targetOf } from '../integration/settings/for-settings.ts';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';

const CLIENTS = 200;
const POOL_SIZE = 10;
const STORM_MS = 800;

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: POOL_SIZE, query_wait_timeout: '30s' });

const slow = 'INSERT INTO left_behind SELECT 1 FROM pg_sleep(20)';
const extended = (sql: string) => Buffer.concat([build.parse({ sql }), build.bind(), build.execute()]);

/** What a client has sent when it vanishes. */
const MOMENTS: Record<string, Buffer> = {
  'a simple query runs': build.query(slow),
  'a statement runs in its transaction': Buffer.concat([build.query('BEGIN'), build.query(slow)]),
  'an extended statement runs': Buffer.concat([extended(slow), build.sync()]),
  'a batch without its Sync runs': Buffer.concat([extended(slow), build.flush()]),
  'a batch without its Sync waits for more': Buffer.concat([
    extended('INSERT INTO left_behind VALUES (1)'),
    build.flush(),
  ]),
  'a batch inside a transaction has failed': Buffer.concat([
    build.query('BEGIN'),
    extended('SELECT 1/0'),
    build.flush(),
  ]),
  'a COPY waits for rows': Buffer.concat([build.query('COPY left_behind FROM STDIN')]),
};

test.each(Object.entries(MOMENTS))('%s: the storm costs no login, and nothing of it stays', async (_what, bytes) => {
  await db.current.query('DROP TABLE IF EXISTS left_behind; CREATE TABLE left_behind (n int)');
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => pooler.current.connect()));
  const pool = pooler.current.pool();
  const loginsBefore = pool.stats.serverLoginCount;
  const serversBefore = pool.serverCount;
  const from = performance.now();
  for (const client of clients) client.send(bytes);
  await waitUntil(() => pool.servers.active.length === POOL_SIZE && pool.clients.waiting.length > 0);
  for (const [i, client] of clients.entries()) {
    await waitUntil(() => performance.now() - from >= (i * STORM_MS) / CLIENTS, { everyMs: 1 });
    client.destroy();
  }
  await waitUntil(() => pooler.current.app.clients.size === 0);
  await waitUntil(() => pool.servers.active.length + pool.servers.being_canceled.length === 0);
  expect(performance.now() - from).toBeLessThan(5_000);
  // The pool may not have been full before.
  expect(pool.stats.serverLoginCount - loginsBefore).toBeLessThanOrEqual(POOL_SIZE - serversBefore);
  expect(pooler.current.app.observer.serverCloses.of('client_disconnect_in_query')).toBe(0);
  expect(await db.current.query('SELECT count(*)::int AS rows FROM left_behind')).toEqual([{ rows: 0 }]);
  expect(
    await db.current.query(
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%left_behind%' AND state = 'active' AND pid <> pg_backend_pid()",
    ),
  ).toEqual([]);
  const next = await pooler.current.connect();
  expect(await next.rows('SELECT 1')).toEqual([['1']]);
  await next.end();
});

test('a cancel request that came while Postgres was reading is sent again', async () => {
  const postgres = await fakeFor({ onMessage: () => {} });
  const own = await poolerFor(targetOf(postgres), { default_pool_size: 1 });
  const client = await own.connect();
  client.send(build.query('SELECT pg_sleep(60)'));
  const connection = await postgres.connection();
  await waitUntil(() => connection.messages.length === 1);
  client.destroy();
  await waitUntil(() => postgres.cancels.length === 2);
  connection.send(backend.error({ C: '57014', M: 'canceling statement due to user request' }), backend.readyForQuery());
  await waitUntil(() => own.pool().servers.idle.length === 1);
  expect(postgres.connections).toHaveLength(1);
});

test('a client that says good-bye behind half a batch has its first statement done before the rest is undone', async () => {
  const client = await pooler.current.connect();
  await db.current.query('DROP TABLE IF EXISTS half; CREATE TABLE half (n int)');
  client.send(
    build.query('INSERT INTO half SELECT 1 FROM pg_sleep(0.3)'),
    extended('INSERT INTO half VALUES (2)'),
    build.terminate(),
  );
  await client.readToEnd();
  const pool = pooler.current.pool();
  await waitUntil(() => pool.servers.being_canceled.length === 0 && pool.servers.tested.length === 0);
  expect(await db.current.query('SELECT n FROM half')).toEqual([{ n: 1 }]);
  expect(pooler.current.app.observer.serverCloses.of('client_disconnect_in_query')).toBe(0);
});
