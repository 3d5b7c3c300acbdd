// A client that was told what its statement returns gets nothing else, on whichever server it runs and whatever became of the table.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Server } from '../../src/server/server.ts';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel, connectAndLogin, textValues, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

let count = 0;
/** One that no other test has had. */
const selecting = () => `SELECT * FROM item WHERE id = $1 /* ${++count} */`;
const bind = (name = 'x') =>
  Buffer.concat([build.bind({ statement: name, values: ['1'] }), build.execute(), build.sync()]);
const prepare = (sql: string) =>
  Buffer.concat([build.parse({ name: 'x', sql }), build.describe('S', 'x'), build.sync()]);

async function ask(client: WireClient, bytes: Buffer) {
  client.send(bytes);
  const messages = await client.readUntil('Z');
  return {
    types: messages.map(({ type }) => type).join(''),
    rows: messages.filter(({ type }) => type === 'D').map(textValues),
    columns: messages.find(({ type }) => type === 'T')?.columns?.map(({ name }) => name),
    code: messages.find(({ type }) => type === 'E')?.fields?.C,
  };
}

const open: WireClient[] = [];
async function connect() {
  const client = await pooler.current.connect();
  open.push(client);
  return client;
}

beforeEach(() =>
  db.current.query(
    'DROP TABLE IF EXISTS item; CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 7)',
  ),
);

afterEach(async () => {
  for (const client of open.splice(0)) client.destroy();
  await waitUntil(() => pooler.current.pool().clientCount === 0);
  await pooler.current.expectInvariants();
});

async function hold(): Promise<WireClient> {
  const client = await connect();
  await client.rows('BEGIN');
  return client;
}

const servers = () => [...pooler.current.pool().allServers()];

/** Holds the server that has the statement (or the one that has not): whoever comes gets the other one. */
async function holdServer(that: 'knows' | 'does not know', statement: number): Promise<WireClient> {
  const knowing = servers().filter(({ statements }) => statements.has(statement));
  expect(knowing).toHaveLength(1);
  const both = [await hold(), await hold()];
  const isKept = ({ backendPid }: Server) =>
    knowing.some((server) => server.backendPid === backendPid) === (that === 'knows');
  const pids = await Promise.all(both.map((client) => client.rows('SELECT pg_backend_pid()')));
  const kept = servers().find(isKept)!.backendPid;
  const at = pids.findIndex(([row]) => row?.[0] === String(kept));
  await both[1 - at]!.rows('COMMIT');
  return both[at]!;
}

/** Both servers are there, and the statement is on one. */
async function preparedOnOne(sql = selecting()) {
  const client = await connect();
  const held = await hold();
  await client.rows('SELECT 1');
  await held.rows('COMMIT');
  await ask(client, prepare(sql));
  const statement = newestStatement();
  return { client, sql, elsewhere: () => holdServer('knows', statement) };
}

/** As many servers know what the statement returns. */
function told(): number {
  const shapes = servers().map(({ statements }) => statements.find(newestStatement())?.shape);
  return shapes.filter((shape) => typeof shape === 'string').length;
}

function newestStatement(): number {
  let newest = 0;
  for (const { statements } of servers())
    for (let id = 1; id < 1_000; id += 1) if (statements.has(id)) newest = Math.max(newest, id);
  return newest;
}

test('nothing has changed: the other server is asked once, and the answer is the same', async () => {
  const { client, elsewhere } = await preparedOnOne();
  expect(await ask(client, bind())).toMatchObject({ types: '2DCZ', rows: [['1', '7']] });
  expect(told()).toBe(1);
  const held = await elsewhere();
  expect(await ask(client, bind())).toMatchObject({ types: '2DCZ', rows: [['1', '7']] });
  expect(told()).toBe(2);
  expect(await ask(client, Buffer.concat([bind(), bind()]))).toMatchObject({ types: '2DCZ' });
  expect((await client.readUntil('Z')).map(({ type }) => type).join('')).toBe('2DCZ');
  await held.rows('COMMIT');
});

