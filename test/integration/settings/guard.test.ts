// The settings of the guard, each seen by its effect.
import { describe, expect, test } from 'vitest';
import type { TestPooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { begin, errorOf, expectNever, farewell, pidOf, poolerFor, timed } from './for-settings.ts';

const db = useDatabase();
const QUICK = { default_pool_size: 1, leak_detection_threshold: '300ms', leak_reclaim_floor: '100ms' };

const lives = (pooler: TestPooler) => pooler.app.leaks.recent.map(({ life }) => life);

describe('guard', () => {
  test('guard: off, nothing is found, nothing is taken back, and no statement is shown', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, guard: false, query_wait_timeout: '800ms' });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await begin(client);
    const error = await errorOf(other.rows('SELECT 1'));
    expect(error.code).toBe('53300');
    expect(error.fields.D).toMatch(/in use 1, idle 0, login 0, waiting 1$/);
    expect(lives(pooler)).toEqual([]);
    expect(await client.rows('SELECT 2')).toEqual([['2']]);
  });

  test('guard: of a user overrides that of the file', async () => {
    const { user, password } = db.current;
    const pooler = await poolerFor(db.current, {
      ...QUICK,
      guard: false,
      users: { [user]: { password, guard: true } },
    });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await begin(client);
    await other.rows('SELECT 1');
    expect(lives(pooler)).toEqual(['reclaimed']);
  });
});

describe('leak_detection_threshold', () => {
  test('leak_detection_threshold: so long a silence inside a transaction is a leak', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, leak_detection_threshold: '700ms' });
    const client = await pooler.connect();
    await begin(client);
    const { ms } = await timed(waitUntil(() => lives(pooler).length === 1));
    expect(ms).toBeGreaterThan(600);
    expect(ms).toBeLessThan(1500);
  });

  test('leak_detection_threshold: 0 finds none', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, leak_detection_threshold: 0, query_wait_timeout: '700ms' });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await begin(client);
    expect((await errorOf(other.rows('SELECT 1'))).code).toBe('53300');
    expect(lives(pooler)).toEqual([]);
  });
});

describe('leak_reclaim', () => {
  test('leak_reclaim: when_waiting leaves a leak alone that is in nobody`s way', async () => {
    const pooler = await poolerFor(db.current, QUICK);
    const client = await pooler.connect();
    const pid = await begin(client);
    await waitUntil(() => lives(pooler).length === 1);
    await expectNever(() => lives(pooler)[0] !== 'leaked', 300);
    expect(await pidOf(client)).toBe(pid);
  });

  test('leak_reclaim: always does not wait for somebody who waits', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, leak_reclaim: 'always' });
    const client = await pooler.connect();
    await begin(client);
    await waitUntil(() => lives(pooler)[0] === 'reclaimed');
    expect((await errorOf(client.rows('SELECT 1'))).code).toBe('25P03');
    await client.rows('ROLLBACK');
  });

  test('leak_reclaim: never only reports', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, leak_reclaim: 'never', query_wait_timeout: '900ms' });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await begin(client);
    expect((await errorOf(other.rows('SELECT 1'))).code).toBe('53300');
    expect(lives(pooler)).toEqual(['leaked']);
    expect(await client.rows('SELECT 2')).toEqual([['2']]);
  });
});

test('leak_reclaim_floor: nobody loses its server before, however unusual its silence is', async () => {
  const settings = { default_pool_size: 6, leak_detection_threshold: '60s', leak_reclaim_floor: '900ms' };
  const pooler = await poolerFor(db.current, settings);
  // None of six ever came back: each may be silent for a sixth of the threshold only, but not less than the floor.
  const learned = await pooler.connect();
  for (let i = 0; i < 6; i += 1) {
    await learned.rows('BEGIN');
    await learned.rows('SELECT 1');
    await learned.rows('COMMIT');
  }
  const clients = await Promise.all(Array.from({ length: 6 }, () => pooler.connect()));
  for (const client of clients) {
    await client.rows('BEGIN');
    await client.rows('SELECT 1');
  }
  const { ms } = await timed(learned.rows('SELECT 2'));
  expect(ms).toBeGreaterThan(600);
  expect(ms).toBeLessThan(2000);
  expect(lives(pooler)).toEqual(['reclaimed']);
});

test('leak_statement_text: normalized, full, and off', async () => {
  for (const [leak_statement_text, isRight] of [
    ['normalized', (text: string) => !text.includes('hidden') && /select/i.test(text)],
    ['full', (text: string) => text.includes("'hidden'")],
    ['off', (text: string) => text === ''],
  ] as const) {
    const settings = { leak_statement_text, query_wait_timeout: '250ms', leak_detection_threshold: '800ms' };
    const pooler = await poolerFor(db.current, { ...QUICK, ...settings });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await client.rows('BEGIN');
    await client.rows("SELECT 'hidden'");
    const error = await errorOf(other.rows('SELECT 1'));
    expect(error.fields.D?.includes('hidden')).toBe(leak_statement_text === 'full');
    await waitUntil(() => lives(pooler).length === 1);
    expect(isRight(pooler.app.leaks.recent[0]?.holder.statement ?? 'none')).toBe(true);
  }
});

describe('pin_idle_timeout', () => {
  test('pin_idle_timeout: who keeps a server and does nothing with it is closed, and told what is lost', async () => {
    const pooler = await poolerFor(db.current, { ...QUICK, pin_idle_timeout: '300ms' });
    const client = await pooler.connect();
    await client.rows('CREATE TEMP TABLE mine (i int)');
    expect(await farewell(client)).toMatchObject({ C: '57P05', D: 'lost with it: temp' });
    const other = await pooler.connect();
    expect(await other.rows(`SELECT count(*) FROM pg_class WHERE relname = 'mine'`)).toEqual([['0']]);
  });

  test('pin_idle_timeout: 0, the default, leaves it', async () => {
    const pooler = await poolerFor(db.current, QUICK);
    const client = await pooler.connect();
    await client.rows('CREATE TEMP TABLE mine (i int)');
    await expectNever(() => client.closed, 700);
    expect(await client.rows('SELECT count(*) FROM mine')).toEqual([['0']]);
  });
});

test('query_wait_timeout_action: error leaves the client connected, disconnect does not', async () => {
  for (const query_wait_timeout_action of ['error', 'disconnect'] as const) {
    const settings = { default_pool_size: 1, query_wait_timeout: '300ms', query_wait_timeout_action };
    const pooler = await poolerFor(db.current, settings);
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await begin(client);
    const error = await errorOf(other.rows('SELECT 1'));
    expect(error.fields).toMatchObject({ C: '53300', M: expect.stringMatching(/^query_wait_timeout/) });
    if (query_wait_timeout_action === 'disconnect') await waitUntil(() => other.closed);
    else {
      await client.rows('COMMIT');
      expect(await other.rows('SELECT 1')).toEqual([['1']]);
    }
  }
});
