// Named prepared statements of the protocol, shared by clients over servers that come and go.
import { beforeAll, describe, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { textValues, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2, max_prepared_statements: 3, max_prepared_bytes: '16kB' });

const parse = (name: string, sql: string) => Buffer.concat([build.parse({ name, sql }), build.sync()]);
const run = (name: string, ...values: string[]) =>
  Buffer.concat([build.bind({ statement: name, values }), build.describe('P'), build.execute(), build.sync()]);

/** The types of the answer up to ReadyForQuery, the rows and the error. */
async function ask(client: WireClient, bytes: Buffer) {
  client.send(bytes);
  const messages = await client.readUntil('Z');
  const types = messages.map(({ type }) => type).join('');
  const rows = messages.filter(({ type }) => type === 'D').map(textValues);
  return { types, rows, error: messages.find(({ type }) => type === 'E')?.fields };
}

// By a name that pgsluice does not know: whoever asks for pg_prepared_statements gets a server with only its own.
beforeAll(() =>
  db.current.query(`CREATE FUNCTION shared() RETURNS bigint LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
    EXECUTE 'SELECT count(*) FROM pg_prepared_' || 'statements WHERE NOT from_sql' INTO n; RETURN n; END $$`),
);

/** Holds one of the two servers. */
async function holdServer(): Promise<WireClient> {
  const client = await pooler.current.connect();
  await client.rows('BEGIN');
  return client;
}

const servers = () => [...pooler.current.pool().allServers()];

describe('a named statement', () => {
  test('is there on every server, under the name that its client gave it', async () => {
    const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
    expect(await ask(a, parse('x', "SELECT $1::text || ' of a'"))).toMatchObject({ types: '1Z' });
    expect(await ask(b, parse('x', "SELECT $1::text || ' of b'"))).toMatchObject({ types: '1Z' });
    const pids = new Set<string>();
    for (let round = 0; round < 6; round += 1) {
      const held = await holdServer();
      pids.add(String(servers().find((server) => server.holder !== null)!.backendPid));
      for (const [client, who] of [
        [a, 'a'],
        [b, 'b'],
      ] as const) {
        const { types, rows } = await ask(client, run('x', String(round)));
        expect({ types, rows }).toEqual({ types: '2TDCZ', rows: [[`${round} of ${who}`]] });
      }
      await held.rows('COMMIT');
      await held.end();
      servers()
        .find((server) => server.state === 'idle')!
        .close('reconnect');
    }
    expect(pids.size).toBeGreaterThan(1);
  });

  test('is parsed once for all clients that say the same', async () => {
    const { prepared } = pooler.current.pool();
    const before = prepared.size;
    const clients = await Promise.all([1, 2, 3].map(() => pooler.current.connect()));
    for (const [i, client] of clients.entries())
      expect((await ask(client, parse(`n${i}`, 'SELECT 42'))).types).toBe('1Z');
    expect(prepared.size - before).toBe(1);
    for (const [i, client] of clients.entries()) expect((await ask(client, run(`n${i}`))).rows).toEqual([['42']]);
  });

  test('is not shared by sessions in which it would mean something else', async () => {
    const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
    await b.rows("SET TimeZone TO 'Asia/Tokyo'");
    for (const client of [a, b]) await ask(client, parse('t', "SELECT '2000-01-01'::timestamptz::text"));
    expect((await ask(a, run('t'))).rows).not.toEqual((await ask(b, run('t'))).rows);
  });

  test('that has a syntax error leaves no name behind', async () => {
    const client = await pooler.current.connect();
    const failing = Buffer.concat([
      build.parse({ name: 'bad', sql: 'SELEC 1' }),
      build.parse({ name: 'never', sql: 'SELECT 1' }),
      build.sync(),
    ]);
    expect(await ask(client, failing)).toMatchObject({ types: 'EZ', error: { C: '42601' } });
    for (const name of ['bad', 'never'])
      expect(await ask(client, run(name))).toMatchObject({
        types: 'EZ',
        error: { C: '26000', M: `prepared statement "${name}" does not exist` },
      });
    expect((await ask(client, Buffer.concat([parse('bad', 'SELECT 2'), run('bad')]))).types).toBe('1Z');
    expect((await client.readUntil('Z')).map(({ type }) => type).join('')).toBe('2TDCZ');
  });

  test("can't be given a name that is taken, but one that was closed", async () => {
    const client = await pooler.current.connect();
    await ask(client, parse('x', 'SELECT 1'));
    expect(await ask(client, parse('x', 'SELECT 2'))).toMatchObject({
      types: 'EZ',
      error: { C: '42P05', M: 'prepared statement "x" already exists' },
    });
    expect((await ask(client, run('x'))).rows).toEqual([['1']]);
    const again = Buffer.concat([build.close('S', 'x'), build.parse({ name: 'x', sql: 'SELECT 2' }), build.sync()]);
    expect((await ask(client, again)).types).toBe('31Z');
    expect((await ask(client, run('x'))).rows).toEqual([['2']]);
  });

  test('that was closed behind an error is there still', async () => {
    const client = await pooler.current.connect();
    await ask(client, parse('x', 'SELECT 1'));
    const batch = [
      build.parse({ name: '', sql: 'SELEC' }),
      build.close('S', 'x'),
      build.parse({ name: 'x', sql: 'SELECT 2' }),
      build.sync(),
    ];
    expect((await ask(client, Buffer.concat(batch))).types).toBe('EZ');
    expect((await ask(client, run('x'))).rows).toEqual([['1']]);
  });

  test('is called by the name of its client in an error', async () => {
    const client = await pooler.current.connect();
    await ask(client, parse('mine', 'SELECT $1::int'));
    const { error } = await ask(client, run('mine', '1', '2'));
    expect(error?.M).toBe('bind message supplies 2 parameters, but prepared statement "mine" requires 1');
  });

  test('fails in a failed transaction as it would in Postgres', async () => {
    const client = await pooler.current.connect();
    await ask(client, parse('x', 'SELECT 1'));
    const other = await pooler.current.connect();
    await other.rows('BEGIN');
    await ask(other, build.query('SELECT 1/0'));
    expect(await ask(other, parse('y', 'SELECT 1'))).toMatchObject({ types: 'EZ', error: { C: '25P02' } });
    await other.rows('ROLLBACK');
  });
});

