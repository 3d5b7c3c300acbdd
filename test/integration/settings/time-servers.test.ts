// Time limits of servers and pools: how long they live, rest, and may take.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ConfigTree } from '../../support/pooler.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { cancel } from '../../support/wire.ts';
import { backend } from '../../support/wire-backend.ts';
import * as build from '../../support/wire-messages.ts';
import { answerPid, begin, expectNever, fakeFor, pidOf, poolerFor, targetOf, timed } from './for-settings.ts';

const entry = (server: { host: string; port: number }, more = {}) => ({
  host: server.host,
  port: server.port,
  ...more,
});

describe('what is forgotten', () => {
  async function usedOnce(settings: ConfigTree) {
    const postgres = await fakeFor();
    const databases = { app: entry(postgres), '*': entry(postgres) };
    const pooler = await poolerFor(targetOf(postgres), { ...settings, databases });
    for (const database of ['app', 'auto']) {
      const client = await pooler.connect({ database });
      await client.rows('SELECT 1');
      await client.end();
    }
    return { postgres, knows: (database: string) => pooler.app.pools.find(database, 'app') !== null, pooler };
  }

  test('autodb_idle_timeout: a database of the "*" entry is forgotten when it was unused, one with an entry is not', async () => {
    const { knows, postgres } = await usedOnce({ autodb_idle_timeout: '300ms' });
    expect([knows('auto'), knows('app')]).toEqual([true, true]);
    await waitUntil(() => !knows('auto'));
    await waitUntil(() => postgres.open.length === 1);
    await expectNever(() => !knows('app'), 300);
  });

  test('autodb_idle_timeout: a client that is connected keeps it', async () => {
    const { knows, pooler } = await usedOnce({ autodb_idle_timeout: '200ms' });
    const client = await pooler.connect({ database: 'auto' });
    await expectNever(() => !knows('auto'), 500);
    await client.end();
    await waitUntil(() => !knows('auto'));
  });

  test('pool_idle_timeout: a pool without a client is forgotten, and its servers are closed', async () => {
    const { knows, postgres } = await usedOnce({ pool_idle_timeout: '300ms' });
    expect(postgres.open).toHaveLength(2);
    await waitUntil(() => !knows('auto') && !knows('app'));
    await waitUntil(() => postgres.open.length === 0);
  });

  test('pool_idle_timeout: 0 keeps it', async () => {
    const { knows } = await usedOnce({ pool_idle_timeout: 0 });
    await expectNever(() => !knows('app'), 400);
  });
});

describe('server_connect_timeout', () => {
  test('server_connect_timeout: a login that Postgres does not answer is given up, and tried again for the client that waits', async () => {
    const postgres = await fakeFor({ onStartup: () => {} });
    const pooler = await poolerFor(targetOf(postgres), { server_connect_timeout: '300ms' });
    const client = pooler.connect();
    const first = await postgres.connection();
    const { ms } = await timed(waitUntil(() => first.closed));
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(1500);
    postgres.options.onStartup = (connection) => connection.acceptLogin();
    await (await client).rows('SELECT 1');
    expect(pooler.log.filter(({ reason }) => reason === 'server_connect_timeout')).toMatchObject([{ level: 'warn' }]);
  });

  test('server_connect_timeout: it is the limit for statements of our own too', async () => {
    const postgres = await fakeFor({ onMessage: () => {} });
    const databases = { app: entry(postgres, { connect_query: 'SELECT 1' }) };
    const pooler = await poolerFor(targetOf(postgres), { server_connect_timeout: '300ms', databases });
    const client = pooler.connect();
    await waitUntil(() => pooler.app.observer.serverCloses.of('server_check_timeout') > 0);
    postgres.options.onMessage = answerPid;
    await (await client).rows('SELECT 1');
  });
});

test('server_idle_timeout: a server that nobody used is closed, one that is used or held is not', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), { server_idle_timeout: '300ms' });
  const [a, b] = [await pooler.connect(), await pooler.connect()];
  const held = await begin(a);
  await pidOf(b);
  expect(postgres.open).toHaveLength(2);
  await waitUntil(() => postgres.open.length === 1);
  expect(pooler.app.observer.serverCloses.of('server_idle_timeout')).toBe(1);
  expect(await pidOf(a)).toBe(held);
  await a.rows('COMMIT');
  await expectNever(async () => (await pidOf(b)) !== held, 500);
});

