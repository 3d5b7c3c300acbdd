// The extended protocol on the console, as drivers speak it, byte by byte and through the drivers themselves.
import pg from 'pg';
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { textValues, types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

const openConsole = () => pooler.current.connect({ database: 'pgbouncer' });

test('a SHOW is parsed, described, and executed in portions', async () => {
  const console = await openConsole();
  console.send(build.parse({ name: 's', sql: 'SHOW LISTS' }), build.describe('S', 's'), build.sync());
  const described = await console.readUntil('Z');
  expect(types(described)).toBe('1tTZ');
  expect(described[1]?.typeOids).toEqual([]);
  expect(described[2]?.columns?.map(({ name }) => name)).toEqual(['list', 'items']);

  const bind = build.bind({ portal: 'p', statement: 's' });
  console.send(bind, build.describe('P', 'p'), build.execute('p', 3), build.execute('p', 11), build.flush());
  console.send(build.execute('p'), build.sync());
  const rows = await console.readUntil('Z');
  expect(types(rows)).toBe(`2T${'D'.repeat(3)}s${'D'.repeat(11)}sCZ`);
  const all = rows.filter(({ type }) => type === 'D').map(textValues);
  expect(all.map(([name]) => name)).toEqual((await console.rows('SHOW LISTS')).map(([name]) => name));

  // The portal ended with its batch, the statement did not.
  console.send(build.execute('p'), build.sync());
  expect((await console.readUntil('Z'))[0]?.fields?.M).toBe('portal "p" does not exist');
  console.send(build.bind({ statement: 's' }), build.execute(), build.close('S', 's'), build.sync());
  expect(types(await console.readUntil('Z'))).toBe(`2${'D'.repeat(14)}C3Z`);
  console.send(build.bind({ statement: 's' }), build.sync());
  expect((await console.readUntil('Z'))[0]?.fields?.C).toBe('26000');
  await console.end();
});

test('numbers come in the binary format when that is asked for, as Postgres would send them', async () => {
  const console = await openConsole();
  const counts = pooler.current.app.databaseStats.console;
  for (const value of [0, 1, 9_999, 10_000, 10_001, 123_456_789, 40_000_000, 2 ** 52]) {
    counts.bytesReceived = value;
    const binary = { resultFormats: [1] };
    console.send(build.parse({ sql: 'SHOW STATS_TOTALS' }), build.bind(binary), build.execute(), build.sync());
    const row = (await console.readUntil('Z')).find(
      ({ type, values }) => type === 'D' && String(values?.[0]) === 'pgbouncer',
    );
    const [expected] = await db.current.query<{ bytes: Buffer }>('SELECT numeric_send($1::text::numeric) AS bytes', [
      String(value),
    ]);
    expect(row?.values?.[4]).toEqual(expected?.bytes);
  }
  console.send(build.parse({ sql: 'SHOW LISTS' }), build.bind({ resultFormats: [0, 1] }), build.describe('P'));
  console.send(build.execute(), build.sync());
  const messages = await console.readUntil('Z');
  expect(messages[2]?.columns?.map(({ format }) => format)).toEqual([0, 1]);
  const databases = messages.find(({ type }) => type === 'D')?.values;
  expect([String(databases?.[0]), databases?.[1]?.readInt32BE()]).toEqual(['databases', 2]);
  await console.end();
});

test('a failure is told once, up to Sync nothing else is looked at, and the session goes on', async () => {
  const console = await openConsole();
  for (const [sql, text] of [
    ['SHOW NOTHING', "invalid command 'SHOW NOTHING', use SHOW HELP;"],
    ['SHOW VERSION; SHOW VERSION', 'cannot insert multiple commands into a prepared statement'],
    ['PAUSE nowhere', 'no such database: nowhere'],
    ['SET nothing = 1', 'SET failed'],
  ] as const) {
    console.send(build.extendedQuery(sql), build.extendedQuery('SHOW VERSION'));
    const [failed, worked] = [await console.readUntil('Z'), await console.readUntil('Z')];
    expect(failed.at(-2)?.fields?.M).toBe(text);
    expect(failed.filter(({ type }) => type === 'E')).toHaveLength(1);
    expect(types(worked)).toBe('12TDCZ');
  }
  await console.end();
});

test('commands, notices and nothing at all go through it', async () => {
  const console = await openConsole();
  const { database } = db.current;
  const expected = [
    [`PAUSE ${database}`, '12nCZ', 'PAUSE'],
    [`RESUME ${database}`, '12nCZ', 'RESUME'],
    ['SHOW HELP', '12nNCZ', 'SHOW'],
    ['SET extra_float_digits = 3', '12nNCZ', 'SET'],
    ['', '12nIZ', undefined],
  ] as const;
  for (const [sql, shape, tag] of expected) {
    console.send(build.extendedQuery(sql));
    const messages = await console.readUntil('Z');
    expect([sql, types(messages), messages.at(-2)?.tag]).toEqual([sql, shape, tag]);
  }
  await console.end();
});

test('what is malformed, or no message of a query, harms nobody', async () => {
  const console = await openConsole();
  const sync = build.sync();
  for (const bad of [
    build.message('P', Buffer.from('x')),
    build.message('P', build.cstring(''), build.cstring('SHOW VERSION'), build.int16(65_535)),
    build.message('B', build.cstring(''), build.cstring('')),
    build.message('D'),
    build.message('E', build.cstring('')),
    build.bind({ statement: 'nobody' }),
    build.message('!'),
  ]) {
    console.send(bad, sync);
    const messages = await console.readUntil('Z');
    expect(types(messages)).toBe('EZ');
  }
  console.send(build.functionCall(1, []));
  expect(types(await console.readUntil('Z'))).toBe('EZ');
  console.send(build.parse({ sql: 'SHOW VERSION' }), build.bind({ values: ['1'] }), sync);
  expect(types(await console.readUntil('Z'))).toBe('1EZ');
  console.send(build.copyData('x'), build.copyDone(), build.copyFail('x'), build.flush(), sync);
  expect(types(await console.readUntil('Z'))).toBe('Z');
  for (let n = 0; n < 600; n += 1) console.send(build.parse({ name: `s${n}`, sql: 'SHOW VERSION' }));
  console.send(sync);
  const messages = await console.readUntil('Z');
  expect([messages.length, messages.at(-2)?.fields?.C]).toEqual([501, '53400']);
  for (let n = 0; n < 600; n += 1) console.send(build.bind({ portal: `p${n}`, statement: 's0' }));
  console.send(sync);
  const bound = await console.readUntil('Z');
  expect([bound.length, bound.at(-2)?.fields?.C]).toEqual([502, '53400']);
  expect(types(await console.query('SHOW VERSION'))).toBe('TDCZ');
  await console.end();
});

test('pg asks with a prepared statement', async () => {
  const client = new pg.Client({ ...pooler.current.config, database: 'pgbouncer' });
  await client.connect();
  for (let n = 0; n < 2; n += 1) {
    const { rows } = await client.query({ name: 'pools', text: 'SHOW POOLS', values: [] });
    expect(rows[0]).toMatchObject({ cl_waiting: 0, pool_mode: expect.any(String) });
  }
  await client.end();
});

test('postgres.js asks as for any query', async () => {
  const { host, port, user, password } = pooler.current;
  const sql = postgres({ host, port, user, password, database: 'pgbouncer', max: 1, fetch_types: false });
  const rows = await sql<{ name: string; current_connections: number }[]>`SHOW DATABASES`;
  expect(rows.map(({ name }) => name).sort()).toEqual([db.current.database, 'pgbouncer'].sort());
  await expect(sql`SHOW NOTHING`).rejects.toMatchObject({ code: '42601' });
  await sql.end();
});
