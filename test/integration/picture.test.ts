// Two workers on one Postgres: the console, the metrics and the API of either tell of both, as one pooler.
import { request } from 'node:http';
import type pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { SHOWS } from '../../src/admin/show.ts';
import type { Tick } from '../../src/http/shapes.ts';
import { SPECS, type Spec, type SpecName } from '../../src/http/specs.ts';
import { Api } from '../support/http-api.ts';
import { type Sample, samplesOf, sumOf } from '../support/metrics-text.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { queryOn, useDatabase } from '../support/postgres.ts';
import { TestTeam } from '../support/team.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();
const team = new TestTeam();
const workers: TestPooler[] = [];
const apis: Api[] = [];
const open: WireClient[] = [];

beforeAll(async () => {
  for (const number of [1, 2]) {
    const http_listen_port = await freePort();
    const pooler = await startPooler(
      db.current,
      { http_listen_port, default_pool_size: 2, leak_reclaim: 'never', leak_detection_threshold: '300ms' },
      { team: team.of(number) },
    );
    team.join(number, pooler.app);
    workers.push(pooler);
    apis.push(new Api(http_listen_port));
  }
});
afterEach(async () => {
  team.silent.clear();
  for (const client of open.splice(0)) client.destroy();
  for (const worker of workers) {
    await waitUntil(() => worker.app.clients.applicationCount === 0);
    await worker.expectInvariants();
  }
});
afterAll(async () => {
  for (const worker of workers) await worker.stop();
});

