// Clients that send nonsense, or leave at the worst moment: they get a clear word, and nobody else notices.
import { afterEach, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect, types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const POOL_SIZE = 2;
const pooler = usePooler(db, { default_pool_size: POOL_SIZE });

/** Every server that the pool may have answers a neighbour, from a clean session. */
async function expectCleanNeighbours(): Promise<void> {
  const clients = await Promise.all(Array.from({ length: POOL_SIZE }, () => pooler.current.connect()));
  await Promise.all(clients.map((client) => client.rows('BEGIN')));
  for (const [i, client] of clients.entries()) {
    expect(await client.rows(`SELECT ${i}, count(*) FROM pg_prepared_xacts`)).toEqual([[String(i), '0']]);
    expect(types(await client.query('COMMIT'))).toBe('CZ');
    expect(client.unread).toEqual([]);
    await client.end();
  }
}

afterEach(expectCleanNeighbours);

const raw = (...bytes: number[]) => Buffer.from(bytes);
const user = () => build.cstring('user');

test.each<[string, () => Buffer, string]>([
  ['length -1', () => build.int32(-1), '08P01'],
  ['length 0', () => build.int32(0), '08P01'],
  ['length 3', () => build.int32(3), '08P01'],
  ['length 4: no code', () => build.int32(4), '08P01'],
  ['length 2^31', () => raw(0x80, 0, 0, 0), '08P01'],
  ['length 10,001', () => build.int32(10_001), '08P01'],
  ['a web browser', () => Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), '08P01'],
  ['a TLS hello without SSLRequest', () => raw(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), '08P01'],
  ['a name without a value', () => build.startupPacket(build.PROTOCOL_3_0, user()), '08P01'],
  ['no end', () => build.startupPacket(build.PROTOCOL_3_0, user(), build.cstring('x')), '08P01'],
  ['bytes behind its end', () => build.startupPacket(build.PROTOCOL_3_0, raw(0), user()), '08P01'],
  ['no parameters', () => build.startup({}), '28000'],
  ['an empty user', () => build.startup({ user: '' }), '28000'],
  ['an unknown kind of replication', () => build.startup({ user: 'x', replication: 'maybe' }), '08P01'],
  ['options that are none', () => build.startup({ user: 'x', options: '-Z' }), '08P01'],
  ['protocol 2', () => build.startupPacket(0x00020000, raw(0)), '0A000'],
  ['a cancel request without a key', () => build.startupPacket(80877102, build.int32(1)), '08P01'],
  ['a cancel request with 257 bytes', () => build.cancelRequest(1, Buffer.alloc(257)), '08P01'],
])('a startup packet with %s is refused with a reason', async (_name, packet, sqlstate) => {
  const client = await connect(pooler.current.port);
  client.send(packet());
  const messages = await client.readToEnd();
  expect(types(messages)).toBe('E');
  expect(messages[0]?.fields).toMatchObject({ S: 'FATAL', C: sqlstate });
});

test.each<[string, Buffer]>([
  ['a query', build.query('SELECT 1')],
  ['an unknown type', build.message('!')],
  ['a password of 100 kB', build.password('x'.repeat(100_000))],
  ['length -1', build.messageWithLength('p', -1)],
  ['length 0', build.messageWithLength('p', 0)],
  ['length 3', build.messageWithLength('p', 3)],
  ['length 2^31', build.messageWithLength('p', 2 ** 31)],
  ['an empty password message', build.message('p')],
  ['half a SCRAM message', build.saslInitialResponse('SCRAM-SHA-256', 'n,,n=,r')],
  ['an unknown mechanism', build.saslInitialResponse('PLAIN', 'x')],
])('instead of its password, a client that sends %s is refused', async (_name, bytes) => {
  const client = await connect(pooler.current.port);
  client.send(build.startup({ user: pooler.current.user, database: pooler.current.database }));
  expect((await client.next()).authType).toBe(10);
  client.send(bytes);
  const messages = await client.readToEnd();
  expect(types(messages)).toBe('E');
  expect(messages[0]?.fields?.C).toMatch(/^(08P01|28P01)$/);
});

const broken: [string, Buffer][] = [
  ['length -1', build.messageWithLength('Q', -1)],
  ['length 0', build.messageWithLength('Q', 0)],
  ['length 3', build.messageWithLength('S', 3)],
  ['length 2^31', build.messageWithLength('Q', 2 ** 31)],
  ['an unknown type', build.message('!', Buffer.from('x'))],
  ['type 0', build.message('\0')],
  ['a message of the server', build.message('Z', Buffer.from('I'))],
  ['a password after its login', build.password('x')],
];

test.each(broken)('a logged-in client that sends %s is told 08P01 and closed', async (_name, bytes) => {
  const client = await pooler.current.connect();
  client.send(bytes);
  const messages = await client.readToEnd();
  expect(types(messages)).toBe('E');
  expect(messages[0]?.fields).toMatchObject({ S: 'FATAL', C: '08P01' });
});

test.each(broken)('inside a transaction, %s rolls it back', async (_name, bytes) => {
  await db.current.query('CREATE TABLE IF NOT EXISTS kept (n int)');
  const client = await pooler.current.connect();
  await client.rows('BEGIN');
  await client.rows('INSERT INTO kept VALUES (1)');
  client.send(bytes);
  expect((await client.readToEnd()).at(-1)?.fields).toMatchObject({ S: 'FATAL', C: '08P01' });
  await waitUntil(() => pooler.current.pool().servers.active.length === 0);
  expect(await db.current.query('SELECT * FROM kept')).toEqual([]);
});

