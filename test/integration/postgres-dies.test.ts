// Postgres goes away under load: whoever was in a transaction is told, whoever waited is served as soon as it is back, and nothing hangs.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startPooler, type TestPooler, usePooler } from '../support/pooler.ts';
import { queryOn, usePrivatePostgres } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';
import { types, WireError } from '../support/wire.ts';

const own = usePrivatePostgres({ settings: { restart_after_crash: 'on' } });
const database = {
  get current() {
    const { host, port, user, password } = own.current;
    return { host, port, user, password, database: 'postgres' };
  },
};
const CLIENTS = 20;
const POOL_SIZE = 4;
const pooler = usePooler(database, { default_pool_size: POOL_SIZE, query_wait_timeout: '20s' });

const direct = (sql: string) => queryOn(database.current, sql);

/** What a client may be told when its server is lost: by us, or by Postgres as its last words. */
const LOST = /^(08006|57P01|57P02|57P03)$/;

interface Load {
  served: number;
  lost: number;
  /** When each statement was answered. */
  servedAt: number[];
  /** Anything else that a client was told. */
  strange: unknown[];
  stop(): Promise<void>;
}

/** Each client runs one transaction after the other, and connects again when its connection is lost. */
function startLoad(target: TestPooler): Load {
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      try {
        const client = await target.connect();
        while (!isOver) {
          await client.rows('BEGIN', 25_000);
          await client.rows('SELECT pg_sleep(0.005)', 25_000);
          await client.rows('COMMIT', 25_000);
          load.served += 1;
          load.servedAt.push(performance.now());
        }
        await client.end();
      } catch (error) {
        if (error instanceof WireError && LOST.test(error.code)) load.lost += 1;
        else load.strange.push(error);
      }
    }
  };
  const load: Load = { served: 0, lost: 0, servedAt: [], strange: [], stop: async () => {} };
  const clients = Array.from({ length: CLIENTS }, work);
  load.stop = async () => {
    isOver = true;
    await Promise.all(clients);
  };
  return load;
}

/** Resolves with the moment at which Postgres accepts a connection. */
async function accepting(): Promise<number> {
  await waitUntil(() => direct('SELECT 1'), { timeoutMs: 20_000, everyMs: 5 });
  return performance.now();
}

afterEach(async () => {
  await waitUntil(() => pooler.current.app.clients.size === 0);
});

