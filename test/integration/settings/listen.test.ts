// The connection that listens for a pool: many clients over few servers, nothing missed, nothing twice, and what happens at its ends.
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TestPooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { waitUntil } from '../../support/wait-until.ts';
import type { WireClient } from '../../support/wire.ts';
import { query } from '../../support/wire-messages.ts';
import { errorOf, farewell, poolerFor } from './for-settings.ts';

const db = useDatabase();
const CHANNELS = 'SELECT pg_listening_channels() ORDER BY 1';

/** Nobody holds a server any more. */
async function settled(pooler: TestPooler): Promise<void> {
  await waitUntil(() => pooler.pool().servers.active.length === 0);
}

function listenBackends(): Promise<{ pid: number }[]> {
  return db.current.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgsluice listen' AND datname = current_database()",
  );
}

/** The next payloads that come by themselves. */
async function heard(client: WireClient, count: number): Promise<string[]> {
  const payloads: string[] = [];
  while (payloads.length < count) {
    const message = await client.next(20_000);
    if (message.type === 'A') payloads.push(String(message.payload));
  }
  return payloads;
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => String(n + 1));

describe('many listen', () => {
  test('20 clients that listen leave a pool of 2 to others, and hear 1,000 notifications in order', async () => {
    const pooler = await poolerFor(db.current, { default_pool_size: 2, query_wait_timeout: '20s' });
    const clients = await Promise.all(numbers(20).map(() => pooler.connect()));
    await Promise.all(clients.map((client) => client.rows('LISTEN news')));
    await settled(pooler);
    expect(pooler.pool().serverCount).toBeLessThanOrEqual(2);
    expect(await listenBackends()).toHaveLength(1);
    const [worker, notifier] = [await pooler.connect(), await pooler.connect()];
    const hearing = Promise.all(clients.map((client) => heard(client, 1000)));
    for (const n of numbers(1000)) {
      await notifier.rows(`NOTIFY news, '${n}'`);
      if (Number(n) % 100 === 0) expect(await worker.rows('SELECT 1')).toEqual([['1']]);
    }
    for (const payloads of await hearing) expect(payloads).toEqual(numbers(1000));
    expect(pooler.pool().listener.deliveredCount).toBe(20_000);
  });

  test('a client that listens, runs transactions and changes its channels hears every notification once, in order', async () => {
    const pooler = await poolerFor(db.current, { default_pool_size: 3, query_wait_timeout: '20s' });
    const count = 2000;
    const texts = [
      'SELECT 1',
      'BEGIN; SELECT 1; COMMIT',
      'LISTEN other',
      'SELECT now()',
      'UNLISTEN other',
      'BEGIN; LISTEN third; ROLLBACK',
      'SELECT 1; SELECT 2',
    ];
    let isOver = false;
    const clients = await Promise.all(numbers(4).map(() => pooler.connect()));
    const hear = async (client: WireClient, at: number) => {
      await client.rows('LISTEN news');
      return async () => {
        const payloads: string[] = [];
        for (let n = at; payloads.at(-1) !== String(count); n += 1) {
          const messages = isOver ? [await client.next()] : await client.query(texts[n % texts.length]!);
          for (const { type, channel, payload } of messages)
            if (type === 'A' && channel === 'news') payloads.push(String(payload));
        }
        return payloads;
      };
    };
    const hearers = await Promise.all(clients.map(hear));
    const hearing = Promise.all(hearers.map((each) => each()));
    const notifiers = await Promise.all([pooler.connect(), pooler.connect()]);
    for (let n = 1; n <= count; n += 1) await notifiers[n % 2]!.rows(`NOTIFY news, '${n}'`);
    isOver = true;
    for (const payloads of await hearing) expect(payloads).toEqual(numbers(count));
    expect(pooler.pool().listener.deliveredCount).toBeGreaterThan(100);
  });

  test('two who listen to different channels hear their own; the last UNLISTEN of a channel ends it', async () => {
    const pooler = await poolerFor(db.current, { default_pool_size: 1 });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    await a.rows('LISTEN one');
    await b.rows('LISTEN two');
    await b.rows('LISTEN one');
    await settled(pooler);
    const { listener } = pooler.pool();
    expect([listener.clientCount, listener.channelCount]).toEqual([2, 2]);
    await db.current.query("SELECT pg_notify('one', '1'), pg_notify('two', '2')");
    expect(await heard(a, 1)).toEqual(['1']);
    expect(await heard(b, 2)).toEqual(['1', '2']);
    await a.rows('UNLISTEN *');
    await waitUntil(() => listener.clientCount === 1);
    expect(await b.rows(CHANNELS)).toEqual([['one'], ['two']]);
    expect(await a.rows(CHANNELS)).toEqual([]);
    await b.end();
    await waitUntil(() => listener.channelCount === 0);
  });

  test('1,000 channels of one client', async () => {
    const pooler = await poolerFor(db.current, { default_pool_size: 1 });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    await a.rows(
      numbers(1000)
        .map((n) => `LISTEN c${n}`)
        .join(';'),
    );
    await b.rows(
      numbers(1000)
        .map((n) => `NOTIFY c${n}, '${n}'`)
        .join(';'),
    );
    expect(await heard(a, 1000)).toEqual(numbers(1000));
    expect(await a.rows(CHANNELS)).toHaveLength(1000);
  });
});

