// Settings of the queue: whose turn it is, how many may wait, and who is not made to wait in vain.

import { expect, test } from 'vitest';
import { intervalMs } from '../../../src/pool/pace.ts';
import type { TestPooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import type { WireClient, WireError } from '../../support/wire.ts';
import { begin, errorOf, poolerFor, timed } from './for-settings.ts';

const db = useDatabase();
/** 25 a second on one server. */
const SLOW = 'SELECT pg_sleep(0.04)';

/** One after another: a login whose session the pool has not seen needs a server too. */
async function clientsOf(pooler: TestPooler, application: string, count: number): Promise<WireClient[]> {
  const clients: WireClient[] = [];
  while (clients.length < count) clients.push(await pooler.connect({ params: { application_name: application } }));
  return clients;
}

const waiting = (pooler: TestPooler) => pooler.pool().clients.waiting.length;

/** Servers that its clients hold, by application. */
function held(pooler: TestPooler): Record<string, number> {
  return Object.fromEntries([...pooler.pool().queue.shares].map((share) => [share.name, share.held]));
}

test('application_weights: servers that become free are divided by them, and a reload changes that', async () => {
  const pooler = await poolerFor(db.current, {
    default_pool_size: 4,
    application_weights: { web: 3 },
  });
  /** What came of it when four servers became free one by one, and eight clients of each application waited. */
  const divided = async () => {
    const first = await clientsOf(pooler, 'first', 4);
    const later = [...(await clientsOf(pooler, 'batch', 8)), ...(await clientsOf(pooler, 'web', 8))];
    await Promise.all(first.map(begin));
    const asked = later.map((client) => client.rows('BEGIN').catch(() => null));
    await waitUntil(() => waiting(pooler) === 16);
    for (const client of first) await client.rows('COMMIT');
    const result = held(pooler);
    for (const client of later) client.destroy();
    await Promise.all(asked);
    return result;
  };
  expect(await divided()).toMatchObject({ first: 0, web: 3, batch: 1 });
  pooler.reload({ application_weights: ['batch=3'] });
  expect(await divided()).toMatchObject({ first: 0, web: 1, batch: 3 });
});

test('max_waiting_clients: one more is refused at once and stays connected', async () => {
  const { host, port, database } = db.current;
  const pooler = await poolerFor(db.current, {
    default_pool_size: 1,
    max_waiting_clients: 5,
    databases: { [database]: { host, port, max_waiting_clients: 2 } },
  });
  const [holder, ...others] = await clientsOf(pooler, 'web', 4);
  await begin(holder!);
  const served = others.slice(0, 2).map((client) => client.rows('SELECT 1'));
  await waitUntil(() => waiting(pooler) === 2);
  const { ms, value: error } = await timed(errorOf(others[2]!.rows('SELECT 1')));
  expect(ms).toBeLessThan(500);
  expect(error.fields).toMatchObject({ S: 'ERROR', C: '53300', M: expect.stringMatching(/^queue_full\b.* 2\)/) });
  expect(error.fields.D).toContain('pool_size 1');
  expect(pooler.pool().stats.queueFullCount).toBe(1);
  await holder!.rows('COMMIT');
  expect(await Promise.all(served)).toHaveLength(2);
  expect(await others[2]!.rows('SELECT 1')).toHaveLength(1);
});

test('max_waiting_clients: a flood drives out its own last one, and not the only one of another application', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 1, max_waiting_clients: 3 });
  const [holder, ...flood] = await clientsOf(pooler, 'flood', 4);
  const [quiet] = await clientsOf(pooler, 'quiet', 1);
  await begin(holder!);
  const asked = flood.map((client) => client.rows('SELECT 1'));
  await waitUntil(() => waiting(pooler) === 3);
  const answer = quiet!.rows('SELECT 1');
  expect((await errorOf(asked[2]!)).message).toContain('queue_full');
  await holder!.rows('COMMIT');
  expect(await Promise.all([answer, asked[0], asked[1]])).toHaveLength(3);
});

test('max_waiting_clients: clients for whom the pool still has room are not counted', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 10, max_waiting_clients: 1 });
  const clients = await clientsOf(pooler, 'web', 11);
  pooler.app.control.reconnect(null);
  await Promise.all(clients.map(begin));
  expect(pooler.pool().stats.queueFullCount).toBe(0);
}, 5_000);

