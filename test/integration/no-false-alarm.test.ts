// What looks like a leak and is none: nobody loses a server for it, though others wait. The long form is `npm run calm`.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import * as build from '../support/wire-messages.ts';
import { poolerFor } from './settings/for-settings.ts';

const db = useDatabase();
const QUICK = { default_pool_size: 1, leak_detection_threshold: '200ms', leak_reclaim_floor: '100ms' };
const LONG_MS = 700;

test('a statement that runs, inside a transaction', async () => {
  const pooler = await poolerFor(db.current, QUICK);
  const [client, other] = [await pooler.connect(), await pooler.connect()];
  await client.rows('BEGIN');
  const slow = client.rows('SELECT pg_sleep(0.7), 1');
  const waits = other.rows('SELECT 2');
  expect((await slow)[0]?.[1]).toBe('1');
  await client.rows('COMMIT');
  await waits;
  expect(pooler.app.leaks.recent).toEqual([]);
});

test('a statement of the extended protocol that runs and whose Sync comes later', async () => {
  const pooler = await poolerFor(db.current, QUICK);
  const [client, other] = [await pooler.connect(), await pooler.connect()];
  client.send(build.parse({ sql: 'SELECT pg_sleep(0.7)' }), build.bind(), build.execute(), build.flush());
  const waits = other.rows('SELECT 2');
  await client.readUntil('C');
  client.send(build.sync());
  await client.readUntil('Z');
  await waits;
  expect(pooler.app.leaks.recent).toEqual([]);
});

test('a COPY whose client takes its time', async () => {
  const pooler = await poolerFor(db.current, QUICK);
  await db.current.query('CREATE TABLE slowly (line text)');
  const [client, other] = [await pooler.connect(), await pooler.connect()];
  client.send(build.query('COPY slowly FROM STDIN'));
  await client.readUntil('G');
  const waits = other.rows('SELECT 2');
  await delay(LONG_MS);
  client.send(build.copyData('one\n'), build.copyDone());
  await client.readUntil('Z');
  await waits;
  expect(pooler.app.leaks.recent).toEqual([]);
});

test('a client that reads its own result slowly', async () => {
  const pooler = await poolerFor(db.current, QUICK);
  const [client, other] = [await pooler.connect(), await pooler.connect()];
  await client.rows('BEGIN');
  client.socket.pause();
  client.send(build.query(`SELECT repeat('x', 1000000) FROM generate_series(1, 40)`));
  const waits = other.rows('SELECT 2', 20_000);
  await delay(LONG_MS);
  client.socket.resume();
  await client.readUntil('Z', 20_000);
  await client.rows('COMMIT');
  await waits;
  expect(pooler.app.leaks.recent).toEqual([]);
});

test('a session that is outside a transaction: session mode, LISTEN, a temporary table', async () => {
  const sessions = await poolerFor(db.current, { ...QUICK, pool_mode: 'session', query_wait_timeout: '700ms' });
  const client = await sessions.connect();
  await client.rows('SELECT 1');
  const transactions = await poolerFor(db.current, {
    ...QUICK,
    default_pool_size: 2,
    listen: 'pin',
    query_wait_timeout: '700ms',
  });
  const [listener, maker] = [await transactions.connect(), await transactions.connect()];
  await listener.rows('LISTEN news');
  await maker.rows('CREATE TEMP TABLE mine (i int)');
  const other = await transactions.connect();
  await expect(other.rows('SELECT 1')).rejects.toThrow('53300');
  await waitUntil(() => other.receivedBytes > 0);
  expect([sessions.app.leaks.recent, transactions.app.leaks.recent]).toEqual([[], []]);
});

test('a client that listens on the shared connection, and that connection', async () => {
  const pooler = await poolerFor(db.current, { ...QUICK, default_pool_size: 1, query_wait_timeout: '20s' });
  const [listener, other] = [await pooler.connect(), await pooler.connect()];
  await listener.rows('LISTEN news');
  await delay(LONG_MS);
  await other.rows("NOTIFY news, 'x'");
  await listener.readUntil('A');
  expect(pooler.app.leaks.recent).toEqual([]);
});
