// Several processes behind one port: a cancel request finds its statement whichever of them gets it.
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { processIdOf } from '../../../src/client/peer-key.ts';
import { findPgbouncer, startPgbouncer } from '../../support/pgbouncer.ts';
import type { TestPooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { cancel, connectAndLogin, type LoginResult, type WireClient } from '../../support/wire.ts';
import { errorOf, poolerFor } from './for-settings.ts';
import { freePort } from './free-port.ts';

const db = useDatabase();
type Client = WireClient & { session: LoginResult };

/** Two that know each other. */
async function pair(settings: Record<string, unknown> = {}): Promise<[TestPooler, TestPooler]> {
  // A port that was free may be somebody else's a moment later.
  for (let tries = 0; ; tries += 1) {
    const [one, two] = [await freePort(), await freePort()];
    const peers = { 1: { host: '127.0.0.1', port: one }, 2: { host: '127.0.0.1', port: two } };
    try {
      return [
        await poolerFor(db.current, { ...settings, peer_id: 1, peers, listen_port: one }),
        await poolerFor(db.current, { ...settings, peer_id: 2, peers, listen_port: two }),
      ];
    } catch (error) {
      if (tries === 4 || !String(error).includes('EADDRINUSE')) throw error;
    }
  }
}

/** Starts a statement that ends only when it is canceled; resolves when Postgres runs it. */
async function sleep(client: Client): Promise<{ readonly end: Promise<string> }> {
  const sql = `SELECT pg_sleep(60) -- ${client.session.pid} ${client.session.key.toString('hex')}`;
  const end = errorOf(client.rows(sql)).then(({ code }) => code);
  end.catch(() => {});
  const find = () => db.current.query(`SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query = $1`, [sql]);
  await waitUntil(async () => (await find()).length === 1);
  return { end };
}

test('peer_id: a cancel request that comes to another process is carried to the right one', async () => {
  const [first, second] = await pair();
  for (const [own, other] of [
    [first, second],
    [second, first],
  ] as const) {
    const client = await own.connect();
    const statement = await sleep(client);
    await cancel(other.port, client.session.pid, client.session.key);
    expect(await statement.end).toBe('57014');
    await client.end();
  }
});

test('peer_id: a cancel request that comes to its own process is served there, and the long keys of protocol 3.2 are too', async () => {
  const [first, second] = await pair();
  for (const port of [first.port, second.port]) {
    const client = await first.connect({ protocol: 0x0003_0002 });
    expect(client.session.key).toHaveLength(32);
    const statement = await sleep(client);
    await cancel(port, client.session.pid, client.session.key);
    expect(await statement.end).toBe('57014');
    await client.end();
  }
});

test('peer_id: one port for both, as with so_reuseport: it does not matter who gets the request', async (context) => {
  if (process.platform !== 'linux') skipBecause(context, 'linux: 127.0.0.2 is an address there');
  const port = await freePort();
  const peers = { 1: { host: '127.0.0.2', port }, 2: { host: '127.0.0.3', port } };
  const shared = { so_reuseport: true, listen_port: port, peers };
  await poolerFor(db.current, { ...shared, peer_id: 1, listen_addr: ['127.0.0.1', '127.0.0.2'] });
  await poolerFor(db.current, { ...shared, peer_id: 2, listen_addr: ['127.0.0.1', '127.0.0.3'] });
  const { user, password, database } = db.current;
  for (let i = 0; i < 12; i += 1) {
    const client = await connectAndLogin(port, { user, password, database });
    const statement = await sleep(client);
    await cancel(port, client.session.pid, client.session.key);
    expect(await statement.end).toBe('57014');
    await client.end();
  }
});

test('peer_id: a wrong key does nothing, also by way of another process', async () => {
  const [first, second] = await pair();
  const client = await first.connect();
  const statement = await sleep(client);
  const wrong = Buffer.from(client.session.key);
  wrong[0] = wrong[0]! ^ 1;
  await cancel(second.port, client.session.pid, wrong);
  await cancel(second.port, processIdOf(3, 1), client.session.key);
  expect(first.app.clients.size).toBe(1);
  const sleeping = `SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'`;
  expect(await db.current.query(sleeping)).toHaveLength(1);
  await cancel(second.port, client.session.pid, client.session.key);
  expect(await statement.end).toBe('57014');
});

test('peer_id: a request that nobody wants is passed on three times at most', async () => {
  const [one, two] = [await freePort(), await freePort()];
  // Each takes the other for number 3.
  const first = await poolerFor(db.current, {
    peer_id: 1,
    listen_port: one,
    peers: { 3: { host: '127.0.0.1', port: two } },
  });
  const second = await poolerFor(db.current, {
    peer_id: 2,
    listen_port: two,
    peers: { 3: { host: '127.0.0.1', port: one } },
  });
  let connections = 0;
  for (const { app } of [first, second]) {
    const accept = app.accept.bind(app);
    app.accept = (socket) => {
      connections += 1;
      accept(socket);
    };
  }
  await cancel(one, processIdOf(3, 1), Buffer.from([1, 2, 3, 0xff]));
  expect(connections).toBe(4);
  expect([first.app.clients.size, second.app.clients.size]).toEqual([0, 0]);
});

test('peer_id: a peer gets as many requests at a time as its pool_size says, and one that is silent is given up', async () => {
  let most = 0;
  let count = 0;
  const silent = createServer((socket) => {
    socket.on('error', () => {}).resume();
    count += 1;
    most = Math.max(most, pooler.app.peers.countsOf(2).active);
  });
  const port = await freePort();
  await new Promise<void>((done) => silent.listen(port, '127.0.0.1', done));
  onTestFinished(() => void silent.close());
  const peers = { 2: { host: '127.0.0.1', port, pool_size: 2 } };
  const pooler = await poolerFor(db.current, { peer_id: 1, peers, cancel_wait_timeout: '300ms' });
  const requests = Array.from({ length: 5 }, () =>
    cancel(pooler.port, processIdOf(2, 1), Buffer.from([1, 2, 3, 0xff])),
  );
  await waitUntil(() => pooler.app.peers.countsOf(2).waiting === 3);
  expect(pooler.app.peers.countsOf(2)).toEqual({ active: 2, waiting: 3 });
  await Promise.all(requests);
  expect([count, most]).toEqual([5, 2]);
  expect(pooler.app.peers.countsOf(2)).toEqual({ active: 0, waiting: 0 });
});

test('peer_id: a PgBouncer is a peer like any other', async (context) => {
  const path = findPgbouncer() ?? skipBecause(context, 'pgbouncer: not found on PATH or in PGBOUNCER=');
  const own = await freePort();
  // The section goes behind the settings, which are written last.
  const pgbouncer = await startPgbouncer(path, db.current, { peer_id: 2, '[peers]\n1': `host=127.0.0.1 port=${own}` });
  onTestFinished(() => pgbouncer.stop());
  const peers = { 2: { host: '127.0.0.1', port: pgbouncer.port } };
  const pooler = await poolerFor(db.current, { peer_id: 1, peers, listen_port: own });
  const { user, password, database } = db.current;
  for (const [from, to] of [
    [own, pgbouncer.port],
    [pgbouncer.port, own],
  ] as const) {
    const client = await connectAndLogin(from, { user, password, database });
    const statement = await sleep(client);
    await cancel(to, client.session.pid, client.session.key);
    expect(await statement.end).toBe('57014');
    await client.end();
  }
  expect(pooler.app.peers.countsOf(2)).toEqual({ active: 0, waiting: 0 });
});