/** What came of each, and when. */
async function outcomes(asked: readonly Promise<unknown>[]): Promise<{ word: string; ms: number }[]> {
  const from = performance.now();
  const word = (error: Error) => /\b(shed|query_wait_timeout|queue_full)\b/.exec(error.message)?.[0] ?? error.message;
  return Promise.all(
    asked.map(async (one) => {
      const what = await one.then(() => 'served', word);
      return { word: what, ms: performance.now() - from };
    }),
  );
}

test.for([
  [200, 'shed'],
  [0, 'query_wait_timeout'],
] as const)('queue_target: %i ms, and who waits in vain gets %s', async ([target, word]) => {
  const pooler = await poolerFor(db.current, {
    default_pool_size: 1,
    queue_target: `${target}ms`,
    query_wait_timeout: '3s',
  });
  // Of 140 about 70 can be served.
  const clients = await clientsOf(pooler, 'web', 140);
  const all = await outcomes(clients.map((client) => client.rows(SLOW, 10_000)));
  const refused = all.filter(({ word: what }) => what !== 'served');
  expect(all.length - refused.length).toBeGreaterThan(40);
  expect(refused.length).toBeGreaterThan(20);
  const early = refused.filter(({ ms }) => ms < 2_500).length / refused.length;
  if (target > 0) {
    expect(early).toBeGreaterThan(0.5);
    expect(refused[0]?.word).toBe(word);
  } else {
    expect(early).toBe(0);
    expect(new Set(refused.map(({ word: what }) => what))).toEqual(new Set([word]));
  }
});

test('queue_target: who comes when the queue is too long is refused at once, with the numbers, and other applications are not', async () => {
  const pooler = await poolerFor(db.current, {
    default_pool_size: 1,
    queue_target: '100ms',
    query_wait_timeout: '3s',
  });
  const [clients, crowd, [other]] = [
    await clientsOf(pooler, 'web', 130),
    await clientsOf(pooler, 'web', 100),
    await clientsOf(pooler, 'other', 1),
  ];
  const asked = clients.map((client) => client.rows(SLOW, 10_000).catch(() => null));
  const { shares } = pooler.pool().queue;
  const web = [...shares].find(({ name }) => name === 'web')!;
  const rate = () => web.pace.rate(pooler.app.clock.now(), intervalMs(3_000));
  await waitUntil(() => rate() > 0);
  // So many that the last one is too late, however many of the others have been told to go.
  const later = crowd.pop()!;
  const crowded = crowd.map((client) =>
    client.rows(SLOW, 10_000).then(
      () => null,
      (error: WireError) => error,
    ),
  );
  const { ms, value: error } = await timed(crowded.at(-1)!);
  if (error === null) throw new Error('the last one was let in');
  expect(ms).toBeLessThan(200);
  expect(error.fields).toMatchObject({ S: 'ERROR', C: '53300', M: expect.stringMatching(/^shed\b/) });
  expect(error.fields.D).toMatch(
    /^waiting before it \d+ of application "web", which gets \d+\.\d servers a second; predicted wait [\d.]+ s, query_wait_timeout 3 s; pool "/,
  );
  expect(pooler.pool().stats.shedCount).toBeGreaterThan(0);
  expect((await timed(other!.rows('SELECT 1'))).ms).toBeLessThan(500);
  // A pool that is paused serves nobody, and says nothing about what comes.
  void pooler.app.control.pause(null);
  const waits = later.rows(SLOW, 10_000);
  await waitUntil(() => later.unread.length === 0 && rate() === 0);
  pooler.app.control.resume(null);
  for (const client of clients) client.destroy();
  expect(await waits).toHaveLength(1);
  for (const client of crowd) client.destroy();
  await Promise.all([...asked, ...crowded]);
});

test('advice_wait_target: whoever may wait longer needs fewer servers, and at 0 there is no advice', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 20, advice_wait_target: '1ms' });
  const clients = await clientsOf(pooler, 'web', 8);
  let isOver = false;
  // They come together and wait for each other: in such bursts it matters who may wait.
  const bursts = (async () => {
    while (!isOver) await Promise.all(clients.map((client) => client.rows(SLOW)));
  })();
  const advised = () =>
    waitUntil(
      async () => {
        const [row] = (await pooler.console('SHOW ADVICE')).filter(({ size }) => size !== null);
        return row?.size as number | undefined;
      },
      { timeoutMs: 15_000 },
    );
  const strict = await advised();
  pooler.reload({ advice_wait_target: '2s' });
  await waitUntil(async () => ((await advised()) < strict ? true : undefined), { timeoutMs: 15_000 });
  isOver = true;
  await bursts;
  pooler.reload({ advice_wait_target: 0 });
  await waitUntil(async () => (await pooler.console('SHOW ADVICE')).length === 0);
});
