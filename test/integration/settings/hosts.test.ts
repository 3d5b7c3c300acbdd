// Several hosts for one database: which of them a server goes to, and what happens when one is away or becomes something else.
import { expect, onTestFinished, test } from 'vitest';
import {
  type FakeConnection,
  type FakeServer,
  type FrontendMessage,
  startFakeServer,
} from '../../support/fake-server.ts';
import type { TestPooler } from '../../support/pooler.ts';
import { waitUntil } from '../../support/wait-until.ts';
import type { WireClient } from '../../support/wire.ts';
import { connect } from '../../support/wire.ts';
import { backend } from '../../support/wire-backend.ts';
import * as build from '../../support/wire-messages.ts';
import { answerPid, begin, errorOf, expectNever, fakeFor, poolerFor, targetOf } from './for-settings.ts';

const standby = { in_hot_standby: 'on', default_transaction_read_only: 'off' };
const primary = { in_hot_standby: 'off', default_transaction_read_only: 'off' };
const readOnly = { in_hot_standby: 'off', default_transaction_read_only: 'on' };

function poolerOf(servers: readonly FakeServer[], entry: Record<string, unknown>, settings = {}): Promise<TestPooler> {
  const host = servers.map((server) => server.host).join(',');
  const port = servers.map((server) => server.port).join(',');
  return poolerFor(targetOf(servers[0]!), { databases: { app: { host, port, ...entry } }, ...settings });
}

/** How many servers each has while so many clients hold one each. */
async function spread(pooler: TestPooler, servers: readonly FakeServer[], clients: number): Promise<number[]> {
  const holders: WireClient[] = [];
  for (let i = 0; i < clients; i += 1) {
    const client = await pooler.connect();
    await begin(client);
    holders.push(client);
  }
  const counts = servers.map((server) => server.open.length);
  for (const client of holders) {
    await client.rows('COMMIT');
    await client.end();
  }
  return counts;
}

test('load_balance_hosts: each in turn, the first one, or any', async () => {
  const servers = [await fakeFor(), await fakeFor()];
  expect(await spread(await poolerOf(servers, {}), servers, 4)).toEqual([2, 2]);
  const first = [await fakeFor(), await fakeFor()];
  expect(await spread(await poolerOf(first, { load_balance_hosts: 'disable' }), first, 4)).toEqual([4, 0]);
  const any = [await fakeFor(), await fakeFor()];
  const random = await poolerOf(any, { load_balance_hosts: 'random', pool_size: 16 });
  const [a, b] = await spread(random, any, 16);
  expect([a! > 0, b! > 0, a! + b!]).toEqual([true, true, 16]);
  const [shown] = (await random.console('SHOW DATABASES')).filter(({ name }) => name === 'app');
  expect(shown).toMatchObject({ host: '127.0.0.1,127.0.0.1', port: any[0]!.port, load_balance_hosts: 'random' });
});

test.for([
  ['any', [1, 1, 1]],
  ['primary', [1, 0, 2]],
  ['read-write', [3, 0, 0]],
  ['standby', [0, 3, 0]],
  ['prefer-standby', [0, 3, 0]],
] as const)('a pool that wants %s goes to such hosts alone', async ([wanted, counts]) => {
  const servers = await Promise.all([primary, standby, readOnly].map((parameters) => fakeFor({ parameters })));
  const pooler = await poolerOf(servers, { target_session_attrs: wanted, load_balance_hosts: 'round-robin' });
  const found = await spread(pooler, servers, 3);
  if (wanted === 'primary') expect([found[1], found[0]! + found[2]!]).toEqual([0, 3]);
  else expect(found).toEqual(counts);
});

test('target_session_attrs: who finds no such host waits for it, and is told what libpq would say', async () => {
  const servers = [await fakeFor({ parameters: { ...standby } }), await fakeFor({ parameters: { ...readOnly } })];
  const pooler = await poolerOf(servers, { target_session_attrs: 'read-write' }, { query_wait_timeout: '500ms' });
  const error = await errorOf(pooler.connect());
  expect(error.fields).toMatchObject({ C: '53300', D: expect.stringContaining('session is read-only') });
  // One of them becomes what is wanted.
  const waiting = pooler.connect();
  servers[1]!.options.parameters!.default_transaction_read_only = 'off';
  expect(await (await waiting).rows('SELECT 1')).toHaveLength(1);
  expect(servers.map((server) => server.open.length)).toEqual([0, 1]);
});

test('read-only takes standbys and primaries that are read-only, each in turn', async () => {
  const servers = await Promise.all([primary, standby, readOnly].map((parameters) => fakeFor({ parameters })));
  const pooler = await poolerOf(servers, { target_session_attrs: 'read-only' });
  const [none, ...both] = await spread(pooler, servers, 4);
  expect(none).toBe(0);
  expect(both.toSorted()).toEqual([2, 2]);
});

test('a server that does not report what it is is asked', async () => {
  const answer = (isStandby: string) => (connection: FakeConnection, message: FrontendMessage) => {
    if (!message.text?.includes('pg_is_in_recovery')) answerPid(connection, message);
    else {
      const row = backend.dataRow([isStandby, 'off']);
      const description = backend.rowDescription(['a', 'b']);
      connection.send(description, row, backend.commandComplete('SELECT 1'), backend.readyForQuery());
    }
  };
  const servers = [await fakeFor({ onMessage: answer('t') }), await fakeFor({ onMessage: answer('f') })];
  const pooler = await poolerOf(servers, { target_session_attrs: 'primary' });
  expect(await spread(pooler, servers, 3)).toEqual([0, 3]);
});