test('a column more, and a server that parses the statement behind that: the error of Postgres, and no row', async () => {
  const { client, sql, elsewhere } = await preparedOnOne();
  await ask(client, bind());
  await db.current.query('ALTER TABLE item ADD COLUMN late text');
  const held = await elsewhere();
  expect(await ask(client, bind())).toMatchObject({ types: 'EZ', code: '0A000' });
  // Prepared again, it is what it is now, on both servers.
  const again = Buffer.concat([build.close('S', 'x'), prepare(sql)]);
  expect(await ask(client, again)).toMatchObject({ types: '31tTZ', columns: ['id', 'n', 'late'] });
  expect(await ask(client, bind())).toMatchObject({ types: '2DCZ', rows: [['1', '7', null]] });
  await held.rows('COMMIT');
});

test('who was told of the new column gets it also from a server that knows the old ones', async () => {
  const { client, sql, elsewhere } = await preparedOnOne();
  await ask(client, bind());
  await db.current.query('ALTER TABLE item ADD COLUMN late text');
  const old = await elsewhere();
  const other = await connect();
  expect(await ask(other, prepare(sql))).toMatchObject({ columns: ['id', 'n', 'late'] });
  const current = await hold();
  await old.rows('COMMIT');
  expect(await ask(other, bind())).toMatchObject({ types: '2DCZ', rows: [['1', '7', null]] });
  await current.rows('COMMIT');
});

test('another type of a parameter is another statement too', async () => {
  const { client, elsewhere } = await preparedOnOne('SELECT count(*) FROM item WHERE n = $1');
  await ask(client, bind());
  await db.current.query('ALTER TABLE item ALTER COLUMN n TYPE text');
  const held = await elsewhere();
  expect(await ask(client, bind())).toMatchObject({ types: 'EZ', code: '0A000' });
  await held.rows('COMMIT');
});

test('a batch that fails before it, and a table that is gone, fail as they would in Postgres', async () => {
  const { client, elsewhere } = await preparedOnOne();
  const held = await elsewhere();
  const failing = build.parse({ name: 'y', sql: 'SELECT FROM nowhere' });
  expect(await ask(client, Buffer.concat([failing, bind()]))).toMatchObject({ types: 'EZ', code: '42P01' });
  await db.current.query('DROP TABLE item');
  expect(await ask(client, bind())).toMatchObject({ types: 'EZ', code: '42P01' });
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await held.rows('COMMIT');
});

test('inside a transaction, and for a client that asks each time, nothing is different', async () => {
  const { client, elsewhere } = await preparedOnOne();
  const held = await elsewhere();
  await client.rows('BEGIN');
  expect(await ask(client, bind())).toMatchObject({ types: '2DCZ' });
  await client.rows('COMMIT');
  await db.current.query('ALTER TABLE item ADD COLUMN late text');
  await held.rows('COMMIT');
  const asking = Buffer.concat([
    build.bind({ statement: 'x', values: ['1'] }),
    build.describe('P'),
    build.execute(),
    build.sync(),
  ]);
  expect((await ask(client, asking)).columns).toEqual(['id', 'n', 'late']);
});

test('whoever waits for that answer can be canceled, and can vanish', async () => {
  const { client, elsewhere } = await preparedOnOne();
  const held = await elsewhere();
  const locker = await connectAndLogin(db.current.port, db.current);
  await locker.rows('BEGIN');
  await locker.rows('LOCK TABLE item');
  const isLocked = () =>
    db.current
      .query(`SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'item'::regclass`)
      .then((rows) => rows.length > 0);
  client.send(bind());
  await waitUntil(isLocked);
  await cancel(pooler.current.port, client.session.pid, client.session.key);
  expect((await client.readUntil('Z')).find(({ type }) => type === 'E')?.fields?.C).toBe('57014');
  client.send(bind());
  await waitUntil(isLocked);
  client.destroy();
  await waitUntil(async () => !(await isLocked()));
  await locker.rows('COMMIT');
  await locker.end();
  await held.rows('COMMIT');
  const next = await connect();
  expect(await next.rows('SELECT 1')).toEqual([['1']]);
});
