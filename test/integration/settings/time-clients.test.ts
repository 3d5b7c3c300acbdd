// Time limits of clients: how long they may be silent, run, and wait.
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { types } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';
import {
  answerPid,
  begin,
  errorOf,
  expectNever,
  fakeFor,
  farewell,
  pidOf,
  poolerFor,
  targetOf,
  timed,
} from './for-settings.ts';

const db = useDatabase();

/** How many statements Postgres runs that look like this. */
async function running(like: string): Promise<number> {
  const rows = await db.current.query(
    `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '${like}%'`,
  );
  return rows.length;
}

describe('client_idle_timeout', () => {
  test('client_idle_timeout: a silent client is told and disconnected, one in a transaction is not', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { client_idle_timeout: '300ms' });
    const [idle, inTransaction] = [await pooler.connect(), await pooler.connect()];
    await begin(inTransaction);
    const { ms, value } = await timed(farewell(idle));
    expect(value).toMatchObject({ C: '57P05', M: expect.stringContaining('client_idle_timeout') });
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(1500);
    expect(await pidOf(inTransaction)).toBe('1000');
  });

  test('client_idle_timeout: the time that a client spends on waiting for its answer is not silence', async () => {
    const pooler = await poolerFor(db.current, { client_idle_timeout: '400ms', default_pool_size: 1 });
    const [client, waiting] = [await pooler.connect(), await pooler.connect()];
    const slow = client.rows('SELECT pg_sleep(0.9)');
    await waiting.rows('SELECT 1');
    await slow;
    await expectNever(() => client.closed || waiting.closed, 200);
    expect(await farewell(client)).toMatchObject({ C: '57P05' });
  });
});

describe('idle_transaction_timeout', () => {
  test('idle_transaction_timeout: a client that is silent inside a transaction is told, and its server is rolled back for others', async () => {
    const settings = { idle_transaction_timeout: '300ms', default_pool_size: 1 };
    const pooler = await poolerFor(db.current, settings);
    await db.current.query('CREATE TABLE idle_rows ()');
    const client = await pooler.connect();
    const pid = await begin(client);
    await client.rows('INSERT INTO idle_rows DEFAULT VALUES');
    const { ms, value } = await timed(farewell(client));
    expect(value).toMatchObject({ C: '25P03', M: expect.stringContaining('idle transaction timeout') });
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(1500);
    const next = await pooler.connect();
    expect(await next.rows('SELECT pg_backend_pid(), (SELECT count(*) FROM idle_rows)')).toEqual([[pid, '0']]);
  });

  test('idle_transaction_timeout: a statement that runs inside the transaction is not silence', async () => {
    const pooler = await poolerFor(db.current, { idle_transaction_timeout: '300ms' });
    const client = await pooler.connect();
    await client.rows('BEGIN');
    await client.rows('SELECT pg_sleep(0.8)');
    await client.rows('COMMIT');
  });
});

describe('query_timeout', () => {
  test('query_timeout: a statement that runs for longer is canceled; its client is told and disconnected', async () => {
    const pooler = await poolerFor(db.current, { query_timeout: '300ms' });
    const client = await pooler.connect();
    client.send(build.query('SELECT pg_sleep(60) /* slow */'));
    const { ms, value } = await timed(farewell(client));
    expect(value).toMatchObject({ C: '57014', M: expect.stringContaining('query_timeout') });
    expect(ms).toBeGreaterThan(200);
    expect(ms).toBeLessThan(1500);
    await waitUntil(async () => (await running('SELECT pg_sleep(60) /* slow')) === 0);
    await waitUntil(() => pooler.pool().servers.idle.length === 1);
  });

  test('query_timeout: a statement whose Sync has not come is canceled too', async () => {
    const pooler = await poolerFor(db.current, { query_timeout: '300ms' });
    const client = await pooler.connect();
    const sql = 'SELECT pg_sleep(60) /* no sync */';
    client.send(build.parse({ sql }), build.bind(), build.execute(), build.flush());
    await waitUntil(async () => (await running(sql)) === 1);
    expect(await farewell(client)).toMatchObject({ C: '57014' });
    await waitUntil(async () => (await running(sql)) === 0);
  });

  test('query_timeout: it is for one statement, not for a transaction, and not for statements of ours', async () => {
    const postgres = await fakeFor({
      onMessage: (connection, message) => {
        const isSlow = message.text?.startsWith('SET') === true;
        setTimeout(() => answerPid(connection, message), isSlow ? 500 : 100);
      },
    });
    const pooler = await poolerFor(targetOf(postgres), { query_timeout: '350ms' });
    const client = await pooler.connect({ params: { application_name: 'one' } });
    await client.rows('BEGIN');
    for (let i = 0; i < 5; i += 1) await client.rows('SELECT 1');
    await client.rows('COMMIT');
  });
});