const worker = (number: number): TestPooler => workers[number - 1]!;
async function connect(number: number, application_name = `app ${number}`): Promise<WireClient> {
  const client = await worker(number).connect({ params: { application_name } });
  open.push(client);
  return client;
}
async function read<N extends SpecName>(
  number: number,
  name: N,
  query = '',
): Promise<z.infer<(typeof SPECS)[N]['answer']>> {
  const { status, body } = await apis[number - 1]!.get(`${SPECS[name].path}${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return (SPECS[name] as Spec).answer.parse(body) as z.infer<(typeof SPECS)[N]['answer']>;
}
type Row = Record<string, string>;
const show = (number: number, what: string): Promise<Row[]> =>
  worker(number).console<Row & pg.QueryResultRow>(`SHOW ${what}`);
const ours = (rows: Row[]): Row | undefined =>
  rows.find((row) => row.database === db.current.database || row.name === db.current.database);

test('SHOW POOLS is one pool, and either worker shows the same', async () => {
  const [a, b] = [await connect(1), await connect(2)];
  await connect(2);
  for (const client of [a, b]) await client.rows('BEGIN');
  for (const number of [1, 2])
    expect(ours(await show(number, 'POOLS'))).toMatchObject({ cl_active: 3, cl_waiting: 0, sv_active: 2 });
  expect((await show(1, 'POOLS')).map((row) => row.database)).toEqual([db.current.database, 'pgbouncer'].sort());
  expect(ours(await show(1, 'DATABASES'))).toMatchObject({
    pool_size: 2,
    current_connections: 2,
    current_client_connections: 3,
  });
});

test('who waits longest is in maxwait with the microseconds that belong to it', async () => {
  const holders = [await connect(1), await connect(1)];
  for (const client of holders) await client.rows('BEGIN');
  const waiting = (await connect(1)).rows('SELECT 1');
  await waitUntil(() => worker(1).pool().queue.length === 1);
  await waitUntil(() => worker(1).pool().maxWaitMs(worker(1).app.clock.now()) > 1_050);
  const pool = ours(await show(2, 'POOLS'));
  expect(pool).toMatchObject({ cl_waiting: 1, maxwait: 1 });
  expect(Number(pool?.maxwait_us)).toBeGreaterThan(50_000);
  await holders[0]!.rows('COMMIT');
  await waiting;
});

test('lists have the rows of both, with the worker behind the columns that PgBouncer has', async () => {
  await connect(1);
  const b = await connect(2);
  await b.rows('BEGIN');
  for (const number of [1, 2]) {
    const clients = await show(number, 'CLIENTS');
    expect(Object.keys(clients[0]!).at(-1)).toBe('worker');
    const named = clients.filter((row) => row.application_name?.startsWith('app '));
    expect(named.map((row) => [row.application_name, row.worker])).toEqual([
      ['app 1', 1],
      ['app 2', 2],
    ]);
    expect(await show(number, 'HOLDERS')).toMatchObject([{ application_name: 'app 2', worker: 2 }]);
  }
  const sockets = await show(1, 'SOCKETS');
  expect(sockets.map((row) => row.type).join('')).toMatch(/^C+S+$/);
  expect(new Set(sockets.map((row) => row.worker))).toEqual(new Set([1, 2]));
});

test('every SHOW has the columns that it says it has, and in a team at most one more', async () => {
  for (const [name, { columns, teamColumns }] of SHOWS) {
    const result = await queryAll(`SHOW ${name}`);
    expect(
      result.fields.map((field) => field.name),
      name,
    ).toEqual(teamColumns.map((column) => column.name));
    expect(teamColumns.map((column) => column.name).slice(0, columns.length), name).toEqual(
      columns.map((column) => column.name),
    );
    for (const row of result.rows) expect(row, name).toHaveLength(teamColumns.length);
  }
});

async function queryAll(sql: string): Promise<pg.QueryArrayResult> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ ...worker(2).config, database: 'pgsluice' });
  await client.connect();
  try {
    return await client.query({ text: sql, rowMode: 'array' });
  } finally {
    await client.end();
  }
}

test('what is the same in both is there once, and names are counted once', async () => {
  await connect(1);
  await connect(2);
  expect(await show(1, 'VERSION')).toHaveLength(1);
  expect(await show(1, 'STATE')).toEqual([
    { key: 'active', value: 'yes' },
    { key: 'paused', value: 'no' },
  ]);
  const keys = (await show(1, 'CONFIG')).map((row) => row.key);
  expect(new Set(keys).size).toBe(keys.length);
  const lists = new Map((await show(2, 'LISTS')).map((row) => [row.list, Number(row.items)]));
  expect(lists.get('pools')).toBe((await show(1, 'POOLS')).length);
  expect(lists.get('databases')).toBe((await show(1, 'DATABASES')).length);
  expect(lists.get('users')).toBe((await show(1, 'USERS')).length);
  // The two, and the console that asks.
  expect(lists.get('used_clients')).toBe(3);
});

test('counts are added up, and a time on average is that of all transactions', async () => {
  const before = ours(await show(1, 'STATS_TOTALS'));
  const [a, b] = [await connect(1), await connect(2)];
  for (let i = 0; i < 4; i += 1) await a.rows('SELECT 1');
  await b.rows('SELECT pg_sleep(0.2)');
  const after = ours(await show(1, 'STATS_TOTALS'));
  expect(Number(after?.xact_count) - Number(before?.xact_count ?? 0)).toBe(5);
  const averages = ours(await show(2, 'STATS_AVERAGES'));
  const ownTime = [1, 2].map((number) => {
    const { databaseStats, clock } = worker(number).app;
    return databaseStats.rows(clock.now()).find((row) => row.database === db.current.database)!.averages;
  });
  const xacts = ownTime.reduce((sum, { xactCount }) => sum + xactCount, 0);
  const time = ownTime.reduce((sum, own) => sum + own.xactTimeMs * own.xactCount, 0) / xacts;
  expect(Number(averages?.xact_time)).toBeCloseTo(time * 1000, -3);
  const totals = new Map((await show(1, 'TOTALS')).map((row) => [row.name, Number(row.value)]));
  // The console has counted commands of its own.
  expect(totals.get('total_xact_count')).toBeGreaterThanOrEqual(Number(after?.xact_count));
});

test('a quantile is found in the times of both', async () => {
  const [a, b] = [await connect(1), await connect(2)];
  for (let i = 0; i < 3; i += 1) await a.rows('SELECT 1');
  await b.rows('SELECT pg_sleep(0.3)');
  const row = (await show(1, 'HISTOGRAMS')).find(({ time, period }) => time === 'transaction' && period === 'total');
  const count = [1, 2].reduce((sum, number) => sum + worker(number).pool().stats.xacts.count, 0);
  expect(Number(row?.count)).toBe(count);
  expect(Number(row?.most_ms)).toBeGreaterThanOrEqual(300);
});

test('events of both are in order of time, and the newest so many are chosen from both', async () => {
  for (const number of [1, 2, 1, 2, 2]) worker(number).app.control.enable(`of ${number} ${Math.random()}`);
  const events = await show(2, 'EVENTS 4');
  expect(events.map((row) => [row.kind, row.worker])).toEqual([2, 1, 2, 2].map((number) => ['enable', number]));
});

test('the metrics of both are one: sums, and once what is the same', async () => {
  const [a, b] = [await connect(1), await connect(2)];
  const before = await samplesOf(worker(1).app);
  for (const client of [a, b]) await client.rows('SELECT 1');
  const after = await samplesOf(worker(2).app);
  const added = (name: string, labels = {}) => sumOf(after, name, labels) - sumOf(before, name, labels);
  expect(added('pgsluice_pool_transactions_total')).toBe(2);
  expect(added('pgsluice_pool_transaction_duration_seconds_count')).toBe(2);
  expect(added('pgsluice_worker_transactions_total', { worker: '1' })).toBe(1);
  expect(sumOf(after, 'pgsluice_clients')).toBe(2);
  expect(sumOf(after, 'pgsluice_pool_size')).toBe(2);
  expect(sumOf(after, 'pgsluice_info')).toBe(1);
  expect(after.filter(({ name }) => name === 'process_start_time_seconds')).toHaveLength(1);
  const keyOf = ({ name, labels }: Sample) => `${name}${JSON.stringify(labels)}`;
  expect(new Set(after.map(keyOf)).size).toBe(after.length);
});

test('every answer of the API has the shape that it promises', async () => {
  const client = await connect(1);
  await client.rows('BEGIN');
  await connect(2);
  for (const [name, spec] of Object.entries(SPECS) as [SpecName, Spec][])
    if (spec.method === 'GET' && spec.isStream !== true) await read(2, name);
});

test('the overview, pools and lists of the API count both', async () => {
  const [a, b] = [await connect(1), await connect(2)];
  for (const client of [a, b]) await client.rows('BEGIN');
  const { clients, occupancy, poolCount, poolSize, health } = await read(1, 'overview');
  expect({ clients, poolCount, poolSize, health }).toMatchObject({
    clients: { connected: 2, active: 2 },
    poolCount: 1,
    poolSize: 2,
  });
  expect(occupancy).toMatchObject({ idleInTransaction: 2 });
  expect((await read(2, 'pools')).pools).toMatchObject([
    { clients: { active: 2 }, servers: { active: 2 }, poolSize: 2 },
  ]);
  expect((await read(2, 'holders')).holders.map((holder) => holder.applicationName).sort()).toEqual(['app 1', 'app 2']);
  const sorted = await read(1, 'clients', '?sort=application&order=desc&limit=1');
  expect(sorted).toMatchObject({ total: 2, clients: [{ applicationName: 'app 2' }] });
  expect(await read(1, 'servers', '?state=active')).toMatchObject({ total: 2 });
});

test('a finding has the numbers of both workers in one sentence', async () => {
  for (const number of [1, 2]) {
    for (let i = 0; i < 2; i += 1) await (await connect(number, 'busy')).rows('BEGIN');
    void (await connect(number, 'patient')).rows('SELECT 1').catch(() => {});
  }
  const finding = await waitUntil(async () =>
    (await read(1, 'overview')).findings.find(({ code }) => code === 'saturated'),
  );
  expect(finding.title).toMatch(/^2 clients of .* wait for a server$/);
  expect(finding.detail).toMatch(/4 of 2 servers are held, 4 of them by busy$/);
});

test('a leak is known to both, with what it holds in both', async () => {
  for (const number of [1, 2]) await (await connect(number, 'leaky')).rows('BEGIN');
  const leak = await waitUntil(async () => {
    const found = (await read(2, 'overview')).findings.find(({ applicationName }) => applicationName === 'leaky');
    return found?.held === 2 && found.leaks === 2 ? found : null;
  });
  expect(leak).toMatchObject({ code: 'leak', title: 'leaky leaks transactions' });
  const { leaks } = await read(1, 'leaks');
  const ids = leaks.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(leaks.filter(({ holder }) => holder.applicationName === 'leaky')).toHaveLength(2);
  expect((await show(1, 'LEAKS')).filter((row) => row.application_name === 'leaky').map((row) => row.worker)).toEqual([
    1, 2,
  ]);
});

test('who asks for events since the last answer gets each of them once, whichever worker is asked', async () => {
  let { last } = await read(1, 'events');
  const seen: string[] = [];
  for (let i = 0; i < 20; i += 1) {
    worker(1 + (i % 2)).app.control.disable(`database ${i}`);
    const answer = await read(1 + (i % 3 === 0 ? 1 : 0), 'events', `?since=${last}&kind=disable`);
    last = answer.last;
    seen.push(...answer.events.map((event) => event.database ?? ''));
  }
  await waitUntil(async () => {
    const answer = await read(1, 'events', `?since=${last}&kind=disable`);
    last = answer.last;
    seen.push(...answer.events.map((event) => event.database ?? ''));
    return seen.length >= 20;
  });
  expect(seen).toEqual(Array.from({ length: 20 }, (_, i) => `database ${i}`));
});

test('the past of both is added up, second by second', async () => {
  const holder = await connect(1);
  await connect(2);
  await holder.rows('BEGIN');
  const other = await connect(2);
  await other.rows('BEGIN');
  await waitUntil(async () => {
    const { samples } = await read(2, 'history', '?limit=3');
    return samples.length === 3 && samples.every(({ occupancy }) => occupancy.idleInTransaction === 2);
  });
  const pool = `database=${db.current.database}&user=${db.current.user}`;
  expect((await read(1, 'history', `?${pool}&limit=1`)).samples[0]?.occupancy.idleInTransaction).toBe(2);
  expect((await apis[0]!.get('/api/v1/history?database=a&user=b')).status).toBe(404);
});

test('the event stream tells of both, once a second', async () => {
  const client = await connect(1);
  await client.rows('BEGIN');
  await (await connect(2)).rows('BEGIN');
  const ticks = ticksOf(apis[1]!.port);
  try {
    await waitUntil(() => ticks.all.length >= 2);
    for (const tick of ticks.all.map((text) => SPECS.stream.answer.parse(JSON.parse(text)) as Tick)) {
      expect(tick.overview.clients.connected).toBe(2);
      expect(tick.pools).toMatchObject([{ servers: { active: 2 } }]);
      expect(tick.holders).toHaveLength(2);
      expect(tick.sample).not.toBeNull();
    }
  } finally {
    ticks.close();
  }
});

function ticksOf(port: number): { readonly all: string[]; close(): void } {
  const all: string[] = [];
  let text = '';
  const sent = request({ host: '127.0.0.1', port, path: SPECS.stream.path }, (response) => {
    response.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      all.push(...events.filter((event) => event.startsWith('data: ')).map((event) => event.slice('data: '.length)));
    });
  });
  sent.on('error', () => {});
  sent.end();
  return { all, close: () => sent.destroy() };
}

test('a worker that does not answer is left out', async () => {
  await connect(1);
  await connect(2);
  expect((await read(1, 'overview')).clients.connected).toBe(2);
  team.silent.add(2);
  expect((await read(1, 'overview')).clients.connected).toBe(1);
  expect(ours(await show(1, 'POOLS'))).toMatchObject({ cl_active: 1 });
  expect(sumOf(await samplesOf(worker(1).app), 'pgsluice_clients')).toBe(1);
  team.silent.add(1);
  await expect(queryOn({ ...worker(1).config, database: 'pgsluice' }, 'SHOW POOLS')).rejects.toThrow(
    'no worker answers',
  );
});

test('it is ready while one worker is', async () => {
  const asked = () => team.asked.get('ready') ?? 0;
  const before = asked();
  expect((await apis[0]!.get('/readyz')).status).toBe(200);
  expect(asked()).toBe(before);
  worker(1).app.control.pause(null);
  try {
    expect(await apis[0]!.get('/readyz')).toMatchObject({ status: 200, body: { ready: true, reasons: [] } });
    worker(2).app.control.pause(null);
    expect(await apis[0]!.get('/readyz')).toMatchObject({ status: 503, body: { ready: false, reasons: ['paused'] } });
  } finally {
    for (const number of [1, 2]) worker(number).app.control.resume(null);
  }
});

test('advice is worked out from what both have measured', async () => {
  const clients = [await connect(1), await connect(2)];
  for (let i = 0; i < 60; i += 1) for (const client of clients) await client.rows('SELECT 1');
  const measuredBy = (number: number) => {
    const { advisor, pools, clock } = worker(number).app;
    return advisor.told(pools, clock.now())[0]!.measured.slots.reduce((sum, slot) => sum + slot[1]!, 0);
  };
  await waitUntil(() => measuredBy(1) >= 60 && measuredBy(2) >= 60);
  const arrivals = measuredBy(1) + measuredBy(2);
  const advice = ours(await show(2, 'ADVICE'));
  expect(advice).toMatchObject({ pool_size: 2 });
  // By the time that has passed it is a count still, or a rate already.
  if (advice?.cause === 'too_little_seen') expect(advice.arithmetic).toMatch(new RegExp(`^${arrivals} transactions`));
  else expect(advice?.arithmetic).toContain('tx/s');
  expect((await read(1, 'advice')).advice).toHaveLength(1);
});
