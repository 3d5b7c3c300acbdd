// A real Prometheus, with the alerts of docker/, in front of a pgsluice in which a real leak happens.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '../support/command.ts';
import { startPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { needTool } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const ALERTS = join(import.meta.dirname, '../../docker/prometheus/alerts.yaml');

interface Answer<Data> {
  readonly status: string;
  readonly data: Data;
}

/** Scrapes twice a second; resolves to what asks its API. */
async function startPrometheus(context: TestContext, target: number): Promise<<Data>(path: string) => Promise<Data>> {
  const prometheus = needTool(context, 'prometheus');
  const dir = mkdtempSync(join(tmpdir(), 'pgsluice-prometheus-'));
  const config = {
    global: { scrape_interval: '500ms', evaluation_interval: '500ms' },
    rule_files: [ALERTS],
    scrape_configs: [{ job_name: 'pgsluice', static_configs: [{ targets: [`127.0.0.1:${target}`] }] }],
  };
  const file = join(dir, 'prometheus.yaml');
  writeFileSync(file, stringify(config));
  const port = await freePort();
  const flags = ['--config.file', file, '--storage.tsdb.path', join(dir, 'data'), '--log.level', 'error'];
  const child = spawn(prometheus, [...flags, '--web.listen-address', `127.0.0.1:${port}`], { stdio: 'ignore' });
  onTestFinished(async () => {
    const ended = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null && child.kill('SIGKILL')) await ended;
    rmSync(dir, { recursive: true, force: true });
  });
  return async <Data>(path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`);
    return ((await response.json()) as Answer<Data>).data;
  };
}

interface Alerts {
  readonly alerts: {
    readonly state: string;
    readonly labels: Record<string, string>;
    readonly annotations: Record<string, string>;
  }[];
}

test('a real Prometheus reads the metrics, and a leak fires its alert', async (context) => {
  const httpPort = await freePort();
  const pooler = await startPooler(db.current, {
    http_listen_port: httpPort,
    leak_detection_threshold: '500ms',
    leak_reclaim: 'never',
    default_pool_size: 3,
  });
  onTestFinished(() => pooler.stop());
  const api = await startPrometheus(context, httpPort);
  const value = async (query: string) => {
    const found = await api<{ result: { value: [number, string] }[] }>(`query?query=${encodeURIComponent(query)}`);
    return Number(found.result[0]?.value[1] ?? Number.NaN);
  };
  const isUp = async () => (await value('up{job="pgsluice"}')) === 1;
  await waitUntil(isUp, { timeoutMs: 15_000, what: 'a scrape' });

  const busy = await pooler.connect({ params: { application_name: 'busy' } });
  const leaky = await pooler.connect({ params: { application_name: 'leaky' } });
  await leaky.rows('BEGIN');
  const quantile = 'histogram_quantile(0.5, rate(pgsluice_pool_query_duration_seconds_bucket[10s]))';
  await waitUntil(
    async () => {
      await busy.rows('SELECT pg_sleep(0.03)');
      return (await value(quantile)) > 0.025;
    },
    { timeoutMs: 15_000, what: 'a median that is that of the statements' },
  );
  expect(await value(quantile)).toBeLessThan(0.1);
  await waitUntil(async () => (await value('pgsluice_pool_holders{state="idle_in_transaction"}')) === 1);

  const leak = await waitUntil(
    async () => (await api<Alerts>('alerts')).alerts.find(({ labels }) => labels.alertname === 'PgsluiceLeak'),
    { timeoutMs: 15_000, what: 'the alert' },
  );
  expect(leak).toMatchObject({ state: 'firing', labels: { severity: 'warning', application_name: 'leaky' } });
  expect(leak.annotations.summary).toContain('leaky holds a server');
  const { groups } = await api<{ groups: { rules: { name: string; health: string }[] }[] }>('rules');
  for (const { name, health } of groups.flatMap(({ rules }) => rules)) expect([name, health]).toEqual([name, 'ok']);
});