describe('server_lifetime', () => {
  test('server_lifetime: a server that is older is closed as soon as it lies idle', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_lifetime: '500ms' });
    const client = await pooler.connect();
    await begin(client);
    await expectNever(() => postgres.open.length === 0, 600);
    await client.rows('COMMIT');
    await waitUntil(() => postgres.open.length === 0);
    expect(pooler.app.observer.serverCloses.of('server_lifetime')).toBe(1);
  });

  test('server_lifetime: in a pool that is always busy it is closed when it is released', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_lifetime: '300ms', default_pool_size: 1 });
    const clients = await Promise.all(Array.from({ length: 4 }, () => pooler.connect()));
    let isOver = false;
    // Somebody waits whenever it comes back: it is never idle when the timer looks.
    const busy = clients.map(async (client) => {
      while (!isOver) await client.rows('SELECT 1');
    });
    await waitUntil(() => postgres.connections.length >= 3);
    isOver = true;
    await Promise.all(busy);
  });

  test('server_lifetime: 0 uses a server once', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { server_lifetime: 0, default_pool_size: 1 });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    const answers = await Promise.all([pidOf(a), pidOf(b), pidOf(await pooler.connect())]);
    expect(new Set(answers).size).toBe(3);
  });

  test('server_lifetime: the servers of a pool do not go all at once', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_lifetime: '1h', min_pool_size: 8 });
    await pooler.connect();
    await waitUntil(() => postgres.open.length === 8);
    const shares = [...pooler.pool().allServers()].map((server) => server.lifetimeShare);
    expect(new Set(shares).size).toBe(8);
    expect(Math.min(...shares)).toBeGreaterThanOrEqual(0.8);
    expect(Math.max(...shares)).toBeLessThanOrEqual(1);
  });
});

describe('server_login_retry', () => {
  /** The gaps between the attempts to log in to a Postgres that is starting up. */
  async function gaps(server_login_retry: string | number, count: number): Promise<number[]> {
    const at: number[] = [];
    const postgres = await fakeFor({
      onStartup: (connection) => {
        at.push(performance.now());
        connection.send(backend.error({ S: 'FATAL', V: 'FATAL', C: '57P03', M: 'the database system is starting up' }));
        connection.end();
      },
    });
    const pooler = await poolerFor(targetOf(postgres), { server_login_retry });
    const client = pooler.connect();
    await waitUntil(() => at.length > count);
    postgres.options.onStartup = (connection) => connection.acceptLogin();
    await (await client).rows('SELECT 1');
    return at.slice(1).map((stamp, i) => stamp - at[i]!);
  }

  test('server_login_retry: the attempts grow apart up to it', async () => {
    const [wide, narrow] = await Promise.all([gaps('10s', 4), gaps('200ms', 4)]);
    expect(wide[0]).toBeLessThan(400);
    expect(wide[3]).toBeGreaterThan(580);
    for (const gap of narrow) expect(gap).toBeLessThan(450);
  });

  test('server_login_retry: 0 tries every 100 ms', async () => {
    for (const gap of await gaps(0, 4)) {
      expect(gap).toBeGreaterThan(60);
      expect(gap).toBeLessThan(350);
    }
  });
});

describe('cancel_wait_timeout', () => {
  /** A statement that runs behind a network that has stopped to carry anything. */
  async function stuck(settings: ConfigTree) {
    const postgres = await fakeFor({ onMessage: () => {} });
    const proxy = await startTcpProxy(postgres);
    onTestFinished(() => proxy.close());
    const pooler = await poolerFor(targetOf(proxy), settings);
    const client = await pooler.connect();
    client.send(build.query('SELECT pg_sleep(60)'));
    const connection = await postgres.connection();
    await waitUntil(() => connection.messages.length === 1);
    proxy.pause();
    return { client, pooler, postgres };
  }

  test('cancel_wait_timeout: a cancel request that does not get through ends, one that waits for its turn too', async () => {
    const { client, pooler, postgres } = await stuck({ cancel_wait_timeout: '500ms', default_pool_size: 1 });
    const { pid, key } = client.session;
    const { ms } = await timed(Promise.all([cancel(pooler.port, pid, key), cancel(pooler.port, pid, key)]));
    expect(ms).toBeGreaterThan(400);
    expect(ms).toBeLessThan(950);
    expect(postgres.cancels).toHaveLength(0);
  });

  test('cancel_wait_timeout: a server that still works for a client that is gone is closed', async () => {
    const { client, pooler } = await stuck({ cancel_wait_timeout: '400ms' });
    client.destroy();
    await waitUntil(() => pooler.pool().servers.being_canceled.length === 1);
    const { ms } = await timed(waitUntil(() => pooler.pool().serverCount === 0));
    expect(ms).toBeGreaterThan(200);
    expect(ms).toBeLessThan(1500);
    expect(pooler.app.observer.serverCloses.of('cancel_wait_timeout')).toBe(1);
  });

  test('cancel_wait_timeout: 0 waits for as long as it takes', async () => {
    const { client, pooler } = await stuck({ cancel_wait_timeout: 0 });
    client.destroy();
    await waitUntil(() => pooler.pool().servers.being_canceled.length === 1);
    await expectNever(() => pooler.pool().serverCount === 0, 500);
  });
});
