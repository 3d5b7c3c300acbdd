// Who may read and who may act over HTTP: tokens, foreign pages, foreign names; and what actions do.
import { expect, test } from 'vitest';
import { ACTION_TOKEN, Api, READ_TOKEN } from '../support/http-api.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { begin, farewell, pidOf, poolerFor } from './settings/for-settings.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();

async function start(settings: Record<string, unknown> = {}) {
  const http_listen_port = await freePort();
  const pooler = await poolerFor(db.current, { http_listen_port, default_pool_size: 1, ...settings });
  const host = String(settings.http_listen_addr ?? '127.0.0.1');
  return { pooler, api: new Api(http_listen_port, null, host === '0.0.0.0' ? '127.0.0.1' : host) };
}

test('on loopback everybody may read, and nobody may act without a token of the file', async () => {
  const { api } = await start();
  expect((await api.get('/api/v1/overview')).body).toMatchObject({ actions: 'off' });
  const { status, body } = await api.act('pause', { database: null });
  expect(status).toBe(403);
  expect(body.message).toContain('http_action_token is not set');
  api.token = 'anything that comes to mind';
  expect((await api.act('pause', { database: null })).status).toBe(403);
});

test('a token that is asked for has to be the right one, and that for actions reads, too', async () => {
  const { api, pooler } = await start({ http_read_token: READ_TOKEN, http_action_token: ACTION_TOKEN });
  for (const path of ['overview', 'clients', 'settings', 'stream', 'events']) {
    const { status, headers } = await api.get(`/api/v1/${path}`);
    expect(status).toBe(401);
    expect(headers.get('www-authenticate')).toBe('Bearer');
  }
  for (const wrong of [`${READ_TOKEN}x`, READ_TOKEN.slice(1), 'x', '']) {
    api.token = wrong;
    expect((await api.get('/api/v1/overview')).status).toBe(401);
  }
  api.token = READ_TOKEN;
  expect((await api.get('/api/v1/overview')).body).toMatchObject({ actions: 'token' });
  expect((await api.act('pause', { database: null })).status).toBe(401);
  expect(pooler.app.control.state).toBe('running');
  api.token = ACTION_TOKEN;
  expect((await api.get('/api/v1/overview')).body).toMatchObject({ actions: 'allowed' });
  for (const path of ['/', '/healthz', '/metrics']) expect((await new Api(api.port).get(path)).status).toBe(200);
});

test('an address that others can reach serves health and metrics, and nothing else without a token', async () => {
  const { api, pooler } = await start({ http_listen_addr: '0.0.0.0' });
  expect((await api.get('/healthz')).status).toBe(200);
  const { status, body } = await api.get('/api/v1/overview');
  expect(status).toBe(403);
  expect(body.message).toContain('http_read_token is not set');
  expect(pooler.log.some(({ level, msg }) => level === 'warn' && msg.includes('only health and metrics'))).toBe(true);
  pooler.reload({ http_read_token: READ_TOKEN });
  api.token = READ_TOKEN;
  expect((await api.get('/api/v1/overview')).status).toBe(200);
});

test('a name that somebody pointed at this address is not believed, and any name is with a token', async () => {
  const { api, pooler } = await start();
  for (const host of ['evil.example', 'evil.example:6480', 'localhost.evil.example'])
    expect((await api.get('/api/v1/overview', { host })).status).toBe(403);
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:80', '[::1]:80', '10.0.0.1'])
    expect((await api.get('/api/v1/overview', { host })).status).toBe(200);
  pooler.reload({ http_read_token: READ_TOKEN });
  api.token = READ_TOKEN;
  expect((await api.get('/api/v1/overview', { host: 'pooler.example' })).status).toBe(200);
});

test('a page of another origin can not act, even with the token', async () => {
  const { api, pooler } = await start({ http_action_token: ACTION_TOKEN });
  api.token = ACTION_TOKEN;
  const own = `127.0.0.1:${api.port}`;
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://127.0.0.1:${api.port + 1}` },
    { origin: 'not a URL' },
  ]) {
    const { status, body } = await api.act('pause', { database: null }, headers as Record<string, string>);
    expect([status, body.message]).toEqual([403, 'actions are taken from the same origin only']);
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])
    expect((await api.act('pause', { database: null }, { 'content-type': type })).status).toBe(415);
  expect(pooler.app.control.state).toBe('running');
  const { status } = await api.act(
    'pause',
    { database: null },
    { origin: `http://${own}`, 'sec-fetch-site': 'same-origin' },
  );
  expect(status).toBe(200);
  expect(pooler.app.control.state).toBe('paused');
  expect((await api.act('resume', { database: null })).body).toEqual({ done: true });
  expect(pooler.app.control.state).toBe('running');
});

