// The wire as an application sees it: whatever it may send a Postgres directly, it may send through the pooler.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { connect, connectAndLogin, textValues, types, WireError } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 3 });
const direct = () => connectAndLogin(db.current.port, db.current);

test.each([
  ['3.0', build.PROTOCOL_3_0, 4, null],
  ['3.2', build.PROTOCOL_3_2, 32, null],
  ['an unknown minor version', 0x0003270f, 32, build.PROTOCOL_3_2],
])('protocol %s logs in, with the cancel key of its version', async (_name, protocol, keyLength, negotiated) => {
  const client = await pooler.current.connect({ protocol });
  expect(client.session.key).toHaveLength(keyLength);
  expect(client.session.negotiated?.version ?? null).toBe(negotiated);
  expect(client.session.negotiated?.unknownOptions ?? []).toEqual([]);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('unknown protocol options are negotiated away, before the authentication', async () => {
  const params = { '_pq_.x': '1', '_pq_.command_tag': 'on' };
  const client = await pooler.current.connect({ params });
  expect(client.session.messages[0]?.type).toBe('v');
  expect(client.session.negotiated?.unknownOptions).toEqual(['_pq_.x', '_pq_.command_tag']);
  expect(client.session.negotiated?.version).toBe(build.PROTOCOL_3_0);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('a protocol version that is not 3 is refused in Postgres words', async () => {
  for (const code of [0x00020000, 0x00040000]) {
    const client = await connect(pooler.current.port);
    client.send(build.startupPacket(code, build.cstring('user'), build.cstring('x'), Buffer.from([0])));
    const [error] = await client.readToEnd();
    expect(error?.fields).toMatchObject({ S: 'FATAL', C: '0A000' });
    expect(error?.fields?.M).toMatch(/^unsupported frontend protocol [24]\.0: server supports 3\.0 to 3\.2$/);
  }
});

test('encryption requests are answered N in either order, and a plain login follows', async () => {
  for (const requests of [
    [build.sslRequest(), build.gssEncRequest()],
    [build.gssEncRequest(), build.sslRequest()],
  ]) {
    const client = await connect(pooler.current.port);
    for (const request of requests) expect(await client.requestEncryption(request)).toBe('N');
    await client.login(pooler.current);
    expect(await client.rows('SELECT 1')).toEqual([['1']]);
    await client.end();
  }
});

test('bytes behind an encryption request are refused: they came before there was encryption', async () => {
  for (const [request, name] of [
    [build.sslRequest(), 'SSL'],
    [build.gssEncRequest(), 'GSSAPI encryption'],
  ] as const) {
    const client = await connect(pooler.current.port);
    client.send(request, build.startup({ user: pooler.current.user }));
    const [error] = await client.readToEnd();
    expect(error?.fields).toMatchObject({
      S: 'FATAL',
      C: '08P01',
      M: `received unencrypted data after ${name} request`,
    });
  }
});

test('a statement right behind the startup packet is no password', async () => {
  const trusting = await connect(pooler.current.port);
  trusting.send(
    build.startup({ user: pooler.current.user, database: pooler.current.database }),
    build.query('SELECT 1'),
  );
  // SCRAM is asked for, and a Query is no password.
  const messages = await trusting.readToEnd();
  expect(messages.at(-1)?.fields?.C).toBe('08P01');
});

test('multi-statement strings, function call, Flush and row limits answer as Postgres does', async () => {
  const batches: [string, Buffer][] = [
    ['Z', build.query("SELECT 1; SELECT 'two'; ; SELECT 3")],
    ['Z', build.query('SELECT 1; SELECT 1/0; SELECT 2')],
    ['Z', build.functionCall(1317, ['four'])],
    ['Z', build.functionCall(1317, ['four', 'five'])],
    ['D', Buffer.concat([build.parse({ sql: 'SELECT 7' }), build.bind(), build.execute(), build.flush()])],
    ['Z', build.sync()],
    [
      'Z',
      Buffer.concat([...portal(), build.execute('p', 2), build.execute('p', 2), build.execute('p', 9), build.sync()]),
    ],
    [
      'Z',
      Buffer.concat([
        build.parse({ sql: 'SELEC' }),
        build.bind(),
        build.execute(),
        build.query('SELECT 1'),
        build.sync(),
      ]),
    ],
    ['Z', Buffer.concat([build.describe('S', 'nothing'), build.sync()])],
    ['Z', Buffer.concat([build.close('S', 'nothing'), build.close('P', 'nothing'), build.sync()])],
    ['Z', build.query('')],
  ];
  const [a, b] = [await direct(), await pooler.current.connect()];
  for (const [until, bytes] of batches) {
    a.send(bytes);
    b.send(bytes);
    const [expected, seen] = [await a.readUntil(until), await b.readUntil(until)];
    expect(types(seen)).toBe(types(expected));
    expect(seen.map((message) => message.body.toString('latin1'))).toEqual(
      expected.map((message) => message.body.toString('latin1')),
    );
  }
  await Promise.all([a.end(), b.end()]);

  function portal(): Buffer[] {
    return [build.parse({ sql: 'SELECT generate_series(1, 5)' }), build.bind({ portal: 'p' })];
  }
});

test('COPY in and out, simple and extended, with CopyFail', async () => {
  const client = await pooler.current.connect();
  await client.rows('CREATE TABLE copied (a int PRIMARY KEY, b text)');
  client.send(build.query('COPY copied FROM STDIN'));
  await client.readUntil('G');
  client.send(build.copyData('1\tone\n2\tt'), build.copyData('wo\n'), build.copyDone());
  expect((await client.readUntil('Z'))[0]?.tag).toBe('COPY 2');
  // All in one write: the Sync behind CopyDone ends it.
  const copy = [build.parse({ sql: 'COPY copied FROM STDIN' }), build.bind(), build.execute()];
  client.send(...copy, build.copyData('3\tthree\n'), build.copyDone(), build.sync());
  expect(types(await client.readUntil('Z'))).toBe('12GCZ');
  client.send(...copy, build.sync(), build.copyData('4\tfour\n'), build.copyFail('enough'), build.sync());
  const failed = await client.readUntil('Z');
  expect(failed.find((message) => message.type === 'E')?.fields).toMatchObject({ C: '57014' });
  client.send(build.query('COPY copied FROM STDIN'));
  await client.readUntil('G');
  client.send(build.copyFail('no more'));
  expect((await client.readUntil('Z'))[0]?.fields?.M).toContain('no more');
  expect(types(await client.query('COPY copied TO STDOUT'))).toBe('HdddcCZ');
  client.send(build.extendedQuery('COPY copied TO STDOUT'));
  expect(types(await client.readUntil('Z'))).toBe('12nHdddcCZ');
  await client.end();
});

test('a COPY that fails at its first row leaves no trace of the rows that were on their way', async () => {
  const client = await pooler.current.connect();
  const neighbour = await pooler.current.connect();
  await client.rows('CREATE TABLE strict (a int PRIMARY KEY)');
  for (const size of [10, 100_000]) {
    client.send(build.query('COPY strict FROM STDIN'));
    await client.readUntil('G');
    client.send(build.copyData('not a number\n'));
    const error = await client.readUntil('Z');
    expect(types(error)).toBe('EZ');
    // Postgres has long forgotten the COPY, and the server serves others.
    for (let i = 0; i < 20; i += 1) client.send(build.copyData(`${'9'.repeat(size)}\n`));
    expect(await neighbour.rows('SELECT 7')).toEqual([['7']]);
    client.send(build.copyDone(), build.query('SELECT 8'));
    expect((await client.readUntil('Z')).find((message) => message.type === 'D')?.values?.toString()).toBe('8');
  }
  expect(await client.rows('SELECT count(*) FROM strict')).toEqual([['0']]);
  await Promise.all([client.end(), neighbour.end()]);
});

test('notices reach the client that raised them, and LISTEN works inside one transaction', async () => {
  const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
  const raise = "DO $$ BEGIN RAISE NOTICE 'mine' USING DETAIL = 'd', HINT = 'h'; END $$";
  const [notice] = await client.query(raise);
  expect(notice).toMatchObject({ type: 'N', fields: { M: 'mine', D: 'd', H: 'h' } });
  await client.rows('BEGIN');
  await client.rows("LISTEN news; NOTIFY news, 'inside'");
  const messages = await client.query('COMMIT');
  expect(messages.find((message) => message.type === 'A')).toMatchObject({ channel: 'news', payload: 'inside' });
  await other.rows('SELECT 1');
  expect(other.unread).toEqual([]);
  await Promise.all([client.end(), other.end()]);
});

test("an error has every field of Postgres' own", async () => {
  await db.current.query(`
    CREATE TABLE parent (id int CONSTRAINT parent_key PRIMARY KEY, n int CONSTRAINT small CHECK (n < 10));
    CREATE FUNCTION loud() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'everything' USING ERRCODE = '22023', DETAIL = 'd', HINT = 'h', COLUMN = 'c', CONSTRAINT = 'k',
        DATATYPE = 't', TABLE = 'a', SCHEMA = 's';
    END $$`);
  const [a, b] = [await direct(), await pooler.current.connect()];
  const statements = [
    'SELECT loud()',
    'INSERT INTO parent VALUES (1, 99)',
    'SELECT nowhere FROM parent',
    "SELECT 'x'::int",
  ];
  for (const sql of statements) {
    const [expected, seen] = [await a.rows(sql).catch((e) => e), await b.rows(sql).catch((e) => e)];
    expect(seen).toBeInstanceOf(WireError);
    expect(seen.fields).toEqual(expected.fields);
  }
  await Promise.all([a.end(), b.end()]);
});

test('a pipeline of a thousand statements is answered in order', async () => {
  const client = await pooler.current.connect();
  const batch = Array.from({ length: 1000 }, (_, i) =>
    i % 10 === 3 ? build.query(`SELECT ${i}/0`) : build.extendedQuery('SELECT $1::text', [String(i)]),
  );
  client.send(...batch);
  for (let i = 0; i < 1000; i += 1) {
    const messages = await client.readUntil('Z');
    const row = messages.find((message) => message.type === 'D');
    expect(row ? textValues(row) : messages[0]?.fields?.C).toEqual(i % 10 === 3 ? '22012' : [String(i)]);
  }
  await client.end();
});
