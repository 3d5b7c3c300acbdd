// Names of hosts: how long what is known of them holds, and how a name that moves is followed.
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { begin, errorOf, expectNever, poolerFor } from './for-settings.ts';

const db = useDatabase();
const NAME = 'db.pgsluice.test';
const ELSEWHERE = '127.0.0.2';

/** A second address of the same Postgres. */
beforeAll(async () => {
  const { host, port } = db.current;
  const forwarder = createServer((socket) => {
    const through = connect({ host, port });
    socket.pipe(through).pipe(socket);
    for (const end of [socket, through]) end.on('error', () => {});
    socket.on('close', () => through.destroy());
  }).listen(port, ELSEWHERE);
  await once(forwarder, 'listening');
  return () => {
    forwarder.close();
  };
});

/** A resolver that answers what the test says, and counts. */
class Names {
  addresses: string[] = ['127.0.0.1'];
  asked = 0;

  readonly ask = (name: string, found: (error: Error | null, addresses: LookupAddress[]) => void): void => {
    this.asked += 1;
    const error =
      this.addresses.length === 0 ? Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' }) : null;
    setImmediate(() => found(error, error === null ? this.addresses.map((address) => ({ address, family: 4 })) : []));
  };
}

async function poolerWith(names: Names, settings = {}, entry = {}) {
  const { port, database } = db.current;
  const databases = { [database]: { host: NAME, port, ...entry } };
  return poolerFor(db.current, { ...settings, databases }, { askSystem: names.ask });
}

test('dns_max_ttl: a name that moves is followed, without cutting a transaction', async () => {
  for (const [ttl, isFollowed] of [
    ['200ms', true],
    ['1h', false],
  ] as const) {
    const names = new Names();
    const pooler = await poolerWith(names, { dns_max_ttl: ttl });
    const [busy, idle] = [await pooler.connect(), await pooler.connect()];
    const pid = await begin(busy);
    await begin(idle);
    await idle.rows('COMMIT');
    const places = () => [...pooler.pool().allServers()].map((server) => server.stream.remoteAddress).sort();
    expect(places()).toEqual(['127.0.0.1', '127.0.0.1']);
    names.addresses = [ELSEWHERE];
    const hasMoved = () => places().join() === '127.0.0.1';
    if (isFollowed) await waitUntil(hasMoved);
    else await expectNever(hasMoved, 600);
    expect((await busy.rows('SELECT pg_backend_pid()'))[0]).toEqual([pid]);
    await busy.rows('COMMIT');
    if (isFollowed) {
      await waitUntil(() => pooler.pool().serverCount === 0);
      await busy.rows('SELECT 1');
      expect(places()).toEqual([ELSEWHERE]);
      const [shown] = await pooler.console('SHOW DNS_HOSTS');
      expect(shown).toMatchObject({ hostname: NAME, addrs: ELSEWHERE });
      expect(await pooler.console('SHOW DNS_ZONES')).toEqual([{ zonename: 'pgsluice.test', serial: '0', count: 1 }]);
    } else expect(names.asked).toBe(1);
    for (const client of [busy, idle]) await client.end();
  }
});

test('a name that can not be looked up any more keeps its last addresses', async () => {
  const names = new Names();
  const pooler = await poolerWith(names, { dns_max_ttl: '50ms', dns_nxdomain_ttl: '50ms' });
  const client = await pooler.connect();
  await client.rows('SELECT 1');
  names.addresses = [];
  const { asked } = names;
  await waitUntil(() => names.asked > asked + 2);
  pooler.app.control.reconnect(null);
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('dns_nxdomain_ttl: a name that was not found is asked for again when the time is over, and not before', async () => {
  const names = new Names();
  names.addresses = [];
  const patient = await poolerWith(names, {
    dns_nxdomain_ttl: '1h',
    query_wait_timeout: '700ms',
    server_login_retry: '300ms',
  });
  const error = await errorOf(patient.connect());
  expect(error.fields).toMatchObject({ D: expect.stringContaining('ENOTFOUND') });
  expect(patient.pool().stats.serverLoginFailureCount).toBeGreaterThan(2);
  expect(names.asked).toBe(1);
  const quick = await poolerWith(names, { dns_nxdomain_ttl: '100ms', server_login_retry: '300ms' });
  const client = quick.connect();
  await waitUntil(() => names.asked > 2);
  names.addresses = ['127.0.0.1'];
  await (await client).end();
});

test('where it matters what a host is, each address of a name is one, and the one that fits is found', async () => {
  const names = new Names();
  names.addresses = ['127.0.0.3', '127.0.0.1'];
  const pooler = await poolerWith(names, {}, { target_session_attrs: 'primary' });
  const client = await pooler.connect();
  await client.rows('SELECT 1');
  pooler.app.control.reconnect(null);
  await client.rows('SELECT 1');
  pooler.app.control.reconnect(null);
  await begin(client);
  expect(pooler.pool().servers.active.head?.address).toMatchObject({ host: NAME, ip: '127.0.0.1' });
  await client.rows('COMMIT');
  await client.end();
});

test('a name with several addresses sends servers to each in turn', async () => {
  const names = new Names();
  names.addresses = ['127.0.0.1', ELSEWHERE];
  const pooler = await poolerWith(names);
  const clients = [await pooler.connect(), await pooler.connect()];
  onTestFinished(() => {
    for (const client of clients) client.destroy();
  });
  for (const client of clients) await begin(client);
  expect([...pooler.pool().servers.active].map((server) => server.stream.remoteAddress).sort()).toEqual([
    '127.0.0.1',
    ELSEWHERE,
  ]);
});
