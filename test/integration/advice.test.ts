// What pgsluice says of the size of its pools, on a real Postgres: the console, HTTP and the log.
import { expect, test } from 'vitest';
import { Advisor } from '../../src/observe/advice.ts';
import type { Logger } from '../../src/observe/log.ts';
import { RecentTimes } from '../../src/observe/times.ts';
import { Api } from '../support/http-api.ts';
import type { TestPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import { poolerFor } from './settings/for-settings.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();

const adviceOf = async (pooler: TestPooler) =>
  (await pooler.console('SHOW ADVICE')).find(({ database }) => database === pooler.database)!;

/** Keeps clients busy until that is so. */
async function under<T>(
  clients: WireClient[],
  work: (client: WireClient) => Promise<unknown>,
  until: () => Promise<T>,
) {
  let isOver = false;
  const busy = clients.map(async (client) => {
    while (!isOver) await work(client);
  });
  try {
    return await until();
  } finally {
    isOver = true;
    await Promise.all(busy);
  }
}

test('a pool that was not seen at work gets no size, and the console and HTTP say why', async () => {
  const http_listen_port = await freePort();
  const pooler = await poolerFor(db.current, { http_listen_port, default_pool_size: 5 });
  await pooler.query('SELECT 1');
  await waitUntil(async () => (await adviceOf(pooler)) !== undefined);
  expect(await adviceOf(pooler)).toMatchObject({
    cause: 'too_little_seen',
    pool_size: 5,
    size: null,
    confidence: 'none',
    title: 'Too little was seen to say anything.',
    change: null,
  });
  const { body } = await new Api(http_listen_port).get('/api/v1/advice');
  expect(body.advice).toEqual([
    expect.objectContaining({ database: db.current.database, cause: 'too_little_seen', size: null }),
  ]);
});

test('a pool that is much too large is told what it needs, with the arithmetic', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 30 });
  const clients = [await pooler.connect(), await pooler.connect()];
  const advice = await under(
    clients,
    (client) => client.rows('SELECT pg_sleep(0.02)'),
    () =>
      waitUntil(
        async () => {
          const row = await adviceOf(pooler);
          return row?.cause === 'too_large' ? row : undefined;
        },
        { timeoutMs: 20_000 },
      ),
  );
  expect(advice.size).toBeLessThanOrEqual(4);
  expect(advice.change).toBe(`pool_size: ${advice.size}`);
  expect(advice.arithmetic).toMatch(/ tx\/s x .* held = .* busy; for p99 wait < 50 ms as they come: \d; you have 30;/);
});

test('an application that is silent inside its transactions is named, with the size that would do without that', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 12 });
  const clients: WireClient[] = [];
  while (clients.length < 8) clients.push(await pooler.connect({ params: { application_name: 'slow shop' } }));
  const advice = await under(
    clients,
    async (client) => {
      await client.rows('BEGIN');
      await client.rows('SELECT 1');
      await new Promise((done) => setTimeout(done, 60));
      await client.rows('COMMIT');
    },
    () =>
      waitUntil(
        async () => {
          const row = await adviceOf(pooler);
          return row?.cause === 'idle_in_transaction' ? row : undefined;
        },
        { timeoutMs: 20_000 },
      ),
  );
  expect(advice.title).toContain('"slow shop" is silent inside a transaction');
  expect(advice.size_without).toBeLessThan(advice.size);
});

test('the log tells an advice once, when it has stood for a while, and again when it is another', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 20 });
  const told: Record<string, unknown>[] = [];
  const log = { info: (facts: Record<string, unknown>) => told.push(facts) } as unknown as Logger;
  const times = new RecentTimes();
  const advisor = new Advisor(times, log);
  const client = await pooler.connect();
  // A clock of its own: a second each time, in which the client is served five times.
  let now = pooler.app.clock.now();
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second += 1) {
      now += 1_000;
      for (let i = 0; i < 5; i += 1) await client.rows('SELECT 1');
      times.tick(pooler.app.pools, now);
      advisor.tick(pooler.app.pools, now);
    }
  };
  await pass(120);
  expect(told).toEqual([
    expect.objectContaining({ database: db.current.database, cause: 'too_large', poolSize: 20, size: 1 }),
  ]);
  await pass(60);
  expect(told.length).toBe(1);
  pooler.reload({ default_pool_size: 1 });
  await pass(60);
  expect(told.length).toBe(2);
  expect(told[1]).toMatchObject({ cause: 'fits', poolSize: 1, change: null });
});

test('a leak counts for as long as its server is held: nobody is told to grow the pool for it, guard or not', async () => {
  const settings = { default_pool_size: 2, guard: false, idle_transaction_timeout: 0, query_wait_timeout: 0 };
  const pooler = await poolerFor(db.current, settings);
  const leak = await pooler.connect();
  await leak.rows('BEGIN');
  const [client, late] = [await pooler.connect(), await pooler.connect()];
  const times = new RecentTimes();
  const advisor = new Advisor(times, { info: () => {} } as unknown as Logger);
  let now = pooler.app.clock.now();
  const { pools } = pooler.app;
  const pool = [...pools].find(({ database }) => database === db.current.database)!;
  const pass = async (seconds: number, meanwhile = async () => {}) => {
    for (let second = 0; second < seconds; second += 1) {
      now += 1_000;
      await meanwhile();
      times.tick(pools, now);
      advisor.tick(pools, now);
    }
  };
  // Far longer than what is measured: when the leak began is forgotten.
  await pass(150, async () => {
    for (let i = 0; i < 3; i += 1) await client.rows('SELECT 1');
  });
  // The other server is held and somebody waits, each time that it is looked at.
  let waits: Promise<unknown> = Promise.resolve();
  await client.rows('BEGIN');
  await pass(120, async () => {
    await client.rows('COMMIT');
    await waits;
    await client.rows('BEGIN');
    waits = late.rows('SELECT 1');
    await waitUntil(() => pool.queue.length > 0);
  });
  expect(advisor.of(pool, pools, now)).toMatchObject({ cause: 'leak', poolSize: 2, size: 2, change: null });
  await client.rows('COMMIT');
  await waits;
  await leak.rows('COMMIT');
});
