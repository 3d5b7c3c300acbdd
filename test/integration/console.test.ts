// The console's commands: their tags, who may give them, and what each does to those who are connected.
import { expect, test } from 'vitest';
import { startPooler, type TestPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { types, type WireClient, type WireError } from '../support/wire.ts';

const db = useDatabase();
const users = () => ({
  [db.current.user]: { password: db.current.password },
  watcher: { password: 'w' },
  app: { password: 'a' },
});
const pooler = usePooler(db, () => ({ default_pool_size: 2, stats_users: ['watcher'], users: users() }));

const openConsole = (target: TestPooler = pooler.current, login = {}) =>
  target.connect({ database: 'pgbouncer', ...login });

/** The error that a command is answered with, as `SQLSTATE message`. */
async function refusal(client: WireClient, command: string): Promise<string> {
  const messages = await client.query(command);
  expect(types(messages)).toBe('EZ');
  expect(messages[0]?.fields?.S).toBe('ERROR');
  return `${messages[0]?.fields?.C} ${messages[0]?.fields?.M}`;
}

async function tagOf(client: WireClient, command: string): Promise<string | undefined> {
  const messages = await client.query(command);
  expect(types(messages)).toBe('CZ');
  return messages[0]?.tag;
}

test('PAUSE waits for transactions and holds the next ones until RESUME', async () => {
  const [console, busy, other] = [await openConsole(), await pooler.current.connect(), await pooler.current.connect()];
  await busy.rows('BEGIN');
  let isPaused = false;
  const pause = tagOf(console, 'PAUSE').then((tag) => {
    isPaused = true;
    return tag;
  });
  await waitUntil(() => pooler.current.pool().state === 'pausing');
  const held = other.rows('SELECT 1');
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  expect(await busy.rows('SELECT 2')).toEqual([['2']]);
  expect(isPaused).toBe(false);
  await busy.rows('COMMIT');
  expect(await pause).toBe('PAUSE');
  expect(pooler.current.pool().serverCount).toBe(0);
  expect(pooler.current.pool().clients.waiting.length).toBe(1);
  expect(await tagOf(console, 'RESUME')).toBe('RESUME');
  expect(await held).toEqual([['1']]);
  // The same for one database.
  expect(await tagOf(console, `PAUSE ${db.current.database}`)).toBe('PAUSE');
  const shown = await pooler.current.console('SHOW DATABASES');
  expect(shown.find(({ name }) => name === db.current.database)).toMatchObject({ paused: 1, disabled: 0 });
  expect(await tagOf(console, `RESUME "${db.current.database}"`)).toBe('RESUME');
  await Promise.all([console, busy, other].map((client) => client.end()));
});

test('KILL drops clients and servers of a database, and those who come wait for RESUME', async () => {
  const [console, idle, busy] = [await openConsole(), await pooler.current.connect(), await pooler.current.connect()];
  await busy.rows('BEGIN');
  expect(await tagOf(console, `KILL ${db.current.database}`)).toBe('KILL');
  for (const client of [idle, busy]) {
    expect((await client.readToEnd())[0]?.fields).toMatchObject({
      S: 'FATAL',
      C: '57P01',
      M: 'admin forced disconnect',
    });
  }
  expect(pooler.current.pool().serverCount).toBe(0);
  const late = pooler.current.query('SELECT 1 AS one');
  await waitUntil(() => pooler.current.pool().clientCount === 1);
  expect(await refusal(console, 'RESUME')).toBe('55000 pooler is not paused');
  expect(await tagOf(console, `RESUME ${db.current.database}`)).toBe('RESUME');
  expect(await late).toEqual([{ one: 1 }]);
  await console.end();
});

test('RECONNECT replaces servers, idle ones now and held ones after their transaction', async () => {
  const [console, client] = [await openConsole(), await pooler.current.connect()];
  const [before] = await client.rows('SELECT pg_backend_pid()');
  await client.rows('BEGIN');
  expect(await tagOf(console, 'RECONNECT')).toBe('RECONNECT');
  expect((await client.rows('SELECT pg_backend_pid()'))[0]).toEqual(before);
  await client.rows('COMMIT');
  expect((await client.rows('SELECT pg_backend_pid()'))[0]).not.toEqual(before);
  await Promise.all([console.end(), client.end()]);
});

test('DISABLE refuses new clients of a database, ENABLE lets them in', async () => {
  const [console, early] = [await openConsole(), await pooler.current.connect()];
  expect(await tagOf(console, `DISABLE ${db.current.database}`)).toBe('DISABLE');
  await expect(pooler.current.connect()).rejects.toMatchObject({
    fields: { M: `database "${db.current.database}" is disabled` },
  });
  expect(await early.rows('SELECT 1')).toEqual([['1']]);
  expect(await tagOf(console, `ENABLE ${db.current.database}`)).toBe('ENABLE');
  expect(await pooler.current.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await Promise.all([console.end(), early.end()]);
});

test('KILL_CLIENT closes the client that SHOW CLIENTS names, inside a transaction too', async () => {
  const [console, victim, other] = [
    await openConsole(),
    await pooler.current.connect(),
    await pooler.current.connect(),
  ];
  await victim.rows('BEGIN');
  const shown = await pooler.current.console('SHOW CLIENTS');
  const { id } = shown.find((row) => row.port === victim.socket.localPort)!;
  expect(await tagOf(console, `KILL_CLIENT ${id}`)).toBe('KILL_CLIENT');
  expect((await victim.readToEnd())[0]?.fields?.C).toBe('57P01');
  expect(await refusal(console, `KILL_CLIENT ${id}`)).toBe('42704 client not found');
  expect(await refusal(console, 'KILL_CLIENT x')).toBe('42601 invalid client pointer supplied');
  expect(await other.rows('SELECT 1')).toEqual([['1']]);
  await Promise.all([console.end(), other.end()]);
});

test('RELOAD takes a good file and refuses a bad one as a whole', async () => {
  const console = await openConsole();
  pooler.current.tree = { ...pooler.current.tree, default_pool_size: 1 };
  expect(await tagOf(console, 'RELOAD')).toBe('RELOAD');
  expect(pooler.current.pool().settings.pool_size).toBe(1);
  pooler.current.tree = { ...pooler.current.tree, default_pool_size: 2, max_client_conn: 'many', pool_moed: 'session' };
  const said = await refusal(console, 'RELOAD');
  expect(said).toContain('max_client_conn');
  expect(said).toContain('pool_moed');
  expect(pooler.current.pool().settings.pool_size).toBe(1);
  const { max_client_conn: _, pool_moed: __, ...good } = pooler.current.tree;
  pooler.current.tree = good;
  expect(await tagOf(console, 'RELOAD')).toBe('RELOAD');
  await console.end();
});

test('what is no command is said so, and the session goes on', async () => {
  const console = await openConsole();
  expect(await refusal(console, 'SELECT 1 + 1')).toMatch(/^42601 invalid command 'SELECT 1 \+ 1'/);
  expect(await refusal(console, 'SHOW NOTHING')).toMatch(/^42601 invalid command/);
  expect(await refusal(console, 'DISABLE')).toBe('42601 a database is required');
  expect(await refusal(console, 'PAUSE nowhere')).toBe('3D000 no such database: nowhere');
  expect(await refusal(console, 'KILL one two')).toMatch(/^42601/);
  expect(types(await console.query(''))).toBe('IZ');
  expect(types(await console.query('SHOW VERSION; SHOW VERSION'))).toBe('TDCTDCZ');
  await console.end();
});

test('RESUME without a name leaves databases paused that were paused by name, as in PgBouncer', async () => {
  const console = await openConsole();
  const { database } = db.current;
  expect(await tagOf(console, `PAUSE ${database}`)).toBe('PAUSE');
  expect(await tagOf(console, 'PAUSE')).toBe('PAUSE');
  expect(await refusal(console, 'PAUSE')).toBe('55000 already paused');
  expect(await console.rows('SHOW STATE')).toEqual([
    ['active', 'no'],
    ['paused', 'yes'],
  ]);
  expect(await tagOf(console, 'RESUME')).toBe('RESUME');
  expect(pooler.current.app.control.isPaused(database)).toBe(true);
  expect(await tagOf(console, `RESUME ${database}`)).toBe('RESUME');
  expect(await refusal(console, `RESUME ${database}`)).toBe(`55000 database ${database} is not paused`);
  expect(await pooler.current.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await console.end();
});

test('WAIT_CLOSE answers when the servers that RECONNECT has marked are closed', async () => {
  const [console, client] = [await openConsole(), await pooler.current.connect()];
  expect(await tagOf(console, 'WAIT_CLOSE')).toBe('WAIT_CLOSE');
  await client.rows('BEGIN');
  expect(await tagOf(console, 'RECONNECT')).toBe('RECONNECT');
  let isClosed = false;
  const waited = tagOf(console, `WAIT_CLOSE ${db.current.database}`).then((tag) => {
    isClosed = true;
    return tag;
  });
  expect((await pooler.current.console('SHOW SERVERS'))[0]).toMatchObject({ state: 'active', close_needed: 1 });
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  expect(isClosed).toBe(false);
  await client.rows('COMMIT');
  expect(await waited).toBe('WAIT_CLOSE');
  await Promise.all([console.end(), client.end()]);
});

test('KILL_CLIENT closes a client of the console too', async () => {
  const [console, other] = [await openConsole(), await openConsole()];
  const shown = await pooler.current.console('SHOW CLIENTS');
  const { ptr } = shown.find((row) => row.port === other.socket.localPort)!;
  expect(await tagOf(console, `KILL_CLIENT ${ptr}`)).toBe('KILL_CLIENT');
  expect((await other.readToEnd())[0]?.fields?.M).toBe('admin forced disconnect');
  await console.end();
});

test('stats_users may SHOW and nothing else; others are not let in', async () => {
  const console = await openConsole(pooler.current, { user: 'watcher', password: 'w' });
  for (const name of ['VERSION', 'CONFIG', 'DATABASES', 'POOLS', 'CLIENTS', 'SERVERS'])
    expect((await console.query(`SHOW ${name}`)).at(-2)?.tag).toBe('SHOW');
  const commands = [
    'RELOAD',
    'PAUSE',
    'RESUME',
    'KILL',
    'RECONNECT',
    'SHUTDOWN',
    'DISABLE x',
    'ENABLE x',
    'KILL_CLIENT 1',
    'WAIT_CLOSE',
    'SET query_timeout = 1',
  ];
  for (const command of commands) expect(await refusal(console, command)).toBe('42501 admin access needed');
  const stranger = openConsole(pooler.current, { user: 'app', password: 'a' });
  await expect(stranger).rejects.toMatchObject({ code: '42501', fields: { S: 'FATAL' } });
  const guesser = openConsole(pooler.current, { user: 'watcher', password: 'wrong' });
  await expect(guesser).rejects.toMatchObject({ code: '28P01' });
  await console.end();
});

test.each([
  ['SHUTDOWN WAIT_FOR_SERVERS', 'a transaction may end'],
  ['SHUTDOWN', 'nothing is waited for'],
])('%s: %s', async (command) => {
  const own = await startPooler(db.current, { shutdown_timeout: '5s' });
  const [console, busy] = [await openConsole(own), await own.connect()];
  await busy.rows('BEGIN');
  const answered = console.query(command).catch((error: WireError) => error.messages);
  if (command.endsWith('SERVERS')) {
    await waitUntil(() => own.app.control.state === 'wait_for_servers');
    await expect(own.connect()).rejects.toMatchObject({ fields: { M: 'pooler is shutting down' } });
    const late = await openConsole(own);
    expect(await refusal(late, 'RESUME')).toBe('57P01 pooler is shutting down');
    late.destroy();
    expect((await busy.query('COMMIT'))[0]?.tag).toBe('COMMIT');
  }
  expect((await busy.readToEnd()).at(-1)?.fields).toMatchObject({ C: '57P01', M: 'pooler is shutting down' });
  expect((await answered)[0]).toMatchObject({ type: 'C', tag: 'SHUTDOWN' });
  await own.app.stopped;
  console.destroy();
});
