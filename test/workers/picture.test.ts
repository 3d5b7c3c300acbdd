// Real processes: whichever worker is asked, the console, the metrics and the dashboard's API tell of the whole pooler.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { z } from 'zod';
import { SPECS, type Spec, type SpecName } from '../../src/http/specs.ts';
import { workerOf } from '../../src/util/worker-number.ts';
import { freePort } from '../integration/settings/free-port.ts';
import { type Crew, startCrew } from '../support/crew.ts';
import { ACTION_TOKEN, Api } from '../support/http-api.ts';
import { readSamples, sumOf } from '../support/metrics-text.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const COMMAND = join(import.meta.dirname, '../../src/cli/pgsluice.ts');

/** Two workers with HTTP, and a client named "app N" in each. */
async function start(settings: Record<string, unknown> = {}) {
  const http_listen_port = await freePort();
  const crew = await startCrew(db.current, { http_listen_port, http_action_token: ACTION_TOKEN, ...settings });
  const api = new Api(http_listen_port, ACTION_TOKEN);
  return { crew, api, clients: [await named(crew, 1), await named(crew, 2)] };
}

async function named(crew: Crew, worker: number) {
  return waitUntil(async () => {
    const client = await crew.connect({ params: { application_name: `app ${worker}` } });
    if (workerOf(client.session.pid) === worker) return client;
    await client.end();
    return null;
  });
}

async function read<N extends SpecName>(api: Api, name: N, query = ''): Promise<z.infer<(typeof SPECS)[N]['answer']>> {
  const { status, body } = await api.get(`${SPECS[name].path}${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return (SPECS[name] as Spec).answer.parse(body) as z.infer<(typeof SPECS)[N]['answer']>;
}

async function metrics(api: Api) {
  const { status, body } = await api.get('/metrics');
  expect(status).toBe(200);
  return readSamples(body);
}

test('every answer of the API is that of both workers, whichever gives it, and has the shape that it promises', async () => {
  const { api, clients } = await start();
  for (const client of clients) await client.rows('BEGIN');
  for (let i = 0; i < 6; i += 1) {
    const { clients: counted, occupancy } = await read(api, 'overview');
    expect(counted).toMatchObject({ connected: 2, active: 2 });
    expect(occupancy).toMatchObject({ idleInTransaction: 2 });
  }
  const { holders } = await read(api, 'holders');
  expect(holders.map(({ applicationName }) => applicationName).sort()).toEqual(['app 1', 'app 2']);
  expect((await read(api, 'servers')).total).toBe(2);
  await waitUntil(async () =>
    (await read(api, 'history', '?limit=3')).samples.every((sample) => sample.occupancy.idleInTransaction === 2),
  );
  for (const [name, spec] of Object.entries(SPECS) as [SpecName, Spec][])
    if (spec.method === 'GET' && spec.isStream !== true) await read(api, name);
});

test('a client that the list names is closed by its number, in whichever worker it is', async () => {
  const { api, clients } = await start();
  const list = (await read(api, 'clients')).clients;
  expect(list.map(({ id }) => workerOf(id)).sort()).toEqual([1, 2]);
  for (const { id } of list) expect(await api.act('kill-client', { client: id })).toMatchObject({ status: 200 });
  await Promise.all(clients.map((client) => client.readToEnd()));
});

test('no sum of the metrics falls while workers die, and SHOW STATS does not either', async () => {
  const { crew, api, clients } = await start();
  for (let i = 0; i < 20; i += 1) for (const client of clients) await client.rows('SELECT 1');
  const counted = async () => {
    const [pool] = (await crew.console<Record<string, string>>('SHOW STATS_TOTALS')).filter(
      ({ database }) => database === db.current.database,
    );
    return [sumOf(await metrics(api), 'pgsluice_pool_transactions_total'), Number(pool?.xact_count)];
  };
  expect(await counted()).toEqual([40, 40]);
  for (let died = 1; died <= 2; died += 1) {
    process.kill(crew.workers()[0]!, 'SIGKILL');
    expect(await waitUntil(counted)).toEqual([40, 40]);
    await waitUntil(() => crew.lines('worker is up').length === 2 + died, { timeoutMs: 10_000 });
    expect(await counted()).toEqual([40, 40]);
    await waitUntil(async () => sumOf(await metrics(api), 'pgsluice_worker_deaths_total') === died);
  }
  const client = await crew.connect();
  await client.rows('SELECT 1');
  expect(await counted()).toEqual([41, 41]);
  expect(sumOf(await metrics(api), 'pgsluice_clients')).toBe(1);
});

test('a worker that hangs is waited for no longer than two seconds, and its counters stay', async () => {
  const { crew, api, clients } = await start();
  for (const client of clients) await client.rows('SELECT 1');
  expect(sumOf(await metrics(api), 'pgsluice_pool_transactions_total')).toBe(2);
  const [, second] = crew.lines('pgsluice is up')[0]!.workers as number[];
  process.kill(second!, 'SIGSTOP');
  try {
    // The request may have gone to the one that hangs: the next goes to the other.
    const answer = await waitUntil(() => Promise.race([metrics(api), tooLong(3_000)]), { timeoutMs: 12_000 });
    expect(sumOf(answer, 'pgsluice_pool_transactions_total')).toBe(2);
    expect(sumOf(answer, 'pgsluice_clients')).toBe(1);
  } finally {
    process.kill(second!, 'SIGCONT');
  }
  await waitUntil(async () => sumOf(await metrics(api), 'pgsluice_clients') === 2);
});

function tooLong(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('too long')), ms).unref();
  });
}

test('events are told once each, in order, though each request goes to another worker', async () => {
  const { crew, api } = await start();
  let { last } = await read(api, 'events');
  const seen: string[] = [];
  const ask = async () => {
    const answer = await read(api, 'events', `?since=${last}&kind=client_refused`);
    last = answer.last;
    seen.push(...answer.events.map(({ database }) => database ?? ''));
  };
  for (let i = 0; i < 12; i += 1) {
    await crew.connect({ database: `nowhere ${i}` }).catch(() => {});
    await ask();
  }
  await waitUntil(async () => {
    await ask();
    return seen.length >= 12;
  });
  expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => `nowhere ${i}`));
});

test('pgsluice top shows the whole pooler', async () => {
  const { api, clients } = await start();
  for (const client of clients) await client.rows('BEGIN');
  const { stdout } = await promisify(execFile)(process.execPath, [
    COMMAND,
    'top',
    '--once',
    '--url',
    `http://127.0.0.1:${api.port}`,
    '--token',
    ACTION_TOKEN,
  ]);
  for (const name of ['app 1', 'app 2']) expect(stdout).toContain(name);
});
