// What SHOW says on the console: the columns that exporters and scripts know from PgBouncer, and rows that are true.
import { expect, test } from 'vitest';
import { startPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { textValues } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

const SOCKET =
  'type s, user s, database s, replication s, state s, addr s, port i, local_addr s, local_port i, connect_time s, ' +
  'request_time s, wait i, wait_us i, close_needed i, ptr s, link s, remote_pid i, tls s, application_name s, ' +
  'prepared_statements i, id i';
const BUFFER = 'recv_pos i, pkt_pos i, pkt_remain i, send_pos i, send_remain i, pkt_avail i, send_avail i';

/** PgBouncer 1.26, src/admin.c and src/stats.c: `s` is text, `i` int4, `q` int8, `N` numeric. */
const COLUMNS = {
  VERSION: 'version s',
  STATE: 'key s, value s',
  CONFIG: 'key s, value s, default s, changeable s',
  DATABASES:
    'name s, host s, port i, database s, force_user s, pool_size i, min_pool_size i, reserve_pool_size i, server_lifetime i, ' +
    'pool_mode s, load_balance_hosts s, max_connections i, current_connections i, max_client_connections i, ' +
    'current_client_connections i, paused i, disabled i',
  POOLS:
    'database s, user s, cl_active i, cl_waiting i, cl_active_cancel_req i, cl_waiting_cancel_req i, sv_active i, ' +
    'sv_active_cancel i, sv_being_canceled i, sv_idle i, sv_used i, sv_tested i, sv_login i, maxwait i, maxwait_us i, ' +
    'pool_mode s, load_balance_hosts s',
  CLIENTS: SOCKET,
  SERVERS: SOCKET,
  SOCKETS: `${SOCKET}, ${BUFFER}`,
  ACTIVE_SOCKETS: `${SOCKET}, ${BUFFER}`,
  USERS:
    'name s, pool_size s, reserve_pool_size s, pool_mode s, max_user_connections i, current_connections i, ' +
    'max_user_client_connections i, current_client_connections i',
  LISTS: 'list s, items i',
  STATS:
    'database s, total_server_assignment_count N, total_xact_count N, total_query_count N, total_received N, total_sent N, ' +
    'total_xact_time N, total_query_time N, total_wait_time N, total_client_parse_count N, total_server_parse_count N, ' +
    'total_bind_count N, total_client_login_count N, avg_server_assignment_count N, avg_xact_count N, avg_query_count N, ' +
    'avg_recv N, avg_sent N, avg_xact_time N, avg_query_time N, avg_wait_time N, avg_client_parse_count N, ' +
    'avg_server_parse_count N, avg_bind_count N, avg_client_login_count N',
  STATS_TOTALS:
    'database s, server_assignment_count N, xact_count N, query_count N, bytes_received N, bytes_sent N, xact_time N, ' +
    'query_time N, wait_time N, client_parse_count N, server_parse_count N, bind_count N, client_login_count N',
  STATS_AVERAGES:
    'database s, server_assignment_count N, xact_count N, query_count N, bytes_received N, bytes_sent N, xact_time N, ' +
    'query_time N, wait_time N, avg_client_parse_count N, avg_server_parse_count N, avg_bind_count N, avg_client_login_count N',
  TOTALS: 'name s, value N',
  MEM: 'name s, size i, used i, free i, memtotal i',
  DNS_HOSTS: 'hostname s, ttl q, addrs s',
  DNS_ZONES: 'zonename s, serial q, count i',
  PEERS: 'peer_id i, host s, port i, pool_size i',
  PEER_POOLS: 'peer_id i, cl_active_cancel_req i, cl_waiting_cancel_req i, sv_active_cancel i, sv_login i',
};
/** Tables that may have no rows. */
const MAY_BE_EMPTY = ['ACTIVE_SOCKETS', 'DNS_HOSTS', 'DNS_ZONES', 'PEERS', 'PEER_POOLS'];
const LETTERS: Readonly<Record<number, string>> = { 20: 'q', 23: 'i', 25: 's', 1700: 'N' };

test.each(Object.entries(COLUMNS))('SHOW %s has the columns, order and types of PgBouncer', async (name, columns) => {
  const busy = await pooler.current.connect();
  await busy.rows('BEGIN');
  const client = await pooler.current.connect({ database: 'pgbouncer' });
  for (const command of [`SHOW ${name}`, `show ${name.toLowerCase()};`, ` SHOW  ${name} ; `]) {
    const messages = await client.query(command);
    const seen = messages[0]?.columns?.map((column) => `${column.name} ${LETTERS[column.typeOid] ?? column.typeOid}`);
    expect(seen?.join(', ')).toBe(columns);
    expect(messages.at(-2)?.tag).toBe('SHOW');
    const rows = messages.filter((message) => message.type === 'D').map(textValues);
    if (!MAY_BE_EMPTY.includes(name)) expect(rows.length).toBeGreaterThan(0);
    for (const [i, column] of seen?.entries() ?? []) {
      for (const row of rows) if (!column.endsWith(' s')) expect(row[i]).toMatch(/^-?\d+$/);
    }
  }
  await busy.rows('COMMIT');
  await Promise.all([busy.end(), client.end()]);
});

test('SHOW tells who is connected, who waits and who holds what', async () => {
  const clients = await Promise.all(
    [1, 2, 3].map((n) => pooler.current.connect({ params: { application_name: `app ${n}` } })),
  );
  await Promise.all(clients.slice(0, 2).map((client) => client.rows('BEGIN')));
  const waiting = clients[2]?.rows('SELECT 1');
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  const pools = await pooler.current.console('SHOW POOLS');
  expect(pools.find(({ database }) => database === db.current.database)).toMatchObject({
    database: db.current.database,
    cl_active: 2,
    cl_waiting: 1,
    sv_active: 2,
    sv_idle: 0,
  });
  const shown = (await pooler.current.console('SHOW CLIENTS')).filter((row) => row.database === db.current.database);
  expect(shown.map((row) => [row.application_name, row.state])).toEqual(
    expect.arrayContaining([
      ['app 1', 'active'],
      ['app 3', 'waiting'],
    ]),
  );
  const servers = await pooler.current.console('SHOW SERVERS');
  const links = servers.map((row) => row.link).sort();
  expect(links).toEqual(
    shown
      .filter((row) => row.state === 'active')
      .map((row) => row.ptr)
      .sort(),
  );
  await Promise.all(clients.slice(0, 2).map((client) => client.rows('COMMIT')));
  await waiting;
  await Promise.all(clients.map((client) => client.end()));
});

test('SHOW POOLS has the clients of the console as a pool, as PgBouncer does', async () => {
  const console = await pooler.current.connect({ database: 'pgsluice' });
  const pools = await pooler.current.console('SHOW POOLS');
  expect(pools.find(({ database }) => database === 'pgbouncer')).toMatchObject({
    user: 'pgbouncer',
    cl_active: 2,
    pool_mode: 'statement',
  });
  await console.end();
});

test('SHOW STATS counts transactions, statements, bytes and prepared statements of a database, and the commands of the console', async () => {
  const { database } = db.current;
  const stats = async (name: string) =>
    (await pooler.current.console('SHOW STATS_TOTALS')).find((row) => row.database === name)!;
  const before = await stats(database);
  const client = await pooler.current.connect();
  const [received, sent] = [client.socket.bytesWritten, client.receivedBytes];
  await client.rows('BEGIN');
  await client.rows('SELECT pg_sleep(0.05)');
  await client.rows('COMMIT');
  for (let n = 0; n < 3; n += 1) {
    const parse = n === 0 ? [build.parse({ name: 'named', sql: 'SELECT 1' })] : [];
    client.send(...parse, build.bind({ statement: 'named' }), build.execute(), build.sync());
    await client.readUntil('Z');
  }
  const [shown] = (await pooler.current.console('SHOW CLIENTS')).filter((row) => row.database === database);
  expect(shown).toMatchObject({ prepared_statements: 1 });
  const [server] = await pooler.current.console('SHOW SERVERS');
  expect(server).toMatchObject({ prepared_statements: 1 });
  const after = await stats(database);
  const grown = (key: string) => Number(after[key]) - Number(before[key]);
  expect(grown('xact_count')).toBe(4);
  expect(grown('query_count')).toBe(6);
  expect(grown('server_assignment_count')).toBe(4);
  expect(grown('client_login_count')).toBe(1);
  expect(grown('client_parse_count')).toBe(1);
  expect(grown('server_parse_count')).toBe(1);
  expect(grown('bind_count')).toBe(3);
  expect(grown('bytes_received')).toBe(client.socket.bytesWritten - received);
  // With what was asked on the client's behalf at its login.
  expect(grown('bytes_sent')).toBeGreaterThanOrEqual(client.receivedBytes - sent);
  expect(grown('bytes_sent')).toBeLessThan(client.receivedBytes - sent + 1_000);
  expect(grown('xact_time')).toBeGreaterThan(50_000);
  expect(grown('query_time')).toBeGreaterThan(50_000);
  expect(grown('xact_time')).toBeLessThan(5_000_000);
  // The three tables and their sum say the same.
  const all = (await pooler.current.console('SHOW STATS')).find((row) => row.database === database)!;
  expect(all).toMatchObject({ total_xact_count: after.xact_count, total_received: after.bytes_received });
  const totals = Object.fromEntries(
    (await pooler.current.console('SHOW TOTALS')).map(({ name, value }) => [name, value]),
  );
  expect(totals.total_client_bytes).toBe(after.bytes_received);
  expect(totals.total_ps_bind_count).toBe(after.bind_count);
  const [own, next] = [await stats('pgbouncer'), await stats('pgbouncer')];
  expect(Number(next.query_count) - Number(own.query_count)).toBe(1);
  expect(Number(totals.total_query_count)).toBeGreaterThan(Number(after.query_count));
  await client.end();
});

test('SHOW LISTS and SHOW USERS count connections', async () => {
  const client = await pooler.current.connect();
  const lists = Object.fromEntries(
    (await pooler.current.console('SHOW LISTS')).map(({ list, items }) => [list, items]),
  );
  expect(lists).toMatchObject({ databases: 2, pools: 2, used_clients: 2, login_clients: 0, peers: 0, dns_names: 0 });
  expect(lists.used_servers).toBe(pooler.current.pool().serverCount);
  const users = await pooler.current.console('SHOW USERS');
  expect(users.map(({ name }) => name)).toEqual([...users.map(({ name }) => name)].sort());
  expect(users).toHaveLength(lists.users);
  expect(users.find(({ name }) => name === db.current.user)).toEqual({
    name: db.current.user,
    pool_size: '',
    reserve_pool_size: '',
    pool_mode: null,
    max_user_connections: 0,
    current_connections: lists.used_servers,
    max_user_client_connections: 0,
    current_client_connections: 1,
  });
  await client.end();
});

test('SHOW SOCKETS names the lists, and SHOW ACTIVE_SOCKETS has those with something in a buffer', async () => {
  const [busy, waiter] = [await pooler.current.connect(), await pooler.current.connect()];
  const other = await pooler.current.connect();
  await Promise.all([busy, other].map((client) => client.rows('BEGIN')));
  const waiting = waiter.rows('SELECT 1');
  await waitUntil(() => pooler.current.pool().clients.waiting.length === 1);
  const sockets = await pooler.current.console('SHOW SOCKETS');
  const states = new Map(sockets.map((row) => [row.port as number, row.state as string]));
  expect([busy, waiter].map(({ socket }) => states.get(socket.localPort!))).toEqual(['cl_active', 'cl_waiting']);
  expect(sockets.filter(({ type }) => type === 'S').map(({ state }) => state)).toEqual(['sv_active', 'sv_active']);
  const active = await pooler.current.console('SHOW ACTIVE_SOCKETS');
  expect(active.map(({ port, pkt_avail }) => [port, pkt_avail])).toEqual([
    [waiter.socket.localPort, build.query('SELECT 1').length],
  ]);
  await Promise.all([busy, other].map((client) => client.rows('COMMIT')));
  await waiting;
  await Promise.all([busy, other, waiter].map((client) => client.end()));
});

test('SHOW PINS has the clients that keep a server outside of a transaction, with the reason', async () => {
  const client = await pooler.current.connect({ params: { application_name: 'keeper' } });
  await client.rows('CREATE TEMP TABLE kept (a int)');
  const [pin] = await waitUntil(async () => {
    const pins = await pooler.current.console('SHOW PINS');
    return pins.length > 0 ? pins : null;
  });
  expect(pin).toMatchObject({ application_name: 'keeper', pins: 'temp' });
  await client.rows('DROP TABLE kept');
  await waitUntil(async () => (await pooler.current.console('SHOW PINS')).length === 0);
  await client.end();
});

test('SHOW DNS_HOSTS names hosts that are names, and where their servers are', async () => {
  expect(await pooler.current.console('SHOW DNS_HOSTS')).toEqual([]);
  const named = await startPooler({ ...db.current, host: 'localhost' });
  await named.query('SELECT 1');
  const [shown] = await named.console('SHOW DNS_HOSTS');
  expect(shown).toMatchObject({ hostname: 'localhost', ttl: '15' });
  expect(shown?.addrs).toContain('127.0.0.1');
  await named.stop();
});

test('SHOW PEERS and PEER_POOLS have the peers of the file', async () => {
  const peers = { '2': { host: '127.0.0.2', port: 6433 }, '3': { host: '127.0.0.3', pool_size: 7 } };
  const own = await startPooler(db.current, { peer_id: 1, peers, default_pool_size: 4 });
  expect(await own.console('SHOW PEERS')).toEqual([
    { peer_id: 2, host: '127.0.0.2', port: 6433, pool_size: 4 },
    { peer_id: 3, host: '127.0.0.3', port: 6432, pool_size: 7 },
  ]);
  const nothing = { cl_active_cancel_req: 0, cl_waiting_cancel_req: 0, sv_active_cancel: 0, sv_login: 0 };
  expect(await own.console('SHOW PEER_POOLS')).toEqual([2, 3].map((peer_id) => ({ peer_id, ...nothing })));
  await own.stop();
});

test('what a client calls itself can not play with the terminal of who looks', async () => {
  const client = await pooler.current.connect({ params: { application_name: '\u001b[2Jred\n<script>' } });
  const shown = (await pooler.current.console('SHOW CLIENTS')).find(({ port }) => port === client.socket.localPort);
  expect(shown?.application_name).toContain('red');
  expect(shown?.application_name).toMatch(/^[\x20-\x7e]*$/);
  await client.end();
});
