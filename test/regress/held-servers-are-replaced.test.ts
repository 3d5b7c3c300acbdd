// RECONNECT, and a reload that moves a database, marked held servers as to be closed; a marked server did not count as one that its client may let go, and stayed with it for ever.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel } from '../support/wire.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

test('a server that is to be replaced leaves its client with the end of the transaction, and others get a new one', async () => {
  const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
  await client.rows('BEGIN');
  const [before] = await client.rows('SELECT pg_backend_pid()');
  pooler.current.app.control.reconnect(null);
  const waiting = other.rows('SELECT pg_backend_pid()');
  await client.rows('COMMIT');
  const [after] = await waiting;
  expect(after).not.toEqual(before);
  expect((await client.rows('SELECT pg_backend_pid()'))[0]).toEqual(after);
  await Promise.all([client.end(), other.end()]);
});

test('the same for a statement that runs, and for a cancel request that got lost on its way', async () => {
  const client = await pooler.current.connect();
  const running = client.rows('SELECT pg_backend_pid(), pg_sleep(0.2)');
  await waitUntil(() => pooler.current.pool().servers.active.length === 1);
  pooler.current.app.control.reconnect(null);
  await cancel(pooler.current.port, client.session.pid, Buffer.alloc(4));
  await running;
  await waitUntil(() => pooler.current.pool().servers.active.length === 0, { timeoutMs: 1_000 });
  await client.end();
});