test('what is wrong inside a message is for Postgres to say, and the session goes on', async () => {
  const client = await pooler.current.connect();
  const wrong = [
    build.message('Q', Buffer.from('SELECT 1')), // no NUL
    Buffer.concat([build.message('P', build.cstring('')), build.sync()]),
    Buffer.concat([build.message('B', raw(0, 0, 0xff, 0xff)), build.sync()]),
    Buffer.concat([build.message('D', Buffer.from('x\0')), build.sync()]),
    Buffer.concat([build.message('C', Buffer.from('x\0')), build.sync()]),
    Buffer.concat([build.message('E'), build.sync()]),
    build.message('F', raw(0)),
  ];
  for (const bytes of wrong) {
    client.send(bytes);
    const messages = await client.readUntil('Z');
    expect(types(messages)).toBe('EZ');
    expect(messages[0]?.fields?.C).toMatch(/^(08P01|26000)$/);
  }
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('messages of a copy without a copy are ignored, as in Postgres', async () => {
  const client = await pooler.current.connect();
  client.send(build.copyData('x'), build.copyDone(), build.copyFail('x'), build.flush(), build.query('SELECT 1'));
  expect(types(await client.readUntil('Z'))).toBe('TDCZ');
  await client.end();
});

test.each<[string, () => Buffer[]]>([
  ['half a header', () => [raw(0x51, 0, 0)]],
  ['half a query', () => [build.query('SELECT 1').subarray(0, 9)]],
  ['half a large query', () => [build.query(`SELECT '${'x'.repeat(500_000)}'`).subarray(0, 300_000)]],
  ['a Parse without its Sync', () => [build.parse({ sql: 'SELECT 1' })]],
  [
    'a portal half read',
    () => [build.parse({ sql: 'SELECT generate_series(1, 9)' }), build.bind(), build.execute('', 2), build.flush()],
  ],
  ['a failed batch without its Sync', () => [build.parse({ sql: 'SELEC' }), build.flush()]],
  ['a transaction', () => [build.query('BEGIN; CREATE TABLE never ()')]],
  ['a failed transaction', () => [build.query('BEGIN'), build.query('SELECT 1/0')]],
  [
    'a COPY',
    () => [
      build.query('COPY pg_temp.x FROM STDIN'),
      build.query('BEGIN; CREATE TEMP TABLE y (a int) ON COMMIT DROP; COPY y FROM STDIN'),
      build.copyData('1\n'),
    ],
  ],
  ['a large result that nobody reads', () => [build.query("SELECT repeat('x', 1000) FROM generate_series(1, 100000)")]],
  ['a statement that runs', () => [build.query('SELECT pg_sleep(60)')]],
])('a client that vanishes behind %s leaves nothing behind', async (_name, parts) => {
  for (const how of ['destroy', 'reset'] as const) {
    const client = await pooler.current.connect();
    client.send(...parts());
    // What it sent has arrived, unless it is less than a message.
    await waitUntil(() => pooler.current.pool().servers.active.length > 0, { timeoutMs: 200 }).catch(() => {});
    client[how]();
    await waitUntil(() => pooler.current.pool().clientCount === 0);
    await expectCleanNeighbours();
  }
  expect(await db.current.query("SELECT 1 FROM pg_class WHERE relname = 'never'")).toEqual([]);
});

test('a client that vanishes in the middle of a COPY stores none of it', async () => {
  await db.current.query('CREATE TABLE copied (n int)');
  const client = await pooler.current.connect();
  client.send(build.query('COPY copied FROM STDIN'));
  await client.readUntil('G');
  client.send(build.copyData('1\n2\n'), build.message('d', Buffer.alloc(100_000, '3\n')).subarray(0, 50_000));
  await waitUntil(() => pooler.current.pool().stats.bytesReceived > 50_000);
  client.destroy();
  await waitUntil(() => pooler.current.pool().clientCount === 0);
  await expectCleanNeighbours();
  expect(await db.current.query('SELECT * FROM copied')).toEqual([]);
});

test.each<[string, () => Buffer[], number]>([
  ['a query', () => [build.query('INSERT INTO done VALUES (1)')], 1],
  ['two queries', () => [build.query('INSERT INTO done VALUES (1)'), build.query('INSERT INTO done VALUES (2)')], 2],
  ['a slow query', () => [build.query('INSERT INTO done SELECT 1 FROM pg_sleep(0.2)')], 1],
  ['a batch with its Sync', () => [build.extendedQuery('INSERT INTO done VALUES (1)')], 1],
  [
    'a batch without its Sync',
    () => [build.parse({ sql: 'INSERT INTO done VALUES (1)' }), build.bind(), build.execute()],
    0,
  ],
  ['an open transaction', () => [build.query('BEGIN'), build.query('INSERT INTO done VALUES (1)')], 0],
  [
    'a whole transaction',
    () => [build.query('BEGIN'), build.query('INSERT INTO done VALUES (1)'), build.query('COMMIT')],
    1,
  ],
])('Terminate right behind %s has the effect that it has in Postgres', async (_name, parts, rows) => {
  await db.current.query('DROP TABLE IF EXISTS done; CREATE TABLE done (n int)');
  for (const isWarm of [true, false]) {
    if (!isWarm) pooler.current.app.control.reconnect(null);
    const before = pooler.current.pool().stats.xactCount;
    const client = await pooler.current.connect();
    client.send(...parts(), build.terminate());
    client.socket.end();
    await client.readToEnd();
    if (rows > 0) await waitUntil(() => pooler.current.pool().stats.xactCount > before);
    const { servers, clients } = pooler.current.pool();
    await waitUntil(
      () =>
        clients.active.length + clients.waiting.length + servers.active.length + servers.being_canceled.length === 0,
    );
  }
  // The server of a batch without a Sync is closed: Postgres needs a moment to see it.
  await expectCleanNeighbours();
  await waitUntil(async () => (await db.current.query('SELECT * FROM done')).length === rows * 2);
});
