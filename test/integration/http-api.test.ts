// The HTTP API on a real Postgres: every answer has the shape that it promises, and says what really is.
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import type * as shapes from '../../src/http/shapes.ts';
import { SPECS, type Spec, type SpecName } from '../../src/http/specs.ts';
import { Api } from '../support/http-api.ts';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { begin } from './settings/for-settings.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();
const port = await freePort();
const pooler = usePooler(db, {
  http_listen_port: port,
  default_pool_size: 3,
  leak_detection_threshold: '300ms',
  leak_reclaim_floor: '100ms',
  leak_reclaim: 'never',
});
const api = new Api(port);

/** The answer, held against its shape. */
async function read<N extends SpecName>(name: N, query = ''): Promise<z.infer<(typeof SPECS)[N]['answer']>> {
  const { status, body, headers } = await api.get(`${SPECS[name].path}${query}`);
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-store');
  return (SPECS[name] as Spec).answer.parse(body) as z.infer<(typeof SPECS)[N]['answer']>;
}

const named = (application_name: string) => pooler.current.connect({ params: { application_name } });

test('all is well while nothing is wrong', async () => {
  const client = await named('honest');
  await client.rows('SELECT 1');
  const { health, findings, version, state, clients, occupancy, poolSize, stats } = await read('overview');
  expect({ health, findings, state }).toEqual({ health: 'well', findings: [], state: 'running' });
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(clients).toMatchObject({ idle: 1, waiting: 0 });
  expect(occupancy).toMatchObject({ running: 0, idle: 1, waiting: 0 });
  expect(poolSize).toBe(3);
  expect(stats).toMatchObject({ xactCount: 1, queryCount: 1, leakCount: 0 });
  await client.end();
});

test('a leak is told with the application, its statement and what it holds', async () => {
  const leaky = await named('leaky <b>app</b>');
  await begin(leaky);
  await leaky.rows("SELECT 'secret' FROM pg_class /*route='%2Fcart'*/ LIMIT 1");
  const { findings, health } = await waitUntil(async () => {
    const told = await read('overview');
    return told.findings.some(({ code }) => code === 'leak') ? told : null;
  });
  expect(health).toBe('warning');
  expect(findings[0]).toMatchObject({
    code: 'leak',
    title: 'leaky <b>app</b> leaks transactions',
    database: db.current.database,
    applicationName: 'leaky <b>app</b>',
    held: 1,
    leaks: 1,
    reclaimed: 0,
  });
  expect(findings[0]?.statement).toContain('FROM pg_class');
  expect(findings[0]?.statement).not.toContain('secret');
  const { holders } = await read('holders');
  expect(holders[0]).toMatchObject({
    applicationName: 'leaky <b>app</b>',
    state: 'idle_in_transaction',
    leak: 'leaked',
  });
  const { leaks } = await read('leaks', '?limit=1');
  expect(leaks[0]).toMatchObject({ life: 'leaked', holder: { clientId: holders[0]?.clientId } });
  const { applications } = await read('applications');
  expect(applications.find(({ leaks: count }) => count > 0)).toMatchObject({ applicationName: 'leaky <b>app</b>' });
  await leaky.rows('ROLLBACK');
  await leaky.end();
});

test('pools and servers are counted as the pooler has them', async () => {
  const [holder, idle] = [await named('holder'), await named('idle')];
  await begin(holder);
  await idle.rows('SELECT 1');
  const { pools } = await read('pools');
  const pool = pooler.current.pool();
  expect(pools).toHaveLength(1);
  expect(pools[0]).toMatchObject({
    database: db.current.database,
    user: db.current.user,
    poolMode: 'transaction',
    poolSize: 3,
    isAway: false,
    servers: { active: 1, idle: pool.servers.idle.length },
    occupancy: { idleInTransaction: 1, waiting: 0 },
  });
  const { servers, total } = await read('servers');
  expect(total).toBe(pool.serverCount);
  expect(servers[0]).toMatchObject({ state: 'active', applicationName: 'holder' });
  await Promise.all([holder.end(), idle.end()]);
});

test('clients are filtered, sorted and cut', async () => {
  await waitUntil(() => pooler.current.app.clients.size === 0);
  const all = [await named('alpha'), await named('beta'), await named('beta')];
  const of = async (query: string) => {
    const { clients, total } = await read('clients', query);
    return [total, ...clients.map(({ applicationName }) => applicationName)];
  };
  expect(await of('?sort=application')).toEqual([3, 'alpha', 'beta', 'beta']);
  expect(await of('?sort=application&order=desc&limit=1')).toEqual([3, 'beta']);
  expect(await of('?search=LPH')).toEqual([1, 'alpha']);
  expect(await of('?application=bet')).toEqual([0]);
  expect(await of('?application=beta&state=idle')).toEqual([2, 'beta', 'beta']);
  expect(await of('?state=waiting')).toEqual([0]);
  expect(await of(`?user=${db.current.user}&database=nowhere`)).toEqual([0]);
  const { clients } = await read('clients', '?search=alpha');
  expect(await of(`?search=${clients[0]?.id}`)).toContain('alpha');
  await Promise.all(all.map((client) => client.end()));
});

test('settings are told with their defaults, and secrets are not', async () => {
  const { settings } = await read('settings');
  const find = (key: string) => settings.find((row) => row.key === key);
  expect(find('default_pool_size')).toMatchObject({
    value: '3',
    default: '20',
    isDefault: false,
    topic: 'Pools and servers',
  });
  expect(find('query_wait_timeout')).toMatchObject({ value: '10s', isDefault: true });
  expect(find('http_action_token')).toMatchObject({ value: '', isDefault: true });
  pooler.current.reload({ http_action_token: 'not to be seen by anybody' });
  const { body } = await api.get('/api/v1/settings');
  expect(JSON.stringify(body)).not.toContain('not to be seen');
  expect(body.settings.find((row: { key: string }) => row.key === 'http_action_token')).toMatchObject({
    value: '****',
  });
  pooler.current.reload({ http_action_token: '' });
});

