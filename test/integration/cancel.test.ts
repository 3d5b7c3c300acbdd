// A cancel request reaches exactly the statement that its client is running, or nothing.
import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { startPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel, connect, types, type WireClient, WireError } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

type Client = Awaited<ReturnType<typeof pooler.current.connect>>;

const cancelOf = (client: Client, port = pooler.current.port) => cancel(port, client.session.pid, client.session.key);

/** The error's SQLSTATE, or `ok`. */
async function outcome(running: Promise<unknown>): Promise<string> {
  try {
    await running;
    return 'ok';
  } catch (error) {
    return error instanceof WireError ? error.code : String(error);
  }
}

const isRunning = (sql: string) => async () =>
  (await db.current.query(`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1`, [sql])).length === 1;

test.each([
  ['3.0', build.PROTOCOL_3_0],
  ['3.2', build.PROTOCOL_3_2],
])('a cancel request of protocol %s ends the running statement, and the session goes on', async (_name, protocol) => {
  const client = await pooler.current.connect({ protocol });
  const running = outcome(client.rows('SELECT pg_sleep(60)'));
  await waitUntil(isRunning('SELECT pg_sleep(60)'));
  await cancelOf(client);
  expect(await running).toBe('57014');
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('inside a transaction the transaction fails and stays the client’s', async () => {
  const client = await pooler.current.connect();
  await client.rows('BEGIN');
  const running = outcome(client.rows('SELECT pg_sleep(61)'));
  await waitUntil(isRunning('SELECT pg_sleep(61)'));
  await cancelOf(client);
  expect(await running).toBe('57014');
  expect(await outcome(client.rows('SELECT 1'))).toBe('25P02');
  expect((await client.query('ROLLBACK')).at(-1)?.txStatus).toBe('I');
  await client.end();
});

test('a client that waits for a server is answered at once, and Postgres hears nothing of it', async () => {
  const [holder, waiter] = [await pooler.current.connect(), await pooler.current.connect()];
  await holder.rows('BEGIN');
  const running = waiter.query('SELECT 1');
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  await cancelOf(waiter);
  const messages = await running;
  expect(types(messages)).toBe('EZ');
  expect(messages[0]?.fields).toMatchObject({ C: '57014', S: 'ERROR', M: 'canceling statement due to user request' });
  expect(await holder.rows('SELECT 2')).toEqual([['2']]);
  await holder.rows('COMMIT');
  expect(await waiter.rows('SELECT 3')).toEqual([['3']]);
  await Promise.all([holder.end(), waiter.end()]);
});

test('a wrong key, process id or length does nothing, and says nothing', async () => {
  const client = await pooler.current.connect();
  const running = outcome(client.rows('SELECT pg_sleep(0.4)'));
  await waitUntil(isRunning('SELECT pg_sleep(0.4)'));
  const { pid, key } = client.session;
  const wrongKey = Buffer.from(key.map((byte) => byte ^ 1));
  for (const [id, secret] of [
    [pid, wrongKey],
    [pid + 1, key],
    [pid, Buffer.concat([key, key])],
    [0, Buffer.alloc(4)],
    [-1, Buffer.alloc(256)],
  ] as const) {
    const asking = await connect(pooler.current.port);
    asking.send(build.cancelRequest(id, secret));
    expect(await asking.readToEnd()).toEqual([]);
  }
  expect(await running).toBe('ok');
  await client.end();
});

test('a cancel request for a client that does nothing, or is idle in its transaction, does nothing', async () => {
  const client = await pooler.current.connect();
  await cancelOf(client);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.rows('BEGIN');
  await cancelOf(client);
  expect(await client.rows('SELECT 2')).toEqual([['2']]);
  await client.rows('COMMIT');
  await client.end();
});

test('who asks and hangs up before the answer still cancels', async () => {
  const client = await pooler.current.connect();
  const running = outcome(client.rows('SELECT pg_sleep(62)'));
  await waitUntil(isRunning('SELECT pg_sleep(62)'));
  const asking = await connect(pooler.current.port);
  asking.socket.end(build.cancelRequest(client.session.pid, client.session.key));
  expect(await running).toBe('57014');
  asking.destroy();
  await client.end();
});

test('hundreds of cancels race with two clients that take turns on one server: none hits the other', async () => {
  const [victim, bystander] = [await pooler.current.connect(), await pooler.current.connect()];
  let isOver = false;
  let [asked, hit, foreign, statements] = [0, 0, 0, 0];
  const count = async (client: WireClient, sql: () => string, isVictim: boolean) => {
    while (!isOver) {
      const code = await outcome(client.rows(sql()));
      statements += 1;
      if (code === 'ok') continue;
      expect(code).toBe('57014');
      if (isVictim) hit += 1;
      else foreign += 1;
    }
  };
  const cancels = async () => {
    for (let i = 0; i < 150; i += 1) {
      await cancelOf(victim);
      asked += 1;
    }
  };
  const sleepy = () => `SELECT pg_sleep(0.00${randomInt(1, 9)})`;
  const clients = [count(victim, sleepy, true), count(bystander, sleepy, false)];
  await Promise.all([cancels(), cancels(), cancels()]);
  isOver = true;
  await Promise.all(clients);
  expect(foreign).toBe(0);
  expect(asked).toBe(450);
  expect(hit).toBeGreaterThan(20);
  expect(statements).toBeGreaterThan(100);
  await Promise.all([victim.end(), bystander.end()]);
});

test('a cancel that is slow on its way keeps the server from others until it has arrived', async () => {
  const [victim, bystander] = [await pooler.current.connect(), await pooler.current.connect()];
  for (let i = 0; i < 100; i += 1) {
    // The statement may be over before, while or after the request is carried.
    const running = outcome(victim.rows('SELECT 1'));
    const other = outcome(bystander.rows('SELECT pg_sleep(0.001)'));
    await cancelOf(victim);
    expect(['ok', '57014']).toContain(await running);
    expect(await other).toBe('ok');
  }
  await Promise.all([victim.end(), bystander.end()]);
});

test('in session mode a cancel request reaches the statement too', async () => {
  const session = await startPooler(db.current, { pool_mode: 'session', default_pool_size: 1 });
  const client = await session.connect();
  const running = outcome(client.rows('SELECT pg_sleep(63)'));
  await waitUntil(isRunning('SELECT pg_sleep(63)'));
  await cancelOf(client, session.port);
  expect(await running).toBe('57014');
  await cancelOf(client, session.port);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
  await session.expectInvariants();
  await session.stop();
});

test('a storm of cancels over the number of servers is carried to the end', async () => {
  const client = await pooler.current.connect();
  const running = outcome(client.rows('SELECT pg_sleep(64)'));
  await waitUntil(isRunning('SELECT pg_sleep(64)'));
  await Promise.all(Array.from({ length: 50 }, () => cancelOf(client)));
  expect(await running).toBe('57014');
  const { active_cancel, waiting_cancel } = pooler.current.pool().clients;
  await waitUntil(() => active_cancel.length + waiting_cancel.length === 0);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});
