// The exporter that people have: prometheus-community/pgbouncer_exporter reads the console, and its totals are those of pgbench.
import { execFile, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { freePort } from '../support/command.ts';
import { readSamples, type Sample, sumOf } from '../support/metrics-text.ts';
import { type TestPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { findTool, needTool, skipBecause } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const pooler = usePooler(db, () => ({
  default_pool_size: 3,
  stats_users: ['exporter'],
  users: { [db.current.user]: { password: db.current.password }, exporter: { password: 'secret' } },
}));

/** PGBENCH_SECONDS for a longer run. */
const SECONDS = Number(process.env.PGBENCH_SECONDS ?? 3);

/** PGBOUNCER_EXPORTER=, or by one of its names on PATH. Debian 12 has another one of this name, which reads no PgBouncer since 1.8. */
async function needExporter(context: TestContext): Promise<string> {
  const path =
    process.env.PGBOUNCER_EXPORTER ??
    findTool('pgbouncer_exporter') ??
    needTool(context, 'prometheus-pgbouncer-exporter');
  const { stdout, stderr } = await promisify(execFile)(path, ['--version']);
  if (!`${stdout}${stderr}`.startsWith('pgbouncer_exporter,'))
    skipBecause(context, 'pgbouncer_exporter: not found on PATH, only Debian’s old exporter for PgBouncer up to 1.7');
  return path;
}

/** Resolves to what scrapes it; its errors, at the end of the test, are the test's. */
async function startExporter(path: string, { host, port }: TestPooler): Promise<() => Promise<Sample[]>> {
  const webPort = await freePort();
  const url = `postgres://exporter:secret@${host}:${port}/pgbouncer?sslmode=disable`;
  const child = spawn(
    path,
    [`--pgBouncer.connectionString=${url}`, `--web.listen-address=127.0.0.1:${webPort}`, '--log.level=error'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += String(chunk);
  });
  onTestFinished(async () => {
    const ended = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null && child.kill()) await ended;
    expect(errors).toBe('');
  });
  const scrape = async () => {
    const response = await fetch(`http://127.0.0.1:${webPort}/metrics`);
    expect(response.status).toBe(200);
    return readSamples(await response.text());
  };
  await waitUntil(scrape, { timeoutMs: 10_000, what: 'the exporter' });
  return scrape;
}

test(
  'pgbouncer_exporter reads the console without an error, and its totals are what pgbench counts',
  async (context) => {
    const pgbench = needTool(context, 'pgbench');
    const scrape = await startExporter(await needExporter(context), pooler.current);
    const { host, port, user, password, database } = pooler.current;
    const run = (...args: string[]) =>
      promisify(execFile)(pgbench, [...args, '-h', host, '-p', String(port), '-U', user, database], {
        env: { ...process.env, PGPASSWORD: password },
      });
    await run('-i', '-q');
    const of = (samples: Sample[], name: string) => sumOf(samples, `pgbouncer_${name}`, { database });
    const before = await scrape();
    let isOver = false;
    let scrapes = 0;
    const scraping = (async () => {
      while (!isOver) {
        const samples = await scrape();
        scrapes += 1;
        expect([scrapes, sumOf(samples, 'pgbouncer_up')]).toEqual([scrapes, 1]);
        await delay(200);
      }
    })();
    const { stdout } = await run('-n', '-c', '8', '-T', String(SECONDS)).finally(() => {
      isOver = true;
    });
    await scraping;
    const after = await scrape();
    const transactions = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1]);
    expect(transactions).toBeGreaterThan(10);
    const grown = (name: string) => of(after, name) - of(before, name);
    // Seven statements each, and those with which pgbench begins.
    const isRight = (counted: number, told: number) => Math.abs(counted - told) <= told / 100 + 10;
    expect(isRight(grown('stats_totals_sql_transactions_pooled_total'), transactions)).toBe(true);
    expect(isRight(grown('stats_totals_queries_pooled_total'), transactions * 7)).toBe(true);
    expect(sumOf(after, 'pgbouncer_up')).toBe(1);
    expect(sumOf(after, 'pgbouncer_databases_pool_size', { name: database })).toBe(3);
    expect(sumOf(after, 'pgbouncer_config_max_client_connections')).toBe(10_000);
    expect(scrapes).toBeGreaterThan(SECONDS);
  },
  30_000 + SECONDS * 1_000,
);
