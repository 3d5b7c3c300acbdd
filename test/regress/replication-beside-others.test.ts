// A client that waited for a server of its own kept others waiting beside idle ones, opened one server too many, and its refusal was everybody's.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { createRole, useDatabase } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
let proxy: TcpProxy;
let pooler: TestPooler;
beforeAll(async () => {
  await createRole(db.current, 'plain_role', 'x');
  proxy = await startTcpProxy(db.current);
  const users = { [db.current.user]: { password: db.current.password }, plain_role: { password: 'x' } };
  pooler = await startPooler({ ...db.current, port: proxy.port }, { default_pool_size: 4, users });
});
afterAll(async () => {
  await pooler.stop();
  await proxy.close();
});

const replication = { params: { replication: 'database' } };

test('while a replication client is being connected, others are served from idle servers, and one server is opened', async () => {
  const ordinary = await Promise.all([pooler.connect(), pooler.connect()]);
  await Promise.all(ordinary.map((client) => client.rows('SELECT pg_sleep(0.05)')));
  const pool = pooler.pool();
  await waitUntil(() => pool.servers.idle.length === 2);
  const logins = pool.stats.serverLoginCount;
  proxy.pause();
  const connecting = pooler.connect(replication);
  await waitUntil(() => pool.servers.login.length === 1);
  const asked = ordinary.map((client) => client.rows('SELECT 1'));
  await waitUntil(() => pool.servers.active.length === 2);
  await pooler.expectInvariants();
  proxy.resume();
  expect(await Promise.all(asked)).toEqual([[['1']], [['1']]]);
  const client = await connecting;
  expect(pool.stats.serverLoginCount - logins).toBe(1);
  expect(pool.serverCount).toBe(3);
  await Promise.all([client, ...ordinary].map((each) => each.end()));
});

test('a replication client that waits in a full pool gets the first server that is let go, not the next tick', async () => {
  const busy = await Promise.all(Array.from({ length: 4 }, () => pooler.connect()));
  await Promise.all(busy.map((client) => client.rows('BEGIN')));
  const connecting = pooler.connect(replication);
  await waitUntil(() => pooler.pool().clients.waiting.length === 1);
  await busy[0]?.rows('COMMIT');
  // Nobody ticked in between: the end of the transaction itself made room.
  expect(pooler.pool().servers.login.length + pooler.pool().servers.active.length).toBe(4);
  const client = await connecting;
  expect(pooler.pool().serverCount).toBe(4);
  await Promise.all(busy.slice(1).map((each) => each.rows('COMMIT')));
  await Promise.all([client, ...busy].map((each) => each.end()));
  await pooler.expectInvariants();
});

test('a refused replication login refuses and slows nobody else', async () => {
  const login = { user: 'plain_role', password: 'x' };
  await expect(pooler.connect({ ...login, ...replication })).rejects.toMatchObject({
    code: '42501',
    fields: { M: expect.stringMatching(/wal ?sender/i) }, // 15 has other words
  });
  const pool = pooler.pool(pooler.database, 'plain_role');
  expect([pool.outage.isRefused, pool.outage.failures, pool.lastLoginError]).toEqual([false, 0, null]);
  const client = await pooler.connect(login);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('a replication client that leaves in the middle of the stream frees its server at once', async () => {
  await db.current.query('CREATE PUBLICATION p');
  const client = await pooler.connect(replication);
  await client.rows('CREATE_REPLICATION_SLOT gone TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT');
  client.send(build.query(`START_REPLICATION SLOT gone LOGICAL 0/0 (proto_version '1', publication_names 'p')`));
  await client.readUntil('W');
  const before = pooler.pool().serverCount;
  client.destroy();
  await waitUntil(() => pooler.pool().serverCount === before - 1, { timeoutMs: 1_000 });
  expect(pooler.pool().servers.being_canceled.length).toBe(0);
});
