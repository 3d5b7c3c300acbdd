// Drivers that listen, through one shared connection and a pool smaller than they are many.
import pg from 'pg';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase, usePrivatePostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

test('pg: clients hear others and themselves, and know their own by the process id', async () => {
  const clients = Array.from({ length: 5 }, () => new pg.Client(pooler.current.config));
  const heard = clients.map((): string[] => []);
  for (const [at, client] of clients.entries()) {
    await client.connect();
    const { processID } = client as unknown as { processID: number };
    client.on('notification', (message) => {
      heard[at]!.push(`${message.processId === processID ? 'own' : 'other'} ${message.payload}`);
    });
    await client.query('LISTEN news');
  }
  for (const [at, client] of clients.entries()) {
    await client.query('SELECT pg_notify($1, $2)', ['news', String(at)]);
    expect(heard[at]).toContain(`own ${at}`); // with the answer, as from Postgres
  }
  await waitUntil(() => heard.every((each) => each.length === 5));
  for (const [at, each] of heard.entries())
    expect(each).toEqual([0, 1, 2, 3, 4].map((n) => `${n === at ? 'own' : 'other'} ${n}`));
  for (const client of clients) await client.end();
});

test('pg: a transaction beside LISTEN on the same connection', async () => {
  const client = new pg.Client(pooler.current.config);
  await client.connect();
  const heard: string[] = [];
  client.on('notification', ({ payload }) => heard.push(String(payload)));
  await client.query('LISTEN news');
  await client.query('BEGIN');
  await pooler.current.query("NOTIFY news, 'meanwhile'");
  expect((await client.query({ name: 'one', text: 'SELECT $1::int AS n', values: [1] })).rows).toEqual([{ n: 1 }]);
  expect(heard).toEqual([]);
  await client.query('COMMIT');
  await waitUntil(() => heard.length === 1);
  expect((await client.query({ name: 'one', text: 'SELECT $1::int AS n', values: [2] })).rows).toEqual([{ n: 2 }]);
  await client.query('UNLISTEN news');
  await pooler.current.query("NOTIFY news, 'too late'");
  await client.query('LISTEN finish');
  await pooler.current.query("NOTIFY finish, 'end'");
  await waitUntil(() => heard.includes('end'));
  expect(heard).toEqual(['meanwhile', 'end']);
  await client.end();
});

test('postgres.js: listen() and notify()', async () => {
  const sql = postgres(pooler.current.url, { max: 4, onnotice: () => {} });
  const heard: string[] = [];
  const { unlisten } = await sql.listen('news', (payload) => heard.push(payload));
  await sql.listen('sports', (payload) => heard.push(`sports ${payload}`));
  for (let n = 0; n < 100; n += 1) await sql.notify(n % 2 === 0 ? 'news' : 'sports', String(n));
  await waitUntil(() => heard.length === 100);
  expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? `${n}` : `sports ${n}`)));
  await unlisten();
  await sql.notify('news', 'too late');
  await sql.notify('sports', 'end');
  await waitUntil(() => heard.length > 100);
  expect(heard.slice(100)).toEqual(['sports end']);
  await sql.end();
});

const own = usePrivatePostgres();
const restarted = usePooler(
  {
    get current() {
      const { host, port, user, password } = own.current;
      return { host, port, user, password, database: 'postgres' };
    },
  },
  { default_pool_size: 2 },
);

test('postgres.js listens again by itself when Postgres has been restarted', async () => {
  const sql = postgres(restarted.current.url, { max: 1, onnotice: () => {}, backoff: () => 0.05 });
  const heard: string[] = [];
  let listens = 0;
  await sql.listen(
    'news',
    (payload) => heard.push(payload),
    () => {
      listens += 1;
    },
  );
  await restarted.current.query("NOTIFY news, 'before'");
  await waitUntil(() => heard.length === 1);
  await own.current.restart();
  await waitUntil(() => listens === 2, { timeoutMs: 20_000 });
  await restarted.current.query("NOTIFY news, 'behind'");
  await waitUntil(() => heard.length === 2);
  expect(heard).toEqual(['before', 'behind']);
  await sql.end();
});
