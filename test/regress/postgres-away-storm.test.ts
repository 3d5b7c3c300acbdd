// Postgres is away and everybody wants in: few logins at a time, spaced and spread, the original error soon, and all are back within a second.
import { expect, test } from 'vitest';
import { answerPid, errorOf, fakeFor, poolerFor, targetOf, timed } from '../integration/settings/for-settings.ts';
import type { FakeServer } from '../support/fake-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { backend } from '../support/wire-backend.ts';

const DATABASES = ['a', 'b', 'c', 'd', 'e', 'f'];
const STARTING = { S: 'FATAL', V: 'FATAL', C: '57P03', M: 'the database system is starting up' };
const NO_DATABASE = { S: 'FATAL', V: 'FATAL', C: '3D000', M: 'database "app" does not exist' };

/** A Postgres that refuses logins, each after a while, until it is told to let them in. */
async function refusing(error: Record<string, string>, afterMs = 0) {
  const at = new Map<string, number[]>();
  let underWay = 0;
  const seen = { at, most: 0, isUp: false };
  const postgres: FakeServer = await fakeFor({
    onMessage: answerPid,
    onStartup: (connection, { parameters }) => {
      const { database = '' } = parameters;
      at.set(database, [...(at.get(database) ?? []), performance.now()]);
      underWay += 1;
      seen.most = Math.max(seen.most, underWay);
      setTimeout(() => {
        underWay -= 1;
        if (seen.isUp) connection.acceptLogin();
        else {
          connection.send(backend.error(error));
          connection.end();
        }
      }, afterMs);
    },
  });
  return { postgres, seen };
}

test('57P03: 120 clients of six pools wait for a Postgres that starts up, and all are served within a second of its return', async () => {
  const { postgres, seen } = await refusing(STARTING, 20);
  const entry = { host: postgres.host, port: postgres.port };
  const pooler = await poolerFor(targetOf(postgres), {
    databases: Object.fromEntries(DATABASES.map((name) => [name, entry])),
    max_parallel_logins: 2,
    default_pool_size: 5,
    query_wait_timeout: '20s',
  });
  const clients = DATABASES.flatMap((database) => Array.from({ length: 20 }, () => pooler.connect({ database })));
  await waitUntil(() => [...seen.at.values()].every((stamps) => stamps.length >= 6) && seen.at.size === 6, {
    timeoutMs: 15_000,
  });
  expect(seen.most).toBeLessThanOrEqual(2);
  // The first two may go at the same time: nobody knows yet.
  const gaps = [...seen.at.values()].map((stamps) => stamps.slice(2, 6).map((stamp, i) => stamp - stamps[i + 1]!));
  for (const [first = 0, , , last = 0] of gaps) {
    expect(first).toBeGreaterThan(70);
    expect(last).toBeGreaterThan(500);
  }
  // Six pools with one schedule would knock together each time.
  const spread = gaps.map((row) => Math.round(row[3]! / 10));
  expect(new Set(spread).size).toBeGreaterThan(1);
  seen.isUp = true;
  const { ms, value } = await timed(Promise.all(clients));
  expect(ms).toBeLessThan(2_500); // at most a second of delay, and the logins of 120 clients
  expect(seen.most).toBeLessThanOrEqual(2);
  const answers = await timed(Promise.all(value.map((client) => client.rows('SELECT 1'))));
  expect(answers.ms).toBeLessThan(1_000);
});

test('a refusal of Postgres is passed on to all who wait at once, in its own words', async () => {
  const { postgres } = await refusing(NO_DATABASE, 50);
  const pooler = await poolerFor(targetOf(postgres), { query_wait_timeout: '20s' });
  const { ms, value } = await timed(Promise.all(Array.from({ length: 50 }, () => errorOf(pooler.connect()))));
  for (const { fields } of value)
    expect(fields).toMatchObject({ C: '3D000', M: expect.stringContaining(NO_DATABASE.M) });
  expect(ms).toBeLessThan(1_000);
  expect(postgres.connections.length).toBeLessThan(15);
});

test('an outage that lasts is told to those who come then as soon as the next login fails, and those that are there when it is over are served', async () => {
  const { postgres, seen } = await refusing(STARTING);
  const pooler = await poolerFor(targetOf(postgres), { query_wait_timeout: '800ms', server_login_retry: '300ms' });
  // Who comes first may wait for as long as it is allowed.
  const early = await timed(errorOf(pooler.connect()));
  expect(early.ms).toBeGreaterThan(750);
  expect(early.value.fields).toMatchObject({ C: '53300' });
  await waitUntil(() => pooler.pool().outage.failures >= 3);
  const before = postgres.connections.length;
  for (let i = 0; i < 5; i += 1) {
    const { ms, value } = await timed(Promise.all(Array.from({ length: 20 }, () => errorOf(pooler.connect()))));
    for (const { fields } of value)
      expect(fields).toMatchObject({ C: '08006', M: expect.stringContaining(STARTING.M) });
    expect(ms).toBeLessThan(600); // server_login_retry, and the logins of 20 clients
  }
  expect(postgres.connections.length - before).toBeLessThan(25);
  seen.isUp = true;
  const back = await timed(pooler.connect());
  expect(back.ms).toBeLessThan(1_000);
  expect(await back.value.rows('SELECT 1')).toHaveLength(1);
  await back.value.end();
});
