// Settings of what happens to a server between two clients.
import { describe, expect, test } from 'vitest';
import type { FakeConnection } from '../../support/fake-server.ts';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { answerPid, begin, expectNever, fakeFor, farewell, pidOf, poolerFor, show, targetOf } from './for-settings.ts';

const db = useDatabase();

/** The statements that Postgres was sent, in order. */
const statements = (connection: FakeConnection) =>
  connection.messages.filter(({ type }) => type === 'Q').map(({ text }) => text);

describe('the check', () => {
  test('server_check_delay: a server that was idle for longer is asked before a client gets it', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_check_delay: '300ms' });
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    await client.rows('SELECT 2');
    await waitUntil(() => pooler.pool().servers.used.length === 1);
    await client.rows('SELECT 3');
    expect(statements(await postgres.connection())).toEqual(['SELECT 1', 'SELECT 2', '', 'SELECT 3']);
  });

  test('server_check_delay: 0 asks each time before a server is used', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_check_delay: 0, default_pool_size: 1 });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    await a.rows('SELECT 1');
    await a.rows('SELECT 2');
    await Promise.all([a.rows('SELECT 3'), b.rows('SELECT 3')]);
    const sent = statements(await postgres.connection());
    expect(sent.filter((text) => text !== '')).toHaveLength(4);
    expect(sent.join(',')).toMatch(/,SELECT 2,,SELECT 3,,SELECT 3$/);
  });

  test('server_check_delay: a server that does not answer never gets a client', async () => {
    const postgres = await fakeFor();
    const settings = { server_check_delay: '200ms', server_connect_timeout: '300ms' };
    const pooler = await poolerFor(targetOf(postgres), settings);
    const client = await pooler.connect();
    const dead = await pidOf(client);
    await waitUntil(() => pooler.pool().servers.used.length === 1);
    postgres.options.onMessage = (connection, message) => {
      if (String(connection.pid) !== dead) answerPid(connection, message);
    };
    expect(await pidOf(client)).not.toBe(dead);
    expect(pooler.app.observer.serverCloses.of('server_check_timeout')).toBe(1);
  });

  test('server_check_query: it is the statement that asks, and a server that fails it is replaced', async () => {
    const postgres = await fakeFor();
    const settings = { server_check_delay: '200ms', server_check_query: 'SELECT 1/(1 - pg_is_in_recovery()::int)' };
    const pooler = await poolerFor(targetOf(postgres), settings);
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    await waitUntil(() => pooler.pool().servers.used.length === 1);
    await client.rows('SELECT 2');
    expect(statements(await postgres.connection())).toEqual(['SELECT 1', settings.server_check_query, 'SELECT 2']);
    const real = await poolerFor(db.current, { ...settings, server_check_query: 'SELECT 1/0' });
    const other = await real.connect();
    const pid = await pidOf(other);
    await waitUntil(() => real.pool().servers.used.length === 1);
    expect(await pidOf(other)).not.toBe(pid);
  });

  test('server_check_query: an empty text turns the check off', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { server_check_delay: '100ms', server_check_query: '' });
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    await expectNever(() => pooler.pool().servers.used.length > 0, 300);
    await client.rows('SELECT 2');
    expect(statements(await postgres.connection())).toEqual(['SELECT 1', 'SELECT 2']);
  });
});

describe('the reset', () => {
  test('server_reset_query: it cleans a server behind a client in session mode', async () => {
    const pooler = await poolerFor(db.current, { pool_mode: 'session', default_pool_size: 1 });
    const first = await pooler.connect();
    await first.rows('CREATE TEMP TABLE mine ()');
    await first.end();
    const second = await pooler.connect();
    expect(await second.rows(`SELECT to_regclass('pg_temp.mine')`)).toEqual([[null]]);
  });

  test('server_reset_query: an empty one leaves the server as it is', async () => {
    const settings = { pool_mode: 'session', default_pool_size: 1, server_reset_query: '' };
    const pooler = await poolerFor(db.current, settings);
    const first = await pooler.connect();
    await first.rows('CREATE TEMP TABLE mine ()');
    await first.end();
    expect(await (await pooler.connect()).rows(`SELECT to_regclass('pg_temp.mine')`)).toEqual([['mine']]);
  });

  test('server_reset_query: one that keeps parameters does not hand them on to the next client', async () => {
    const settings = { pool_mode: 'session', default_pool_size: 1, server_reset_query: 'DISCARD TEMP' };
    const pooler = await poolerFor(db.current, settings);
    const first = await pooler.connect({ params: { datestyle: 'German', work_mem: '77MB' } });
    expect(await show(first, 'DateStyle')).toMatch(/^German/);
    await first.end();
    const second = await pooler.connect();
    expect(await show(second, 'DateStyle')).toBe('ISO, MDY');
    expect(await show(second, 'work_mem')).not.toBe('77MB');
  });

  test('server_reset_query: a server that fails it is closed', async () => {
    const pooler = await poolerFor(db.current, { pool_mode: 'session', server_reset_query: 'SELECT 1/0' });
    const first = await pooler.connect();
    const pid = await pidOf(first);
    await first.end();
    await waitUntil(() => pooler.app.observer.serverCloses.of('question_failed') === 1);
    expect(await pidOf(await pooler.connect())).not.toBe(pid);
  });

  test('server_reset_query_always: it runs in transaction mode too, each time a server is released', async () => {
    for (const server_reset_query_always of [true, false]) {
      const postgres = await fakeFor();
      const pooler = await poolerFor(targetOf(postgres), { server_reset_query_always });
      const client = await pooler.connect();
      await begin(client);
      await client.rows('COMMIT');
      await client.rows('SELECT 1');
      const connection = await postgres.connection();
      const resets = () => statements(connection).filter((text) => text === 'DISCARD ALL').length;
      if (server_reset_query_always) await waitUntil(() => resets() >= 2);
      else expect(resets()).toBe(0);
    }
  });
});

describe('a server that has to be closed', () => {
  test('server_fast_close: in session mode it is closed as soon as it is outside a transaction, with its client', async () => {
    const settings = { pool_mode: 'session', server_fast_close: true };
    const pooler = await poolerFor(targetOf(await fakeFor()), settings);
    const [idle, busy] = [await pooler.connect(), await pooler.connect()];
    await pidOf(idle);
    const pid = await begin(busy);
    pooler.app.control.reconnect(null);
    expect((await farewell(idle))?.M).toContain('reconnect');
    expect(await pidOf(busy)).toBe(pid);
    await busy.rows('COMMIT');
    expect((await farewell(busy))?.M).toContain('reconnect');
  });

  test('server_fast_close: without it the server stays until its client leaves', async () => {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { pool_mode: 'session' });
    const client = await pooler.connect();
    const pid = await begin(client);
    pooler.app.control.reconnect(null);
    await client.rows('COMMIT');
    await expectNever(() => postgres.open.length === 0, 300);
    expect(await pidOf(client)).toBe(pid);
    await client.end();
    await waitUntil(() => postgres.open.length === 0);
  });

  test('pool_mode: in transaction mode it is closed when its transaction ends, and its client goes on with another', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()));
    const client = await pooler.connect();
    const pid = await begin(client);
    pooler.app.control.reconnect(null);
    expect(await pidOf(client)).toBe(pid);
    await client.rows('COMMIT');
    expect(await pidOf(client)).not.toBe(pid);
  });
});