test('listen: shared is the default, and gives the server back', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  await settled(pooler);
  expect(pooler.pool().listener.clientCount).toBe(1);
});

test('listen: pin loses nothing while the server is asked about the session', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1, listen: 'pin' });
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  const notifying = db.current.query(
    "DO $$ BEGIN FOR n IN 1..500 LOOP PERFORM pg_notify('news', n::text); COMMIT; END LOOP; END $$",
  );
  const payloads: string[] = [];
  while (payloads.length < 500) {
    const messages = await a.query(`SET work_mem TO ${1000 + payloads.length}`);
    for (const { type, payload } of messages) if (type === 'A') payloads.push(String(payload));
  }
  await notifying;
  expect(payloads).toEqual(numbers(500));
});

test('listen: pin keeps the server', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1, listen: 'pin', query_wait_timeout: '300ms' });
  const [a, b] = [await pooler.connect(), await pooler.connect()];
  await a.rows('LISTEN news');
  expect((await errorOf(b.rows('SELECT 1'))).fields.C).toBe('53300');
  expect(pooler.pool().listener.server).toBeNull();
});

test('nobody listens any more: the connection ends', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  await settled(pooler);
  await a.end();
  await waitUntil(() => pooler.pool().listener.server === null, { timeoutMs: 10_000 });
  await waitUntil(async () => (await listenBackends()).length === 0);
});

test('the connection that listens is lost: its clients are told so, and those that come again hear', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  const [a, b] = [await pooler.connect(), await pooler.connect()];
  await a.rows('LISTEN news');
  await settled(pooler);
  const [backend] = await listenBackends();
  await db.current.query('SELECT pg_terminate_backend($1)', [backend!.pid]);
  expect(await farewell(a)).toMatchObject({ C: '08006', S: 'FATAL', M: expect.stringContaining('listens was lost') });
  expect(await b.rows('SELECT 1')).toEqual([['1']]);
  await b.rows('LISTEN news');
  await settled(pooler);
  await db.current.query("NOTIFY news, 'x'");
  expect(await heard(b, 1)).toEqual(['x']);
});

test('listen_buffer: who does not read is closed, and others hear on', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 2, listen_buffer: '256kB' });
  const [slow, fast] = [await pooler.connect(), await pooler.connect()];
  await slow.rows('LISTEN news');
  await fast.rows('LISTEN news');
  await settled(pooler);
  slow.socket.pause();
  const hearing = heard(fast, 4000);
  const notifier = await pooler.connect();
  const most: number[] = [];
  for (let n = 1; n <= 40; n += 1) {
    await notifier.rows(`SELECT pg_notify('news', '${n} ' || i || repeat('x', 5000)) FROM generate_series(1, 100) i`);
    most.push(...[...pooler.app.clients].map((client) => client.stream.unsentBytes));
  }
  expect(await hearing).toHaveLength(4000);
  expect(Math.max(...most)).toBeLessThanOrEqual(262_144 + 65_536); // and what came in one read
  await waitUntil(() => pooler.app.observer.clientCloses.of('listen_buffer') === 1);
  slow.destroy();
});

test('a client inside a long transaction keeps what it is to hear in Postgres', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 2, listen_buffer: '256kB' });
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  await settled(pooler);
  await a.rows('BEGIN');
  await db.current.query("SELECT pg_notify('news', i || repeat('x', 5000)) FROM generate_series(1, 200) i");
  const before = a.receivedBytes;
  await a.rows('SELECT 1');
  expect(a.receivedBytes - before).toBeLessThan(200);
  a.send(query('COMMIT'));
  expect(await heard(a, 200)).toHaveLength(200);
});