test('an idle server that Postgres closes is replaced without anybody noticing', async () => {
  const client = await pooler.current.connect();
  for (let i = 0; i < 10; i += 1) {
    const [row] = await client.rows('SELECT pg_backend_pid()');
    await direct(`SELECT pg_terminate_backend(${row![0]})`);
    await waitUntil(() =>
      [...pooler.current.pool().allServers()].every((server) => String(server.backendPid) !== row![0]),
    );
  }
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('whoever uses a server that is terminated hears it in Postgres words, once, and is closed', async () => {
  for (const sql of ['SELECT pg_sleep(60)', 'BEGIN']) {
    const client = await pooler.current.connect();
    const [row] = await client.rows('SELECT pg_backend_pid()');
    const reply = client.query(sql).catch((error: WireError) => error.messages);
    await waitUntil(() => pooler.current.pool().servers.active.length === 1);
    await direct(`SELECT pg_terminate_backend(${row![0]})`);
    const messages = [...(await reply), ...(await client.readToEnd())];
    const errors = messages.filter((message) => message.type === 'E');
    expect(errors.map((error) => error.fields)).toMatchObject([{ S: 'FATAL', C: '57P01' }]);
    client.destroy();
  }
});

test.each(['a backend', 'the postmaster'])(
  'kill -9 of %s under load: everybody is told or served, within a second of its return',
  async (victim) => {
    const target = pooler.current;
    const load = startLoad(target);
    await waitUntil(() => load.served > 100);
    const inTransaction = await target.connect();
    await inTransaction.rows('BEGIN');
    const loginsBefore = target.pool().stats.serverLoginFailureCount;
    let killedAt = performance.now();
    if (victim === 'a backend') {
      const [row] = await inTransaction.rows('SELECT pg_backend_pid()');
      process.kill(Number(row![0]), 'SIGKILL');
      await waitUntil(() => load.lost > 0);
    } else {
      await own.current.kill();
      killedAt = performance.now();
      // Long enough for the backoff to reach its ceiling.
      await waitUntil(() => performance.now() - killedAt > 2_500);
      await own.current.restart();
    }
    const backAt = await accepting();
    const messages = await inTransaction.readToEnd();
    expect(messages.at(-1)).toMatchObject({ type: 'E', fields: { S: 'FATAL' } });
    expect(messages.at(-1)?.fields?.C).toMatch(LOST);
    await waitUntil(() => load.servedAt.some((at) => at > backAt), { timeoutMs: 10_000, everyMs: 2 });
    const first = load.servedAt.find((at) => at > backAt)!;
    expect(first - backAt).toBeLessThan(1_000);
    // Few at a time, with backoff: the outage lasted a few seconds.
    expect(target.pool().stats.serverLoginFailureCount - loginsBefore).toBeLessThan(20);
    const servedThen = load.served;
    await waitUntil(() => load.served > servedThen + 100);
    await load.stop();
    expect(load.strange).toEqual([]);
    expect(load.lost).toBeLessThan(CLIENTS * 3);
    expect(target.pool().serverCount).toBeLessThanOrEqual(POOL_SIZE);
  },
);

test('an orderly restart ends the sessions in Postgres words, and the pool is whole again', async () => {
  const load = startLoad(pooler.current);
  await waitUntil(() => load.served > 20);
  await own.current.restart();
  const servedThen = load.served;
  await waitUntil(() => load.served > servedThen + 100);
  await load.stop();
  expect(load.strange).toEqual([]);
});

/** Between the pooler and Postgres: the network. */
let proxy: TcpProxy;
let behindProxy: TestPooler;
beforeAll(async () => {
  proxy = await startTcpProxy(database.current);
  behindProxy = await startPooler(
    { ...database.current, port: proxy.port },
    {
      default_pool_size: 2,
      query_wait_timeout: '700ms',
      server_connect_timeout: '300ms',
    },
  );
});
afterAll(async () => {
  await behindProxy.stop();
  await proxy.close();
});

test('an unreachable Postgres: each client is told within query_wait_timeout, with the reason, and served once it is back', async () => {
  const client = await behindProxy.connect();
  await client.rows('SELECT 1');
  proxy.refuse = true;
  proxy.reset();
  await waitUntil(() => behindProxy.pool().serverCount === 0);
  const startedAt = performance.now();
  const messages = await client.query('SELECT 1');
  expect(types(messages)).toBe('EZ');
  expect(messages[0]?.fields).toMatchObject({ S: 'ERROR', C: '53300' });
  expect(messages[0]?.fields?.D).toMatch(/last connect error: .*(ECONNRE|closed)/);
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  expect(behindProxy.pool().stats.serverLoginFailureCount).toBeLessThan(10);
  proxy.refuse = false;
  expect(await client.rows('SELECT 2')).toEqual([['2']]);
  await client.end();
  await behindProxy.expectInvariants();
});

test('a network that is silently gone: logins are given up in time, and the next one goes through', async () => {
  behindProxy.app.control.reconnect(null);
  await waitUntil(() => behindProxy.pool().serverCount === 0);
  proxy.pause();
  const startedAt = performance.now();
  await expect(behindProxy.connect()).rejects.toMatchObject({ code: '53300', fields: { S: 'FATAL' } });
  expect(performance.now() - startedAt).toBeLessThan(1_500);
  await waitUntil(() => behindProxy.pool().lastLoginError !== null);
  proxy.resume();
  const client = await behindProxy.connect();
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
  await behindProxy.expectInvariants();
});

test('a server that is lost in the middle of a result ends the client, and no half message is followed by another', async () => {
  const client = await behindProxy.connect();
  client.socket.pause();
  const reply = client
    .query("SELECT repeat('x', 100000) FROM generate_series(1, 1000)")
    .catch((error: WireError) => error);
  await waitUntil(() => behindProxy.pool().stats.bytesSent > 500_000);
  proxy.reset();
  client.socket.resume();
  // The decoder of the test client throws when a message does not fit.
  expect(await reply).toBeInstanceOf(WireError);
  await behindProxy.expectInvariants();
});
