// Settings that limit how many connections there are, of clients and to Postgres.
import { expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { connect } from '../../support/wire.ts';
import { begin, errorOf, expectNever, fakeFor, farewell, pidOf, poolerFor, targetOf, timed } from './for-settings.ts';
import { commandWith } from './the-command.ts';

const FULL = { code: '53300' };
const entry = (server: { host: string; port: number }, more = {}) => ({
  host: server.host,
  port: server.port,
  ...more,
});

test('max_client_conn: one client more is refused, until one leaves; the console stays open', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { max_client_conn: 2, admin_users: ['app'] });
  const [first] = [await pooler.connect(), await pooler.connect()];
  await expect(pooler.connect()).rejects.toMatchObject({
    ...FULL,
    message: expect.stringContaining('max_client_conn'),
  });
  await (await pooler.connect({ database: 'pgsluice' })).end();
  await first.end();
  await waitUntil(() => pooler.connect());
});

test('max_client_conn: at start it is held against the limit of open files', async () => {
  const run = await commandWith({ max_client_conn: 5000 }, { openFiles: 300 });
  await run.line('pgsluice is up');
  expect(await run.line('the limit of open files')).toMatchObject({
    level: 'warn',
    openFiles: 300,
    maxClientConn: 5000,
  });
  expect((await run.line('pgsluice is up')).maxClients).toBeLessThan(300);
});

test('max_client_logins: one connection more that has not proven who it is, and the oldest of them is closed', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { max_client_logins: 2 });
  const oldest = await connect(pooler.port);
  const next = await connect(pooler.port);
  await waitUntil(() => pooler.app.clients.size === 2);
  const client = await pooler.connect();
  expect((await farewell(oldest))?.C).toBe('53300');
  expect(next.closed).toBe(false);
  expect(await client.rows('SELECT 1')).toHaveLength(1);
});

test('max_db_client_connections: it counts the clients of one database, whoever they are', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), {
    max_db_client_connections: 2,
    users: { app: { password: 'secret' }, other: { password: 'secret' } },
    databases: { app: entry(postgres), wide: entry(postgres, { max_db_client_connections: 3 }) },
  });
  const first = await pooler.connect();
  await pooler.connect({ user: 'other' });
  await expect(pooler.connect()).rejects.toMatchObject(FULL);
  for (let i = 0; i < 3; i += 1) await pooler.connect({ database: 'wide' });
  await expect(pooler.connect({ database: 'wide' })).rejects.toMatchObject(FULL);
  await first.end();
  await waitUntil(() => pooler.connect({ user: 'other' }));
});

test('max_user_client_connections: it counts the clients of one user, wherever they are', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), {
    max_user_client_connections: 2,
    users: { app: { password: 'secret' }, other: { password: 'secret', max_user_client_connections: 1 } },
    databases: { '*': entry(postgres) },
  });
  const first = await pooler.connect({ database: 'one' });
  await pooler.connect({ database: 'two' });
  await expect(pooler.connect({ database: 'three' })).rejects.toMatchObject(FULL);
  await pooler.connect({ user: 'other' });
  await expect(pooler.connect({ user: 'other' })).rejects.toMatchObject(FULL);
  await first.end();
  await waitUntil(() => pooler.connect({ database: 'three' }));
});

test('max_db_connections: over all users a database has no more servers, and an idle one makes room', async () => {
  const postgres = await fakeFor();
  const users = { app: { password: 'secret' }, b: { password: 'secret' }, c: { password: 'secret' } };
  const pooler = await poolerFor(targetOf(postgres), {
    users,
    databases: { app: entry(postgres, { max_db_connections: 2 }) },
  });
  const [a, b] = [await pooler.connect(), await pooler.connect({ user: 'b' })];
  await begin(a);
  await begin(b);
  const late = pooler.connect({ user: 'c' });
  await waitUntil(() => pooler.pool('app', 'c').clients.waiting.length === 1);
  await expectNever(() => postgres.open.length > 2, 300);
  await b.rows('COMMIT');
  await pidOf(await late);
  expect(postgres.open.map((connection) => connection.startup?.parameters.user)).toEqual(['app', 'c']);
  expect(pooler.app.observer.serverCloses.of('evicted')).toBe(1);
  await a.rows('COMMIT');
});

test('max_user_connections: over all databases a user has no more servers, and an idle one makes room', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), {
    users: { app: { password: 'secret', max_user_connections: 2 } },
    databases: { '*': entry(postgres) },
  });
  const [a, b] = [await pooler.connect({ database: 'a' }), await pooler.connect({ database: 'b' })];
  await begin(a);
  await begin(b);
  const late = pooler.connect({ database: 'c' });
  await waitUntil(() => pooler.pool('c').clients.waiting.length === 1);
  await expectNever(() => postgres.open.length > 2, 300);
  await b.rows('COMMIT');
  await pidOf(await late);
  expect(postgres.open.map((connection) => connection.startup?.parameters.database)).toEqual(['a', 'c']);
  await a.rows('COMMIT');
});

test('max_user_connections: a server that is held and not used is taken back for another pool that waits for room', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), {
    users: { app: { password: 'secret', max_user_connections: 1 } },
    databases: { '*': entry(postgres) },
    leak_detection_threshold: '400ms',
    leak_reclaim_floor: '200ms',
    query_wait_timeout: '5s',
  });
  const silent = await pooler.connect({ database: 'a' });
  await begin(silent);
  const { ms, value: late } = await timed(pooler.connect({ database: 'b' }));
  await pidOf(late);
  expect(ms).toBeLessThan(3_000);
  expect(pooler.pool('a').stats.leaks.of('idle_in_transaction')).toBe(1);
  expect((await errorOf(silent.rows('SELECT 1'))).code).toBe('25P03');
});

test('max_parallel_logins: over all pools no more logins to Postgres are under way', async () => {
  const postgres = await fakeFor({ onStartup: () => {} });
  const pooler = await poolerFor(targetOf(postgres), { max_parallel_logins: 3, databases: { '*': entry(postgres) } });
  const clients = Array.from({ length: 8 }, (_, i) => pooler.connect({ database: `db${i % 4}` }));
  await waitUntil(() => postgres.open.length === 3);
  await expectNever(() => postgres.open.length > 3, 300);
  postgres.connections[0]?.acceptLogin();
  await waitUntil(() => postgres.open.length === 4);
  await expectNever(() => postgres.open.length > 4, 300);
  postgres.options.onStartup = (connection) => connection.acceptLogin();
  for (const connection of postgres.connections.slice(1, 4)) connection.acceptLogin();
  await Promise.all(clients);
});