test('max_db_connections: without room for it, clients keep their servers; when there is some, they give them back', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 2, max_db_connections: 2 });
  const [a, b] = [await pooler.connect(), await pooler.connect()];
  await b.rows('BEGIN');
  await a.rows('LISTEN news');
  const { servers, listener } = pooler.pool();
  await waitUntil(() => listener.needsRoom);
  expect(servers.active.length).toBe(2);
  await db.current.query("NOTIFY news, 'pinned'");
  expect(await heard(a, 1)).toEqual(['pinned']);
  await b.rows('COMMIT');
  await settled(pooler);
  expect(pooler.pool().connectionCount).toBe(2);
  await db.current.query("NOTIFY news, 'shared'");
  expect(await heard(a, 1)).toEqual(['shared']);
  expect(await b.rows('SELECT 1')).toEqual([['1']]);
});

test('max_pinned_servers does not count clients whose channels are being handed over', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 3, max_pinned_servers: 1 });
  const clients = await Promise.all(numbers(6).map(() => pooler.connect()));
  await Promise.all(clients.map((client) => client.rows('LISTEN news')));
  await settled(pooler);
  await db.current.query("NOTIFY news, 'x'");
  for (const client of clients) expect(await heard(client, 1)).toEqual(['x']);
});

test('PAUSE and RECONNECT close those who listen, with an error that says so', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  for (const command of ['PAUSE', 'RECONNECT']) {
    const a = await pooler.connect();
    await a.rows('LISTEN news');
    await settled(pooler);
    await pooler.console(command);
    expect(await farewell(a)).toMatchObject({ C: '08006', S: 'FATAL' });
    if (command === 'PAUSE') await pooler.console('RESUME');
  }
});

test('clients that vanish while their channels change hands leave nothing behind, and others hear on', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 3, query_wait_timeout: '20s' });
  const stays = await pooler.connect();
  await stays.rows('LISTEN news');
  const sent = ['BEGIN', 'LISTEN other', 'SELECT now()', 'UNLISTEN *', 'SELECT 1'];
  for (let n = 0; n < 40; n += 1) {
    const client = await pooler.connect();
    await client.rows('LISTEN news');
    if (n % 2 === 0) await settled(pooler);
    client.send(query(sent[n % sent.length]!));
    if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (n % 4 === 0) client.reset();
    else client.destroy();
  }
  const { listener } = pooler.pool();
  await waitUntil(() => listener.clientCount === 1 && listener.channelCount === 1);
  await settled(pooler);
  expect(listener.awaited).toBe(0);
  await db.current.query("NOTIFY news, 'x'");
  expect(await heard(stays, 1)).toEqual(['x']);
  expect(await (await pooler.connect()).rows(CHANNELS)).toEqual([]);
});

test('SHOW SERVERS shows it, and the metrics count who listens', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  await settled(pooler);
  const rows = await pooler.console<{ application_name: string; state: string; link: string }>('SHOW SERVERS');
  expect(rows.filter(({ application_name }) => application_name === 'pgsluice listen')).toMatchObject([
    { state: 'active', link: '' },
  ]);
  await db.current.query("NOTIFY news, 'x'");
  await heard(a, 1);
  const text = await pooler.app.metrics.text();
  expect(text).toMatch(/pgsluice_pool_listening_clients\{[^}]*\} 1\n/);
  expect(text).toMatch(/pgsluice_pool_listen_channels\{[^}]*\} 1\n/);
  expect(text).toMatch(/pgsluice_pool_notifications_total\{[^}]*\} 1\n/);
});

test('a client that does not listen causes no message of it', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1 });
  const a = await pooler.connect();
  await a.rows('SELECT 1');
  const { stats, listener } = pooler.pool();
  const before = stats.inspectionCount;
  await a.rows("NOTIFY news, 'x'");
  await a.rows('SELECT now()');
  expect(stats.inspectionCount).toBe(before);
  expect(listener.server).toBeNull();
});

test('the connection that listens falls silent: it is asked, and who hears it is told', async () => {
  const proxy = await startTcpProxy(db.current);
  onTestFinished(() => proxy.close());
  const pooler = await poolerFor(
    { ...db.current, host: '127.0.0.1', port: proxy.port },
    { default_pool_size: 1, server_connect_timeout: '1s' },
  );
  const a = await pooler.connect();
  await a.rows('LISTEN news');
  await settled(pooler);
  const { listener } = pooler.pool();
  proxy.pause();
  pooler.app.clock.skip(-16_000); // time passes: it has said nothing for long
  expect(await farewell(a)).toMatchObject({ C: '08006', M: expect.stringContaining('listens was lost') });
  await waitUntil(() => listener.server === null);
  proxy.resume();
});