describe('transaction_timeout', () => {
  test('transaction_timeout: a transaction that takes longer is ended, whatever it does', async () => {
    const pooler = await poolerFor(db.current, { transaction_timeout: '400ms' });
    const [idle, busy] = [await pooler.connect(), await pooler.connect()];
    const from = performance.now();
    await idle.rows('BEGIN');
    await busy.rows('BEGIN');
    busy.send(build.query('SELECT pg_sleep(60) /* long */'));
    for (const client of [idle, busy]) {
      expect(await farewell(client)).toMatchObject({ C: '25P04', M: expect.stringContaining('transaction timeout') });
    }
    expect(performance.now() - from).toBeGreaterThan(300);
    expect(performance.now() - from).toBeLessThan(1500);
    await waitUntil(async () => (await running('SELECT pg_sleep(60) /* long')) === 0);
    await waitUntil(() => pooler.pool().servers.idle.length === 2);
  });

  test('transaction_timeout: it counts from the beginning of the own transaction, not from that of the one before', async () => {
    const settings = { transaction_timeout: '600ms', default_pool_size: 1 };
    const pooler = await poolerFor(db.current, settings);
    const first = await pooler.connect();
    const pid = await begin(first);
    await first.rows('SELECT pg_sleep(0.4)');
    first.destroy();
    const second = await pooler.connect();
    expect(await second.rows('SELECT pg_sleep(0.4)::text || pg_backend_pid()')).toEqual([[pid]]);
    await second.rows('SELECT pg_sleep(0.4)');
  });
});

describe('waiting', () => {
  const one = { default_pool_size: 1 };

  test('query_wait_timeout: a client that waits for longer gets 53300 with the numbers, and stays connected', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { ...one, query_wait_timeout: '300ms' });
    const [holder, waiting] = [await pooler.connect(), await pooler.connect()];
    await begin(holder);
    const { ms, value } = await timed(errorOf(waiting.rows('SELECT 1')));
    expect(value.fields).toMatchObject({ S: 'ERROR', C: '53300', M: expect.stringContaining('query_wait_timeout') });
    expect(value.fields.D).toContain('pool_size 1');
    expect(ms).toBeGreaterThan(250);
    expect(ms).toBeLessThan(1500);
    await holder.rows('COMMIT');
    expect(await waiting.rows('SELECT 1')).toEqual([['1000']]);
  });

  test('query_wait_timeout: 0 lets a client wait', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { ...one, query_wait_timeout: 0 });
    const [holder, waiting] = [await pooler.connect(), await pooler.connect()];
    await begin(holder);
    const answer = waiting.rows('SELECT 1');
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    await expectNever(() => pooler.pool().clients.waiting.length === 0, 400);
    await holder.rows('COMMIT');
    expect(await answer).toEqual([['1000']]);
  });

  test('query_wait_notify: a client that waits gets one NOTICE that says so, and then its answer', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { ...one, query_wait_notify: '200ms' });
    const [holder, waiting] = [await pooler.connect(), await pooler.connect()];
    await begin(holder);
    waiting.send(build.query('SELECT 1'));
    const { ms, value: notice } = await timed(waiting.next());
    expect(notice.fields).toMatchObject({ S: 'NOTICE', M: expect.stringContaining('No server connection available') });
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(1500);
    await expectNever(() => waiting.unread.length > 0, 300);
    await holder.rows('COMMIT');
    expect(types(await waiting.readUntil('Z'))).toBe('TDCZ');
  });

  test('query_wait_notify: 0 says nothing', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { ...one, query_wait_notify: 0 });
    const [holder, waiting] = [await pooler.connect(), await pooler.connect()];
    await begin(holder);
    waiting.send(build.query('SELECT 1'));
    await expectNever(() => waiting.unread.length > 0, 400);
    await holder.rows('COMMIT');
    expect(types(await waiting.readUntil('Z'))).toBe('TDCZ');
  });
});
