// Statements sent together into a full pool: what is refused must not let the rest run outside the transaction that it was meant for.
import { beforeEach, describe, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { types, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1, query_wait_timeout: '300ms', query_wait_notify: 0 });

const UPDATE = 'UPDATE account SET amount = amount - 100';

beforeEach(async () => {
  await db.current.query(
    'DROP TABLE IF EXISTS account; CREATE TABLE account (amount int); INSERT INTO account VALUES (500)',
  );
});

async function amount(): Promise<number> {
  const [row] = await db.current.query<{ amount: number }>('SELECT amount FROM account');
  return row!.amount;
}

/** Somebody else holds the only server. */
async function withFullPool(act: (client: WireClient) => Promise<void>): Promise<void> {
  const client = await pooler.current.connect();
  const holder = await pooler.current.connect();
  await holder.rows('BEGIN');
  await act(client);
  await holder.rows('COMMIT');
  await holder.end();
  client.destroy();
}

const extendedBatch = (sql: string) => [build.parse({ sql }), build.bind(), build.execute()];

describe('no row changes', () => {
  test.each([
    ['simple queries in one write', [build.query('BEGIN'), build.query(UPDATE), build.query('COMMIT')]],
    [
      'simple queries, START TRANSACTION behind a comment',
      [build.query('/* x */ start transaction'), build.query(UPDATE)],
    ],
    ['batches in one write', ['BEGIN', UPDATE, 'COMMIT'].flatMap((sql) => [...extendedBatch(sql), build.sync()])],
    ['BEGIN as a batch that has not ended', extendedBatch('BEGIN')],
  ])('%s', async (_name, messages) => {
    await withFullPool(async (client) => {
      client.send(...messages);
      const replies = await client.readToEnd();
      expect(types(replies)).toBe('E');
      expect(replies[0]?.fields).toMatchObject({ S: 'FATAL', C: '53300' });
      expect(replies[0]?.fields?.M).toContain('query_wait_timeout');
    });
    expect(await amount()).toBe(500);
  });

  test('a BEGIN that is cut in the middle', async () => {
    await withFullPool(async (client) => {
      const all = Buffer.concat([build.query('BEGIN'), build.query(UPDATE)]);
      client.send(all.subarray(0, 20));
      const replies = await client.readToEnd();
      expect(replies[0]?.fields).toMatchObject({ S: 'FATAL', C: '53300' });
    });
    expect(await amount()).toBe(500);
  });
});

test('a lone BEGIN that has waited is refused and the client stays', async () => {
  await withFullPool(async (client) => {
    client.send(build.query('BEGIN'));
    const replies = await client.readUntil('Z');
    expect(types(replies)).toBe('EZ');
    expect(replies[0]?.fields).toMatchObject({ S: 'ERROR', C: '53300' });
    expect(replies[0]?.fields?.D).toMatch(
      /pool_size 1, servers 1, in use 1 \(running 0, idle in transaction 1, pinned 0\), idle 0, login 0, waiting 1; held for /,
    );
    expect(replies[1]?.txStatus).toBe('I');
  });
});

test('each statement of a refused pipeline gets one error and one ReadyForQuery, and the client goes on', async () => {
  const client = await pooler.current.connect();
  const holder = await pooler.current.connect();
  await holder.rows('BEGIN');
  client.send(build.query('SELECT 1'), ...extendedBatch('SELECT 2'), build.sync(), build.query('SELECT 3'));
  expect(types(await client.readUntil('Z'))).toBe('EZ');
  expect(types(await client.readUntil('Z'))).toBe('EZ');
  expect(types(await client.readUntil('Z'))).toBe('EZ');
  await holder.rows('COMMIT');
  expect(await client.rows('SELECT 4')).toEqual([['4']]);
  await Promise.all([client.end(), holder.end()]);
});

test('a refused batch is refused up to its Sync, never with a ReadyForQuery before it', async () => {
  const client = await pooler.current.connect();
  const holder = await pooler.current.connect();
  await holder.rows('BEGIN');
  client.send(...extendedBatch('SELECT 1'), build.flush());
  expect(types(await client.readUntil('E'))).toBe('E');
  await holder.rows('COMMIT');
  client.send(...extendedBatch('SELECT 2'), build.query('SELECT 3'), build.sync());
  expect(types(await client.readUntil('Z'))).toBe('Z');
  expect(await client.rows('SELECT 4')).toEqual([['4']]);
  await Promise.all([client.end(), holder.end()]);
});