test('host_ban_time: a host that was away is the first choice again when the time is over, and not before', async () => {
  for (const [time, isBack] of [
    ['300ms', true],
    ['1h', false],
  ] as const) {
    const [first, second] = [await startFakeServer(), await fakeFor()];
    const { port } = first;
    await first.close();
    const settings = { host_ban_time: time };
    const pooler = await poolerOf([first, second], { load_balance_hosts: 'disable' }, settings);
    await (await pooler.connect()).end();
    expect(second.open.length).toBe(1);
    const back = await startFakeServer({ onMessage: answerPid }, port);
    onTestFinished(() => back.close());
    const comesBack = async () => {
      pooler.app.control.reconnect(null);
      const client = await pooler.connect();
      await begin(client);
      await client.rows('COMMIT');
      await client.end();
      return back.open.length > 0;
    };
    if (isBack) await waitUntil(comesBack);
    else await expectNever(comesBack, 700);
  }
});

test('a host that says nothing keeps nobody waiting for longer than a second', async () => {
  const [silent, second] = [await fakeFor({ onStartup: () => {} }), await fakeFor()];
  const pooler = await poolerOf([silent, second], { load_balance_hosts: 'disable', pool_size: 1 });
  const startedAt = performance.now();
  const client = await pooler.connect();
  expect(await begin(client)).toBeTruthy();
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await client.rows('COMMIT');
  pooler.app.control.reconnect(null);
  const again = performance.now();
  await begin(client);
  expect(performance.now() - again).toBeLessThan(900);
  await client.rows('COMMIT');
  await client.end();
});

test('a cancel request goes to the host that runs the statement', async () => {
  const hanging = async () => {
    const server: FakeServer = await fakeFor({
      onMessage: (connection, message) => {
        if (message.text !== 'HANG') answerPid(connection, message);
      },
      onCancel: (pid) => {
        const canceled = server.open.find((connection) => connection.pid === pid);
        canceled?.send(backend.error({ C: '57014' }), backend.readyForQuery('E'));
      },
    });
    return server;
  };
  const servers = [await hanging(), await hanging()];
  const pooler = await poolerOf(servers, {});
  const clients = [await pooler.connect(), await pooler.connect()];
  for (const client of clients) await begin(client);
  for (const client of clients) {
    const hung = errorOf(client.rows('HANG'));
    await waitUntil(() => [...pooler.pool().servers.active].some((server) => server.isRunning));
    const canceler = await connect(pooler.port);
    canceler.send(build.cancelRequest(client.session.pid, client.session.key));
    expect((await hung).code).toBe('57014');
  }
  expect(servers.map((server) => server.cancels.length)).toEqual([1, 1]);
  for (const client of clients) {
    await client.rows('ROLLBACK');
    await client.end();
  }
});

/** Answers what an application does on a host that takes no writes, and what pgsluice asks about that. */
function refuseWrites(state: { isStandby: boolean; asked: number }) {
  return (connection: FakeConnection, message: FrontendMessage) => {
    if (message.text?.includes('pg_is_in_recovery')) {
      state.asked += 1;
      const row = backend.dataRow([state.isStandby ? 't' : 'f', 'off']);
      const description = backend.rowDescription(['a', 'b']);
      connection.send(description, row, backend.commandComplete('SELECT 1'), backend.readyForQuery());
    } else if (message.text === 'INSERT') connection.send(backend.error({ C: '25006' }), backend.readyForQuery());
    else answerPid(connection, message);
  };
}

test('25006 is a hint: a host that says it is a standby now loses all its servers, in every pool', async () => {
  const state = { isStandby: true, asked: 0 };
  const old = await fakeFor({ parameters: primary, onMessage: refuseWrites(state) });
  const promoted = await fakeFor({ parameters: primary });
  const entry = {
    host: `${old.host},${promoted.host}`,
    port: `${old.port},${promoted.port}`,
    load_balance_hosts: 'disable',
    target_session_attrs: 'primary',
  };
  const pooler = await poolerFor(targetOf(old), { databases: { app: entry, other: entry } });
  const other = await pooler.connect({ database: 'other' });
  await begin(other);
  const client = await pooler.connect();
  await begin(client);
  await client.rows('COMMIT');
  expect([old.open.length, promoted.open.length]).toEqual([2, 0]);
  // From now on it says so at login, too.
  old.options.parameters = standby;
  expect((await errorOf(client.rows('INSERT'))).code).toBe('25006');
  await waitUntil(() => old.open.length === 1);
  // A transaction that is open there is not cut.
  await other.rows('COMMIT');
  await waitUntil(() => old.open.length === 0);
  await begin(client);
  expect(promoted.open.length).toBe(1);
  await client.rows('COMMIT');
  expect(state.asked).toBe(1);
  for (const one of [client, other]) await one.end();
});

test('25006 of a read-only transaction costs nothing but a question, once in a while', async () => {
  const state = { isStandby: false, asked: 0 };
  const server = await fakeFor({ parameters: primary, onMessage: refuseWrites(state) });
  const pooler = await poolerFor(targetOf(server));
  const client = await pooler.connect();
  for (let i = 0; i < 20; i += 1) expect((await errorOf(client.rows('INSERT'))).code).toBe('25006');
  await client.rows('SELECT 1');
  expect(state.asked).toBe(1);
  expect(server.connections.length).toBe(1);
  await client.end();
});

test('a refusal by one host is not told while another one lets in', async () => {
  const refusing = await fakeFor({
    onStartup: (connection) => {
      connection.send(backend.error({ S: 'FATAL', V: 'FATAL', C: '28000', M: 'no pg_hba.conf entry' }));
      connection.end();
    },
  });
  const servers = [refusing, await fakeFor()];
  const pooler = await poolerOf(servers, { load_balance_hosts: 'disable' });
  const client = await pooler.connect();
  expect(await client.rows('SELECT 1')).toHaveLength(1);
  await client.end();
});