test('the history has a sample for each second, of all pools and of one', async () => {
  const client = await named('busy');
  const queries = async () => {
    const { samples } = await read('history');
    return samples.reduce((sum, sample) => sum + sample.queries, 0);
  };
  for (let i = 0; i < 20; i += 1) await client.rows('SELECT 1');
  await waitUntil(async () => (await queries()) === pooler.current.pool().stats.queryCount);
  const { samples: all, intervalMs } = await read('history');
  expect(intervalMs).toBe(1_000);
  expect(all.map(({ time }) => time)).toEqual(all.map(({ time }) => time).sort());
  const pool = `?database=${db.current.database}&user=${db.current.user}`;
  const { samples } = await read('history', pool);
  expect(samples.at(-1)).toEqual(all.find(({ time }) => time === samples.at(-1)?.time) ?? {});
  expect((await api.get('/api/v1/history?database=nowhere&user=x')).status).toBe(404);
  await client.end();
});

interface Stream {
  readonly ticks: shapes.Tick[];
  readonly ended: Promise<void>;
  close(): void;
}

async function openStream(query = ''): Promise<Stream> {
  const end = new AbortController();
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/stream${query}`, { signal: end.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  const ticks: shapes.Tick[] = [];
  const ended = (async () => {
    let rest = '';
    for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
      const messages = (rest + part).split('\n\n');
      rest = messages.pop() ?? '';
      for (const message of messages)
        if (message.startsWith('data: ')) ticks.push(SPECS.stream.answer.parse(JSON.parse(message.slice(6))));
    }
  })().catch(() => {});
  return { ticks, ended, close: () => end.abort() };
}

test('the stream brings a picture at once and one each second, with events once', async () => {
  const stream = await openStream();
  await waitUntil(() => stream.ticks.length > 0);
  pooler.current.app.control.reconnect(db.current.database);
  await waitUntil(() => stream.ticks.length >= 4);
  const sequences = stream.ticks.slice(1).flatMap(({ events }) => events.filter(({ kind }) => kind === 'reconnect'));
  expect(sequences).toHaveLength(1);
  expect(stream.ticks.at(-1)?.overview.health).toBeDefined();
  stream.close();
  await stream.ended;
});

test('a stream of a pool has the samples of that pool, and of one that is gone none', async () => {
  const client = await named('one');
  await client.rows('SELECT 1');
  const own = await openStream(`?database=${db.current.database}&user=${db.current.user}`);
  const none = await openStream('?database=nowhere&user=nobody');
  await waitUntil(() => own.ticks.some(({ sample }) => sample !== null) && none.ticks.length >= 2);
  expect(none.ticks.map(({ sample }) => sample)).toEqual(none.ticks.map(() => null));
  own.close();
  none.close();
  await client.end();
});

test('more streams than there is room for are refused, and room comes back', async () => {
  const streams = await Promise.all(Array.from({ length: 64 }, () => openStream()));
  expect((await api.get('/api/v1/stream')).status).toBe(503);
  for (const stream of streams) stream.close();
  await waitUntil(async () => {
    const again = await openStream().catch(() => null);
    again?.close();
    return again !== null;
  });
});

test.each([
  ['/api/v1/overview?x=1', 'there is no parameter x'],
  ['/api/v1/clients?limit=0', 'limit must be >= 1'],
  ['/api/v1/clients?sort=password', 'sort must be equal to one of'],
  ['/api/v1/servers?state=waiting', 'state must be equal to one of'],
  ['/api/v1/leaks?limit=201', 'limit must be <= 200'],
  [`/api/v1/clients?search=${'x'.repeat(1_025)}`, 'search must NOT have more than 1024 characters'],
])('%s is refused with a message', async (path, message) => {
  const { status, body } = await api.get(path);
  expect(status).toBe(400);
  expect(body.message).toContain(message);
});

test('what is not there is 404, and nothing outside of the dashboard is served', async () => {
  for (const path of [
    '/api/v1/nothing',
    '/package.json',
    '/tsconfig.json',
    '/..%2f..%2fetc/passwd',
    '/vendor/../../package.json',
  ])
    expect((await api.get(path)).status).toBe(404);
  expect((await api.get('/api/v1/actions/pause')).status).toBe(404);
});

test('the dashboard is served with its own policy, and only once to who has it', async () => {
  const page = await api.get('/');
  expect(page.body).toContain('<title>pgsluice</title>');
  expect(page.headers.get('content-type')).toContain('text/html');
  expect(page.headers.get('x-content-type-options')).toBe('nosniff');
  expect(page.headers.get('content-security-policy')).toMatch(/script-src 'self';.*frame-ancestors 'none'/);
  expect(page.body).not.toMatch(/https?:\/\//);
  const again = await api.get('/', { 'if-none-match': page.headers.get('etag') ?? '' });
  expect(again.status).toBe(304);
  for (const [, path = ''] of page.body.matchAll(/(?:src|href)="(\/[^"]+)"/g))
    expect((await api.get(path)).status).toBe(200);
});

test('going down does not wait for who looks on', async () => {
  const stream = await openStream();
  await waitUntil(() => stream.ticks.length > 0);
  await Promise.race([pooler.current.stop(), delay(5_000).then(() => Promise.reject(new Error('it waits')))]);
  await stream.ended;
});
