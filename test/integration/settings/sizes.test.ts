// Settings of how many servers a pool has and which one is used.
import { describe, expect, test } from 'vitest';
import type { FakeServer } from '../../support/fake-server.ts';
import type { TestPooler } from '../../support/pooler.ts';
import { waitUntil } from '../../support/wait-until.ts';
import * as build from '../../support/wire-messages.ts';
import { begin, expectNever, fakeFor, farewell, pidOf, poolerFor, targetOf } from './for-settings.ts';

const entry = (server: { host: string; port: number }, more = {}) => ({
  host: server.host,
  port: server.port,
  ...more,
});

/** Clients that all begin a transaction; resolves when as many servers are open and no more come. */
async function crowd(pooler: TestPooler, postgres: FakeServer, size: number, login = {}) {
  const held = Array.from({ length: size + 2 }, async () => {
    const client = await pooler.connect(login);
    await client.rows('BEGIN', 20_000).catch(() => {});
    return client;
  });
  await waitUntil(() => postgres.open.length === size);
  await expectNever(() => postgres.open.length > size, 250);
  return held;
}

test('default_pool_size: a pool has so many servers and no more, each pool its own', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), { default_pool_size: 2, databases: { '*': entry(postgres) } });
  await crowd(pooler, postgres, 2);
  const other = await pooler.connect({ database: 'other' });
  await begin(other);
  expect(postgres.open).toHaveLength(3);
});

test('pool_size: of a databases: entry it wins over default_pool_size, and of a users: entry over both', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), {
    default_pool_size: 1,
    databases: { app: entry(postgres, { pool_size: 2 }) },
    users: { app: { password: 'secret' }, big: { password: 'secret', pool_size: 3 } },
  });
  await crowd(pooler, postgres, 2);
  await crowd(pooler, postgres, 5, { user: 'big' }).catch(() => {});
  expect(postgres.open.filter(({ startup }) => startup?.parameters.user === 'big')).toHaveLength(3);
});

test('pool_size: a smaller one holds at once: the servers beyond it go, idle ones now and busy ones when they are released', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), { default_pool_size: 4 });
  const clients = await Promise.all([pooler.connect(), pooler.connect(), pooler.connect(), pooler.connect()]);
  await Promise.all(clients.map(begin));
  await Promise.all(clients.slice(2).map((client) => client.rows('COMMIT')));
  expect(postgres.open).toHaveLength(4);
  pooler.reload({ default_pool_size: 1 });
  await waitUntil(() => postgres.open.length === 2);
  await Promise.all(clients.slice(0, 2).map((client) => client.rows('COMMIT')));
  await waitUntil(() => postgres.open.length === 1);
});

describe('min_pool_size', () => {
  test('min_pool_size: servers are kept ready while a client is connected, whether it needs them or not', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { min_pool_size: 3, server_idle_timeout: '200ms' });
    await pooler.connect();
    await waitUntil(() => pooler.pool().servers.idle.length === 3);
    await expectNever(() => pooler.pool().serverCount !== 3, 400);
  });

  test('min_pool_size: where the database forces a user they are replaced without a client too, elsewhere not', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), {
      min_pool_size: 2,
      databases: { app: entry(postgres), forced: entry(postgres, { user: 'one', min_pool_size: 1 }) },
    });
    const both = [await pooler.connect(), await pooler.connect({ database: 'forced' })];
    await waitUntil(() => postgres.open.length === 3);
    for (const client of both) await client.end();
    const before = postgres.connections.length;
    for (const connection of postgres.open) connection.cut();
    const again = await postgres.connection(before);
    expect(again.startup?.parameters.user).toBe('one');
    await expectNever(() => postgres.connections.length > before + 1, 300);
  });
});

describe('pool_mode', () => {
  test('pool_mode: session keeps the server until the client leaves', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { pool_mode: 'session' });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    const mine = await pidOf(a);
    expect(await pidOf(b)).not.toBe(mine);
    expect(await pidOf(a)).toBe(mine);
    expect(pooler.pool().servers.active.length).toBe(2);
    await a.end();
    await waitUntil(() => pooler.pool().servers.active.length === 1);
  });

  test('pool_mode: transaction gives the server back when the transaction ends', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { pool_mode: 'transaction' });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    const mine = await begin(a);
    expect(await pidOf(b)).not.toBe(mine);
    await a.rows('COMMIT');
    expect(pooler.pool().servers.active.length).toBe(0);
  });

  test('pool_mode: statement refuses transactions of several statements', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { pool_mode: 'statement' });
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    expect(pooler.pool().servers.active.length).toBe(0);
    client.send(build.query('BEGIN'));
    expect((await farewell(client))?.M).toContain('statement pooling mode');
  });
});

describe('the reserve', () => {
  const settings = { default_pool_size: 1, reserve_pool_size: 1, reserve_pool_timeout: '400ms' };

  test('reserve_pool_size: a client that waits for too long gets one server beyond the pool, and no further one does', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), settings);
    await begin(await pooler.connect());
    const second = await pooler.connect();
    await begin(second);
    expect(postgres.open).toHaveLength(2);
    void (await pooler.connect()).rows('SELECT 1').catch(() => {});
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    await expectNever(() => postgres.open.length > 2, 600);
  });

  test('reserve_pool_timeout: the reserve is not touched before it, and never when it is 0', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), settings);
    await begin(await pooler.connect());
    const from = performance.now();
    await begin(await pooler.connect());
    expect(performance.now() - from).toBeGreaterThan(350);
    expect(performance.now() - from).toBeLessThan(2000);
    const never = await poolerFor(targetOf(await fakeFor()), { ...settings, reserve_pool_timeout: 0 });
    await begin(await never.connect());
    void (await never.connect()).rows('SELECT 1').catch(() => {});
    await waitUntil(() => never.pool().clients.waiting.length === 1);
    await expectNever(() => never.pool().serverCount > 1, 600);
  });
});

test('server_round_robin: the servers are used in turn, and without it the one that was used last', async () => {
  const settings = { min_pool_size: 3 };
  for (const server_round_robin of [true, false]) {
    const pooler = await poolerFor(targetOf(await fakeFor()), { ...settings, server_round_robin });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    await waitUntil(() => pooler.pool().servers.idle.length === 3);
    const pids: string[] = [];
    for (let i = 0; i < 3; i += 1) pids.push(await pidOf(a));
    for (let i = 0; i < 3; i += 1) pids.push(await pidOf(b));
    expect(new Set(pids.slice(0, 3)).size).toBe(server_round_robin ? 3 : 1);
    expect(pids.slice(3)).toEqual(pids.slice(0, 3));
  }
});
