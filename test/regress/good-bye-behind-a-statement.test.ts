// Terminate in the same write as a statement: the statement stayed in the batch and was never sent, and a client that still waited for a server was dropped with it.
import { beforeEach, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1, query_wait_timeout: '400ms' });

beforeEach(() => db.current.query('DROP TABLE IF EXISTS done; CREATE TABLE done (n int)'));

const stored = async () => (await db.current.query('SELECT n FROM done')).length;
const insert = () => build.extendedQuery('INSERT INTO done VALUES ($1)', ['1']);

test('a statement with Terminate right behind it is sent, and its server serves the next client at once', async () => {
  const client = await pooler.current.connect();
  client.socket.end(Buffer.concat([insert(), build.terminate()]));
  const next = await pooler.current.connect();
  expect(await next.rows('SELECT count(*) FROM done')).toEqual([['1']]);
  await next.end();
});

test('a statement with a good-bye behind it may take longer than cancel_wait_timeout', async () => {
  await pooler.current.reload({ cancel_wait_timeout: '200ms' });
  const client = await pooler.current.connect();
  client.send(build.query('SELECT pg_sleep(0.7); INSERT INTO done VALUES (1)'), build.terminate());
  await waitUntil(() => pooler.current.pool().servers.being_canceled.length === 1);
  const [server] = pooler.current.pool().servers.being_canceled;
  await waitUntil(() => pooler.current.pool().servers.idle.length === 1, { timeoutMs: 3_000 });
  expect([...pooler.current.pool().servers.idle]).toEqual([server]);
  expect(await stored()).toBe(1);
});

test('bytes of nonsense right behind a statement do not leave a server that waits for an answer for ever', async () => {
  const client = await pooler.current.connect();
  client.send(build.query('SELECT pg_sleep(0.05)'), build.messageWithLength('Q', -1));
  expect((await client.readToEnd()).at(-1)?.fields?.C).toBe('08P01');
  await waitUntil(() => pooler.current.pool().servers.idle.length === 1, { timeoutMs: 2_000 });
});

/** Longer than what is gathered, so that its first part counts as a statement; it ends like a good-bye. */
function halfStatement(): Buffer {
  const start = `SELECT 1 -- ${'x'.repeat(20_000)}`;
  return build.messageWithLength('Q', 30_000, Buffer.concat([Buffer.from(start), build.terminate()]));
}

test('a client that waits for a server and says good-bye is served before it is forgotten', async () => {
  const [holder, client] = [await pooler.current.connect(), await pooler.current.connect()];
  await holder.rows('BEGIN');
  client.socket.end(Buffer.concat([insert(), build.terminate()]));
  const { waiting } = pooler.current.pool().clients;
  await waitUntil(() => waiting.length === 1);
  await client.readToEnd().catch(() => {});
  await holder.rows('COMMIT');
  await waitUntil(async () => (await stored()) === 1);
  await waitUntil(() => pooler.current.pool().clientCount === 1);
  await holder.end();
});

test('it waits no longer than others, and one that left without a word does not wait at all', async () => {
  const holder = await pooler.current.connect();
  await holder.rows('BEGIN');
  const [polite, rude] = [await pooler.current.connect(), await pooler.current.connect()];
  polite.socket.end(Buffer.concat([insert(), build.terminate()]));
  rude.socket.end(insert());
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  // Its last bytes look like a good-bye and are none.
  const odd = await pooler.current.connect();
  odd.socket.end(halfStatement());
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 2);
  await waitUntil(() => pooler.current.pool().clientCount === 1, { timeoutMs: 2_000 });
  await holder.rows('COMMIT');
  expect(await stored()).toBe(0);
  await holder.end();
});

test('a half message that ends like a good-bye does not hold a server', async () => {
  const [holder, odd] = [await pooler.current.connect(), await pooler.current.connect()];
  await holder.rows('BEGIN');
  odd.socket.end(halfStatement());
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  await holder.rows('COMMIT');
  await waitUntil(() => pooler.current.pool().clientCount === 1);
  expect(await holder.rows('SELECT 1')).toEqual([['1']]);
  await holder.end();
});