test.each([
  ['pause', {}, 400, 'database'],
  ['pause', { database: 5 }, 400, 'database'],
  ['pause', { database: null, more: 1 }, 400, 'more'],
  ['pause', '{"database":', 400, ''],
  ['pause', '[]', 400, ''],
  ['pause', { database: 'nowhere' }, 404, 'no such database: nowhere'],
  ['kill-client', { client: '1' }, 400, 'client'],
  ['kill-client', { client: 999_999 }, 404, 'no such client: 999999'],
  ['reclaim', { client: 1 }, 400, 'server'],
  ['reclaim', { client: 999_999, server: 1 }, 404, 'does not hold server 1 any more'],
  ['explode', {}, 404, ''],
])('%s with %j is refused with %i', async (name, body, status, message) => {
  const { api, pooler } = await start({ http_action_token: ACTION_TOKEN });
  api.token = ACTION_TOKEN;
  const told = await api.act(name, body);
  expect(told.status).toBe(status);
  expect(told.body.message).toContain(message);
  expect(pooler.app.control.state).toBe('running');
});

test('pause answers at once whether it is over, and resume lets clients go on', async () => {
  const { api, pooler } = await start({ http_action_token: ACTION_TOKEN });
  api.token = ACTION_TOKEN;
  const client = await pooler.connect();
  await begin(client);
  const { database } = db.current;
  expect((await api.act('pause', { database })).body).toEqual({ done: false });
  expect((await api.get('/api/v1/overview')).body.findings).toMatchObject([{ code: 'paused', database }]);
  await client.rows('COMMIT');
  await waitUntil(() => pooler.pool().state === 'paused');
  expect((await api.act('pause', { database })).body).toEqual({ done: true });
  const waiting = client.rows('SELECT 1');
  await waitUntil(() => pooler.pool().clients.waiting.length === 1);
  await api.act('resume', { database });
  expect(await waiting).toHaveLength(1);
  expect(pooler.log.some(({ msg, database: told }) => msg === 'http: pause' && told === database)).toBe(true);
  await client.end();
});

test('reconnect replaces servers, kill closes everything, kill-client one', async () => {
  const { api, pooler } = await start({ http_action_token: ACTION_TOKEN });
  api.token = ACTION_TOKEN;
  const { database } = db.current;
  const [one, two] = [await pooler.connect(), await pooler.connect()];
  const pid = await pidOf(one);
  expect((await api.act('reconnect', { database })).status).toBe(200);
  expect(await pidOf(one)).not.toBe(pid);
  const { clients } = (await api.get('/api/v1/clients?sort=connected')).body;
  expect((await api.act('kill-client', { client: clients[0].id })).status).toBe(200);
  expect(await farewell(one)).toMatchObject({ C: '57P01' });
  expect((await api.act('kill', { database })).status).toBe(200);
  expect(await farewell(two)).toMatchObject({ C: '57P01' });
  expect((await api.act('resume', { database })).status).toBe(200);
});

test('reclaim takes a server from who is silent in a transaction, and from nobody else', async () => {
  const { api, pooler } = await start({ http_action_token: ACTION_TOKEN });
  api.token = ACTION_TOKEN;
  const client = await pooler.connect({ params: { application_name: 'sleeper' } });
  await begin(client);
  const holder = async () => (await api.get('/api/v1/holders')).body.holders[0];
  const { clientId, serverId } = await holder();
  expect((await api.act('reclaim', { client: clientId, server: serverId + 1 })).status).toBe(404);
  const sleeping = client.rows('SELECT pg_sleep(0.5)');
  await waitUntil(async () => (await holder()).state === 'running');
  expect((await api.act('reclaim', { client: clientId, server: serverId })).status).toBe(409);
  await sleeping;
  expect((await api.act('reclaim', { client: clientId, server: serverId })).body).toEqual({ done: true });
  const other = await pooler.connect();
  expect(await other.rows('SELECT 1')).toHaveLength(1);
  await expect(client.rows('SELECT 2')).rejects.toMatchObject({ code: '25P03' });
  await client.rows('ROLLBACK');
  expect(await client.rows('SELECT 3')).toHaveLength(1);
  expect((await api.get('/api/v1/leaks')).body.leaks[0]).toMatchObject({ life: 'reclaimed' });
  await Promise.all([client.end(), other.end()]);
});