describe('what is kept', () => {
  test('is bounded on a server: the one that was used least recently is closed', async () => {
    const client = await pooler.current.connect();
    for (let i = 0; i < 10; i += 1) await ask(client, parse(`s${i}`, `SELECT ${i}`));
    for (let i = 0; i < 10; i += 1) expect((await ask(client, run(`s${i}`))).rows).toEqual([[String(i)]]);
    for (const server of servers()) expect(server.statements.size).toBeLessThanOrEqual(3);
    const counts = await client.rows('SELECT shared()');
    expect(Number(counts[0]![0])).toBeLessThanOrEqual(3);
  });

  test('is bounded in bytes: unused ones make room, used ones do not', async () => {
    const { prepared } = pooler.current.pool();
    const client = await pooler.current.connect();
    for (let i = 0; i < 200; i += 1) {
      const messages = [
        build.parse({ name: 'one', sql: `SELECT ${i} /* ${'x'.repeat(200)} */` }),
        build.close('S', 'one'),
        build.sync(),
      ];
      expect((await ask(client, Buffer.concat(messages))).types).toBe('13Z');
      expect(prepared.bytes).toBeLessThanOrEqual(16_384);
    }
    let taken = 0;
    let answer = await ask(client, parse('k', 'SELECT 0'));
    for (; answer.error === undefined && taken < 200; taken += 1)
      answer = await ask(client, parse(`k${taken}`, `SELECT ${taken} /* ${'y'.repeat(200)} */`));
    expect(answer.error).toMatchObject({ C: '53200', S: 'ERROR' });
    expect((await ask(client, run('k0'))).rows).toEqual([['0']]);
    await client.end();
    await waitUntil(async () => {
      const next = await pooler.current.connect();
      return (await ask(next, parse('n', `SELECT 1 /* ${'z'.repeat(200)} */`))).types === '1Z';
    });
  });

  test('goes with DEALLOCATE ALL and DISCARD ALL, for this client', async () => {
    for (const statement of ['DEALLOCATE ALL', 'DISCARD ALL']) {
      const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
      for (const client of [a, b]) await ask(client, parse('x', 'SELECT 7'));
      await a.rows(statement);
      expect((await ask(a, parse('x', 'SELECT 8'))).types).toBe('1Z');
      expect((await ask(a, run('x'))).rows).toEqual([['8']]);
      expect((await ask(b, run('x'))).rows).toEqual([['7']]);
    }
  });
});

test('the unnamed statement of another client is never run', async () => {
  const single = await pooler.current.connect();
  await ask(single, parse('', 'SELECT 1'));
  const other = await pooler.current.connect();
  const held = await holdServer();
  await ask(other, parse('', "SELECT 'secret'"));
  expect(await ask(single, run(''))).toMatchObject({ types: 'EZ', error: { C: '26000' } });
  expect((await ask(single, Buffer.concat([build.describe('S'), build.sync()]))).types).toBe('EZ');
  await held.rows('COMMIT');
});

describe('SQL that is about prepared statements of the protocol', () => {
  test('DEALLOCATE of one: its name is free again, and others keep theirs', async () => {
    const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
    for (const client of [a, b]) await ask(client, parse('_pg3_0', 'SELECT 3'));
    const messages = await a.query('DEALLOCATE _pg3_0');
    expect(messages.map(({ type }) => type).join('')).toBe('CZ');
    expect(messages[0]!.body.toString()).toContain('DEALLOCATE');
    expect((await ask(a, run('_pg3_0'))).error).toMatchObject({ C: '26000' });
    expect((await ask(a, parse('_pg3_0', 'SELECT 4'))).types).toBe('1Z');
    expect((await ask(a, run('_pg3_0'))).rows).toEqual([['4']]);
    expect((await ask(b, run('_pg3_0'))).rows).toEqual([['3']]);
  });

  test('pg_prepared_statements shows exactly those of the client, under their own names', async () => {
    const [a, b] = [await pooler.current.connect(), await pooler.current.connect()];
    await ask(b, parse('of_b', 'SELECT 1'));
    await ask(a, parse('of_a', 'SELECT 2'));
    await a.rows('PREPARE by_sql AS SELECT 3');
    const names = 'SELECT name FROM pg_prepared_statements ORDER BY 1';
    expect(await a.rows(names)).toEqual([['by_sql'], ['of_a']]);
    expect((await ask(a, run('of_a'))).rows).toEqual([['2']]);
    expect((await ask(a, parse('later', 'SELECT 5'))).types).toBe('1Z');
    expect(await a.rows(names)).toEqual([['by_sql'], ['later'], ['of_a']]);
    await a.end();
    expect((await ask(b, run('of_b'))).rows).toEqual([['1']]);
    expect(await b.rows(names)).toEqual([['of_b']]);
  });

  test('EXECUTE of one runs it', async () => {
    const client = await pooler.current.connect();
    await ask(client, parse('x', 'SELECT $1::int + 1'));
    expect(await client.rows('EXECUTE x(41)')).toEqual([['42']]);
    expect((await ask(client, run('x', '1'))).rows).toEqual([['2']]);
  });
});
