// Settings of prepared statements that clients share.
import { describe, expect, test } from 'vitest';
import type { TestPooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { textValues, type WireClient } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';
import { poolerFor } from './for-settings.ts';

const db = useDatabase();

const parse = (name: string, sql: string) => Buffer.concat([build.parse({ name, sql }), build.sync()]);
const bind = (name: string) => Buffer.concat([build.bind({ statement: name }), build.describe('P'), build.execute()]);
const run = (name: string) => Buffer.concat([bind(name), build.sync()]);

async function ask(client: WireClient, bytes: Buffer) {
  client.send(bytes);
  const messages = await client.readUntil('Z');
  return {
    types: messages.map(({ type }) => type).join(''),
    rows: messages.filter(({ type }) => type === 'D').map(textValues),
    code: messages.find(({ type }) => type === 'E')?.fields?.C,
  };
}

/** On the server, without asking it: then it would be the client's own. */
const count = (pooler: TestPooler) => [...pooler.pool().allServers()].map((server) => server.statements.size);

test('max_prepared_statements: so many stay on a server, and 0 leaves names to the server', async () => {
  for (const [max_prepared_statements, there] of [
    [2, 2],
    [5, 4],
  ] as const) {
    const pooler = await poolerFor(db.current, { default_pool_size: 1, max_prepared_statements });
    const client = await pooler.connect();
    for (let i = 0; i < 4; i += 1) await ask(client, parse(`s${i}`, `SELECT ${i}`));
    expect(count(pooler)).toEqual([there]);
    expect((await ask(client, run('s0'))).rows).toEqual([['0']]);
  }
  const pooler = await poolerFor(db.current, { default_pool_size: 1, max_prepared_statements: 0 });
  const [a, b] = [await pooler.connect(), await pooler.connect()];
  await ask(a, parse('x', 'SELECT 1'));
  expect((await ask(b, parse('x', 'SELECT 2'))).code).toBe('42P05');
});

test('max_prepared_bytes: a statement for which there is no room is refused, one that is closed makes room', async () => {
  const pooler = await poolerFor(db.current, { max_prepared_bytes: '4kB' });
  const client = await pooler.connect();
  const long = (i: number) => `SELECT ${i} /* ${'x'.repeat(2500)} */`;
  expect((await ask(client, parse('a', long(1)))).types).toBe('1Z');
  expect(await ask(client, parse('b', long(2)))).toMatchObject({ types: 'EZ', code: '53200' });
  const instead = Buffer.concat([build.close('S', 'a'), build.sync()]);
  expect((await ask(client, instead)).types).toBe('3Z');
  expect((await ask(client, parse('b', long(2)))).types).toBe('1Z');
});

describe('retry_buffer', () => {
  /** A client whose statement is out of date on the only server. */
  async function outdated(settings: Record<string, unknown> = {}) {
    const pooler = await poolerFor(db.current, { default_pool_size: 1, ...settings });
    const [client, other] = [await pooler.connect(), await pooler.connect()];
    await other.rows('DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT 1 AS a');
    await ask(client, parse('star', 'SELECT * FROM t'));
    expect((await ask(client, run('star'))).rows).toEqual([['1']]);
    // By somebody whom the pooler does not see.
    await db.current.query('ALTER TABLE t ADD COLUMN b int DEFAULT 2');
    return { pooler, client, other };
  }

  test('retry_buffer: a statement that is out of date is parsed anew, and nobody notices', async () => {
    const { pooler, client, other } = await outdated();
    expect(await ask(client, run('star'))).toEqual({ types: '2TDCZ', rows: [['1', '2']], code: undefined });
    expect(pooler.pool().stats.retryCount).toBe(1);
    await db.current.query('ALTER TABLE t ADD COLUMN c int DEFAULT 3');
    const whole = Buffer.concat([build.parse({ name: 'mine', sql: 'SELECT * FROM t' }), bind('mine'), build.sync()]);
    expect((await ask(other, whole)).types).toMatch(/^12TDCZ$/);
    expect((await ask(client, run('star'))).rows).toEqual([['1', '2', '3']]);
  });

  test('retry_buffer: a driver that describes first and waits for that, as postgres.js does, gets no error either', async () => {
    const { other } = await outdated();
    other.send(
      Buffer.concat([build.parse({ name: 'd', sql: 'SELECT * FROM t' }), build.describe('S', 'd'), build.flush()]),
    );
    expect((await other.readUntil('T')).map(({ type }) => type).join('')).toBe('1tT'); // once each
    expect(
      await ask(other, Buffer.concat([build.bind({ statement: 'd' }), build.execute(), build.sync()])),
    ).toMatchObject({
      types: '2DCZ',
      rows: [['1', '2']],
    });
  });

  test('retry_buffer: a new statement is never out of date inside a transaction', async () => {
    const { other } = await outdated();
    await other.rows('BEGIN');
    const whole = Buffer.concat([build.parse({ name: 'mine', sql: 'SELECT * FROM t' }), bind('mine'), build.sync()]);
    expect((await ask(other, whole)).rows).toEqual([['1', '2']]);
    await other.rows('COMMIT');
  });

  test('retry_buffer: 0 passes the error on, and the next use works', async () => {
    const { client } = await outdated({ retry_buffer: 0 });
    expect(await ask(client, run('star'))).toMatchObject({ types: 'EZ', code: '0A000' });
    expect((await ask(client, run('star'))).rows).toEqual([['1', '2']]);
  });

  test('retry_buffer: who does not ask what a statement returns is told that it is out of date, on any server', async () => {
    const { client, other } = await outdated();
    const blind = Buffer.concat([build.bind({ statement: 'star' }), build.execute(), build.sync()]);
    expect(await ask(client, blind)).toMatchObject({ types: 'EZ', code: '0A000' });
    const whole = Buffer.concat([build.parse({ name: 'mine', sql: 'SELECT * FROM t' }), bind('mine'), build.sync()]);
    expect((await ask(other, whole)).rows).toEqual([['1', '2']]);
    client.send(blind);
    const error = (await client.readUntil('Z')).find(({ type }) => type === 'E');
    expect(error?.fields).toMatchObject({ C: '0A000', R: 'RevalidateCachedQuery' });
    const anew = Buffer.concat([build.close('S', 'star'), parse('star', 'SELECT * FROM t')]);
    expect((await ask(client, anew)).types).toBe('31Z');
    expect((await ask(client, blind)).rows).toEqual([['1', '2']]);
  });

  test('retry_buffer: what is not safe to send again is not', async () => {
    const inTransaction = await outdated();
    await inTransaction.client.rows('BEGIN');
    expect((await ask(inTransaction.client, run('star'))).code).toBe('0A000');
    await inTransaction.client.rows('ROLLBACK');
    const behindAnother = await outdated();
    const effect = Buffer.concat([build.parse({ sql: 'SELECT 5' }), build.bind(), build.execute()]);
    expect((await ask(behindAnother.client, Buffer.concat([effect, run('star')]))).types).toBe('12DCEZ');
    const beforeAnother = await outdated();
    beforeAnother.client.send(Buffer.concat([run('star'), build.query('SELECT 6')]));
    expect((await beforeAnother.client.readUntil('Z')).map(({ type }) => type).join('')).toBe('EZ');
    expect((await beforeAnother.client.readUntil('Z')).map(({ type }) => type).join('')).toBe('TDCZ');
    for (const { pooler, client } of [inTransaction, behindAnother, beforeAnother]) {
      expect(pooler.pool().stats.retryCount).toBe(0);
      expect((await ask(client, run('star'))).rows).toEqual([['1', '2']]);
    }
  });
});
