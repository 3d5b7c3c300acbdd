// With a thousand pools or ten thousand clients the timer, a scrape, or a client that waited kept everybody else waiting for 10 to 70 ms.
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { allocationOf } from '../../bench/micro/allocation.ts';
import type { Client } from '../../src/client/client.ts';
import { Pool } from '../../src/pool/pool.ts';
import { HandClock, House } from '../support/house.ts';
import { expectInvariants } from '../support/invariants.ts';
import { waitUntil } from '../support/wait-until.ts';
import * as build from '../support/wire-messages.ts';

const MANY = 300;
const QUERY = build.query('SELECT 1');

const houses: House[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const house of houses.splice(0)) await house.stop();
});

async function open(settings: Record<string, unknown>, clock = new HandClock()): Promise<House> {
  const house = await House.open(settings, clock);
  houses.push(house);
  return house;
}

/** One client in each of so many pools. */
async function withPools(house: House, count: number): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) clients.push(await house.connect(`d${clients.length}`));
  return clients;
}

/** DataRows among the messages. */
function rowsIn(bytes: Buffer): number {
  let rows = 0;
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1))
    if (bytes[at] === 'D'.charCodeAt(0)) rows += 1;
  return rows;
}

/** How many turns of the event loop there are until it is done. */
async function turnsUntil(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  let isDone = false;
  void done.then(() => {
    isDone = true;
  });
  while (!isDone) {
    await turn();
    turns += 1;
  }
  return turns;
}

test('a client that waits for a limit over many pools has none of them counted, and their servers looked for only once', async () => {
  const house = await open({ max_user_connections: 2, max_parallel_logins: 100 });
  const clients = await withPools(house, MANY);
  // Two have all the servers that there may be.
  for (const client of clients) client.onData(build.query('BEGIN'));
  for (let i = 0; i < 20; i += 1) {
    await turn();
    for (const backend of house.postgres.backends) backend.answer();
  }
  expect(house.app.pools.serversOfUser('app')).toBe(2);
  expect(clients.filter((client) => client.state === 'waiting').length).toBe(MANY - 2);
  house.app.janitor.tick();
  const counted = vi.spyOn(Pool.prototype, 'connectionCount', 'get');
  const last = await house.connect('d7');
  counted.mockClear();
  last.onData(QUERY);
  expect(last.state).toBe('waiting');
  expect(counted.mock.calls.length).toBeLessThan(5);
  counted.mockClear();
  house.app.janitor.tick();
  // Each that waits asks for itself.
  expect(counted.mock.calls.length).toBeLessThan(MANY * 5);
  expectInvariants(house.app);
});

test('a server that becomes idle makes room for a pool that was refused before', async () => {
  const house = await open({ max_user_connections: 1 });
  const [holder, waiter] = (await withPools(house, 2)) as [Client, Client];
  const settle = async () => {
    for (let i = 0; i < 10; i += 1) {
      await turn();
      for (const backend of house.postgres.backends.slice()) backend.answer();
    }
  };
  holder.onData(build.query('BEGIN'));
  await settle();
  waiter.onData(QUERY);
  for (let i = 0; i < 3; i += 1) house.app.janitor.tick();
  expect(waiter.state).toBe('waiting');
  holder.onData(build.query('COMMIT'));
  await settle();
  expect(house.pool('d0').servers.idle.length).toBe(1);
  house.app.janitor.tick();
  await settle();
  expect(waiter.state).toBe('active');
  expect(house.pool('d1').stats.xactCount).toBe(1);
  expect(house.pool('d0').serverCount).toBe(0);
  expectInvariants(house.app);
});

test('a round of the timer makes next to nothing for pools in which nothing happens', async () => {
  const clock = new HandClock();
  const house = await open({ max_parallel_logins: 100 }, clock);
  await withPools(house, MANY);
  await house.silence();
  const round = () => {
    clock.at += 1_000; // a sample of the history is due each time
    house.app.janitor.tick();
  };
  for (let i = 0; i < 30; i += 1) round();
  const bytes = Math.min(...Array.from({ length: 10 }, () => allocationOf(round) ?? Number.POSITIVE_INFINITY));
  // It was 19,000; the pools of which a history is kept have most of what is left.
  expect(bytes / MANY).toBeLessThan(5_000);
});

test('clients that have been idle for too long are looked at a part at a time, and each within a second', async () => {
  const clock = new HandClock();
  const house = await open({ client_idle_timeout: '10s' }, clock);
  const clients = 1_000;
  for (let i = 0; i < clients; i += 1) await house.connect();
  clock.at += 11_000;
  house.app.janitor.tick();
  const left = house.app.clients.size;
  expect(left).toBeLessThan(clients);
  expect(left).toBeGreaterThan(clients / 2);
  for (let i = 0; i < 9; i += 1) house.app.janitor.tick();
  expect(house.app.clients.size).toBe(0);
});

test('clients that have waited for too long in one moment are refused a part at a time, and soon', async () => {
  const clock = new HandClock();
  const house = await open({ default_pool_size: 1, query_wait_timeout: '10s', queue_target: 0 }, clock);
  const clients = [await house.connect()];
  await house.silence();
  while (clients.length <= 5_000) clients.push(await house.connect());
  for (const client of clients) client.onData(QUERY);
  const { queue, stats } = house.pool();
  expect(queue.length).toBe(5_000);
  clock.at += 11_000;
  house.app.janitor.tick();
  expect(queue.length).toBeLessThan(5_000);
  expect(queue.length).toBeGreaterThan(0);
  const turns = await turnsUntil(waitUntil(() => queue.length === 0));
  expect(turns).toBeGreaterThan(2);
  expect(stats.waitTimeoutCount).toBe(5_000);
});

test('a scrape and the lists of the console let others be served in between', async () => {
  const house = await open({ max_parallel_logins: 100, metrics_compat: 'pgbouncer', admin_users: ['app'] });
  await withPools(house, MANY);
  for (let i = 0; i < 2_000; i += 1) await house.connect();
  expect(await turnsUntil(house.app.metrics.text())).toBeGreaterThan(5);
  const console = await house.connect('pgsluice');
  const replies = vi.spyOn(console.stream, 'write');
  console.onData(build.query('SHOW CLIENTS'));
  const answered = (async () => {
    while (replies.mock.calls.length === 0) await turn();
  })();
  expect(await turnsUntil(answered)).toBeGreaterThan(5);
  const [[bytes]] = replies.mock.calls as [[Buffer]];
  // With that of the console itself.
  expect(rowsIn(bytes)).toBe(MANY + 2_001);
});
