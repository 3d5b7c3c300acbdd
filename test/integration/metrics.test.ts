// What /metrics, SHOW HISTOGRAMS and SHOW WAITS tell of what really happened.
import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { MAX_APPLICATIONS } from '../../src/observe/label-names.ts';
import { type Sample, samplesOf, sumOf } from '../support/metrics-text.ts';
import { startPooler, type TestPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { needTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { errorOf } from './settings/for-settings.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2, query_wait_timeout: '300ms', query_wait_notify: 0 });

const open: WireClient[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

async function connect(application_name = 'tester', on: TestPooler = pooler.current): Promise<WireClient> {
  const client = await on.connect({ params: { application_name } });
  open.push(client);
  return client;
}

const read = () => samplesOf(pooler.current.app);
const durations = (samples: readonly Sample[], time: string, le: string) =>
  sumOf(samples, `pgsluice_pool_${time}_duration_seconds_bucket`, { le });

/** What came between two scrapes. */
async function between(
  action: () => Promise<void>,
): Promise<(name: string, labels?: Record<string, string>) => number> {
  const before = await read();
  await action();
  const after = await read();
  return (name, labels) => sumOf(after, name, labels) - sumOf(before, name, labels);
}

test('transactions, statements and holds are counted by how long they took', async () => {
  const client = await connect();
  const added = await between(async () => {
    for (let i = 0; i < 5; i += 1) await client.rows('SELECT 1');
    await client.rows('BEGIN');
    await client.rows('SELECT pg_sleep(0.12)');
    await client.rows('COMMIT');
  });
  const count = (time: string, le: string) => added(`pgsluice_pool_${time}_duration_seconds_bucket`, { le });
  expect(count('query', '+Inf')).toBe(8);
  expect(count('transaction', '+Inf')).toBe(6);
  expect(count('hold', '+Inf')).toBe(6);
  // One of each took 120 ms, the others nearly nothing.
  for (const time of ['query', 'transaction', 'hold']) {
    expect(count(time, '1') - count(time, '0.1')).toBe(1);
    expect(added(`pgsluice_pool_${time}_duration_seconds_sum`)).toBeGreaterThan(0.12);
    expect(added(`pgsluice_pool_${time}_duration_seconds_sum`)).toBeLessThan(0.5);
  }
  expect(added('pgsluice_pool_transactions_total')).toBe(6);
});

test('a wait is counted whether it came to something, ended in an error or was given up; no wait is counted as none', async () => {
  const holders = [await connect(), await connect()];
  // Both servers are there.
  for (const sql of ['BEGIN', 'COMMIT']) for (const holder of holders) await holder.rows(sql);
  const [served, refused, gone] = [await connect(), await connect(), await connect()];
  const added = await between(async () => {
    for (const holder of holders) await holder.rows('BEGIN');
    const rows = served.rows('SELECT 1');
    gone.send(build.query('SELECT 2'));
    const error = errorOf(refused.rows('SELECT 3'));
    await waitUntil(() => pooler.current.pool().queue.length === 3);
    gone.destroy();
    await waitUntil(() => pooler.current.pool().queue.length === 2);
    await holders[0]!.rows('COMMIT');
    await rows;
    // It got the server that the other one let go, or waited for it.
    await Promise.allSettled([error, holders[1]!.rows('COMMIT')]);
  });
  const count = (le: string) => added('pgsluice_pool_wait_duration_seconds_bucket', { le });
  expect(count('+Inf')).toBe(5);
  expect(count('0.00005')).toBeGreaterThanOrEqual(2);
  expect(count('0.00005')).toBeLessThanOrEqual(3);
});

test('SHOW WAITS names who waits, and what its application has already', async () => {
  const holder = await connect('greedy');
  await holder.rows('BEGIN');
  const other = await connect('other');
  await other.rows('BEGIN');
  const waiting = [await connect('greedy'), await connect('poor')];
  const errors = waiting.map((client) => errorOf(client.rows('SELECT 1')));
  await waitUntil(() => pooler.current.pool().queue.length === 2);
  const rows = await pooler.current.console('SHOW WAITS');
  expect(rows).toMatchObject([
    { application_name: 'greedy', addr: '127.0.0.1', application_waiting: 1, application_held: 1 },
    { application_name: 'poor', application_waiting: 1, application_held: 0 },
  ]);
  for (const { waited_ms, left_ms } of rows) {
    expect(Number(waited_ms) + Number(left_ms)).toBeGreaterThan(290);
    expect(Number(left_ms)).toBeLessThan(300);
  }
  const samples = await read();
  expect(sumOf(samples, 'pgsluice_application_clients', { application_name: 'greedy', state: 'waiting' })).toBe(1);
  expect(sumOf(samples, 'pgsluice_pool_clients', { state: 'waiting' })).toBe(2);
  expect(sumOf(samples, 'pgsluice_pool_holders', { state: 'idle_in_transaction' })).toBe(2);
  await Promise.all(errors);
  expect(await pooler.current.console('SHOW WAITS')).toEqual([]);
});

test('SHOW HISTOGRAMS has percentiles of the last minute and of all time', async () => {
  const client = await connect();
  for (let i = 0; i < 20; i += 1) await client.rows('SELECT pg_sleep(0.02)');
  const rows = await pooler.current.console<Record<string, string>>('SHOW HISTOGRAMS');
  expect(rows.map(({ time, period }) => `${time} ${period}`)).toEqual(
    ['wait', 'hold', 'transaction', 'query'].flatMap((time) => [`${time} minute`, `${time} total`]),
  );
  const query = rows.find(({ time, period }) => time === 'query' && period === 'minute')!;
  expect(Number(query.count)).toBeGreaterThanOrEqual(20);
  expect(Number(query.p99_ms)).toBeGreaterThan(19);
  expect(Number(query.p50_ms)).toBeLessThanOrEqual(Number(query.p90_ms));
  expect(Number(query.p90_ms)).toBeLessThanOrEqual(Number(query.p99_ms));
  expect(Number(query.p99_ms)).toBeLessThanOrEqual(Number(query.most_ms));
});

test('errors are told by cause and SQLSTATE, and failed logins by cause', async () => {
  const added = await between(async () => {
    await errorOf(pooler.current.connect({ password: 'wrong' }));
    const client = await connect();
    await errorOf(client.rows('SELECT 1/0'));
  });
  expect(added('pgsluice_client_login_failures_total')).toBe(1);
  expect(added('pgsluice_pooler_errors_total', { sqlstate: '28P01' })).toBe(1);
  expect(added('pgsluice_pool_postgres_errors_total', { sqlstate: '22012' })).toBe(1);
  expect(added('pgsluice_client_logins_total')).toBe(1);
});

test('strangers can fill neither the labels nor a line with what they call themselves', async () => {
  const hostile = ['\u001b[2J\u001b[31m', 'a\nb', '"} 1\npgsluice_bugs_total 99', '<script>alert(1)</script>', 'é\\'];
  const names = [...hostile, ...Array.from({ length: MAX_APPLICATIONS + 50 }, (_, i) => `stranger ${i}`)];
  for (const name of names) await (await connect(name)).rows('SELECT 1');
  const samples = await read();
  const told = new Set(samples.flatMap(({ labels }) => labels.application_name ?? []));
  expect(told.size).toBeLessThanOrEqual(MAX_APPLICATIONS + 1);
  expect(told).toContain('other');
  for (const name of told) expect(name).toMatch(/^\P{C}{0,64}$/u);
  expect(sumOf(samples, 'pgsluice_bugs_total')).toBe(0);
  expect(sumOf(samples, 'pgsluice_application_clients')).toBe(names.length);
});

test('a Postgres that is away shows, and so does its return', async () => {
  const away = await startPooler(
    { ...db.current, port: 1 },
    { client_login_timeout: '2s', query_wait_timeout: '400ms' },
  );
  try {
    await errorOf(connect('lost', away));
    const samples = await samplesOf(away.app);
    expect(sumOf(samples, 'pgsluice_pool_postgres_away')).toBe(1);
    expect(sumOf(samples, 'pgsluice_pool_server_login_failures_total')).toBeGreaterThan(0);
  } finally {
    await away.stop();
  }
  expect(sumOf(await read(), 'pgsluice_pool_postgres_away')).toBe(0);
});

test('the metrics are served while the pooler waits for its clients to leave', async () => {
  const draining = await startPooler(db.current);
  try {
    const client = await connect('last', draining);
    await client.rows('SELECT 1');
    draining.app.control.shutdown('wait_for_clients');
    const samples = await samplesOf(draining.app);
    expect(sumOf(samples, 'pgsluice_info', { state: 'wait_for_clients' })).toBe(1);
    expect(sumOf(samples, 'pgsluice_application_clients', { application_name: 'last' })).toBe(1);
    await client.rows('SELECT 1');
    expect(durations(await samplesOf(draining.app), 'query', '+Inf')).toBe(2);
  } finally {
    await draining.stop();
  }
});

test('promtool finds nothing wrong with the metrics', async (context) => {
  const promtool = needTool(context, 'promtool');
  const client = await connect();
  await client.rows('CREATE TEMP TABLE kept (i int)');
  const input = (await pooler.current.app.metrics.text())
    // prom-client's own; their names are not ours to choose.
    .split('\n\n')
    .filter((family) => family.includes('pgsluice_'))
    .join('\n');
  // It prints what it would have otherwise, and fails then.
  expect(execFileSync(promtool, ['check', 'metrics'], { input: `${input}\n`, encoding: 'utf8' })).toBe('');
});
