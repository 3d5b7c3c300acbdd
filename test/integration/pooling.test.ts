// Many clients on few servers: what an application sees, and what Postgres does not.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

test('a query through the pooler gives what Postgres gives', async () => {
  const client = await pooler.current.connect();
  expect(await client.rows("SELECT 1, NULL, 'x'")).toEqual([['1', null, 'x']]);
  client.send(build.extendedQuery('SELECT $1::text', ['y']));
  expect(types(await client.readUntil('Z'))).toBe('12TDCZ');
  await client.end();
});

test('twenty clients share two servers', async () => {
  const clients = await Promise.all(Array.from({ length: 20 }, () => pooler.current.connect()));
  const replies = await Promise.all(clients.map((client, i) => client.rows(`SELECT ${i}, pg_backend_pid()`)));
  expect(replies.map(([row]) => row?.[0])).toEqual(clients.map((_, i) => String(i)));
  expect(new Set(replies.map(([row]) => row?.[1])).size).toBeLessThanOrEqual(2);
  const [count] = await db.current.query<{ count: string }>(
    'SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  expect(Number(count?.count)).toBeLessThanOrEqual(2);
  await Promise.all(clients.map((client) => client.end()));
});

test('a transaction keeps its server until it ends', async () => {
  const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
  await a.rows('BEGIN');
  const [[pid]] = (await a.rows('SELECT pg_backend_pid()')) as [[string]];
  for (let i = 0; i < 5; i += 1) expect((await b.rows('SELECT pg_backend_pid()'))[0]?.[0]).not.toBe(pid);
  expect((await a.rows('SELECT pg_backend_pid()'))[0]?.[0]).toBe(pid);
  await a.rows('COMMIT');
  expect(pooler.current.pool().servers.active.length).toBe(0);
  await Promise.all([a.end(), b.end()]);
});
