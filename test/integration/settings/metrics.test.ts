// Settings of metrics and traces.
import { expect, onTestFinished, test } from 'vitest';
import { samplesOf, sumOf } from '../../support/metrics-text.ts';
import { startCollector } from '../../support/otlp-collector.ts';
import { begin, fakeFor, poolerFor, targetOf } from './for-settings.ts';

/** What pgbouncer_exporter 0.10 and later serve, without the prefix pgbouncer_. */
const EXPORTER = `up version_info config_max_client_connections config_max_user_connections
  databases users pools free_clients used_clients login_clients free_servers used_servers
  cached_dns_names cached_dns_zones in_flight_dns_queries client_connections
  databases_pool_size databases_reserve_pool databases_max_connections databases_current_connections databases_paused
  databases_disabled
  stats_totals_queries_pooled_total stats_totals_queries_duration_seconds_total stats_totals_sql_transactions_pooled_total
  stats_totals_server_in_transaction_seconds_total stats_totals_client_wait_seconds_total stats_totals_received_bytes_total
  stats_totals_sent_bytes_total stats_totals_server_assignments_total
  pools_client_active_connections pools_client_waiting_connections pools_client_active_cancel_connections
  pools_client_waiting_cancel_connections pools_server_active_connections pools_server_active_cancel_connections
  pools_server_being_canceled_connections pools_server_idle_connections pools_server_used_connections
  pools_server_testing_connections pools_server_login_connections pools_client_maxwait_seconds`;
/** What Debian's prometheus-pgbouncer-exporter 1.7 serves besides. */
const DEBIAN = `requests_total received_bytes_total sent_bytes_total query_microseconds_total active_clients waiting_clients
  pool_size reserve_pool dns_names dns_zones dns_queries dns_pending`;

const names = (text: string) => text.split(/\s+/).map((name) => `pgbouncer_${name}`);

test('metrics_compat: with pgbouncer the names of its exporters are served besides our own, and agree with them', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()));
  const client = await pooler.connect();
  await client.rows('SELECT 1');
  await begin(client);
  const foreign = async () => (await samplesOf(pooler.app)).filter(({ name }) => name.startsWith('pgbouncer_'));
  expect(await foreign()).toEqual([]);

  pooler.reload({ metrics_compat: 'pgbouncer' });
  const told = new Set((await foreign()).map(({ name }) => name));
  expect([...names(EXPORTER), ...names(DEBIAN)].filter((name) => !told.has(name))).toEqual([]);

  const samples = await samplesOf(pooler.app);
  const sum = (name: string, labels = {}) => sumOf(samples, name, labels);
  const app = { database: 'app' };
  const queries = sum('pgsluice_pool_queries_total');
  expect(queries).toBeGreaterThan(1);
  expect(sum('pgbouncer_stats_totals_queries_pooled_total', app)).toBe(queries);
  expect(sum('pgbouncer_stats_queries_pooled_total', app)).toBe(queries);
  expect(sum('pgbouncer_requests_total', app)).toBe(queries);
  expect(sum('pgbouncer_stats_totals_received_bytes_total')).toBe(sum('pgsluice_pool_received_bytes_total'));
  expect(sum('pgbouncer_pools_client_active_connections', { ...app, user: 'app' })).toBe(1);
  expect(sum('pgbouncer_pools_server_active_connections', app)).toBe(1);
  expect(sum('pgbouncer_client_connections', { ...app, user: 'app', state: 'active' })).toBe(1);
  expect(sum('pgbouncer_databases_pool_size', { name: 'app', host: '127.0.0.1', ...app })).toBe(20);
  expect(sum('pgbouncer_databases_current_connections', { name: 'app' })).toBe(1);
  expect(sum('pgbouncer_used_clients')).toBe(1);
  expect(sum('pgbouncer_used_servers')).toBe(1);

  pooler.reload({ metrics_compat: 'none' });
  expect(await foreign()).toEqual([]);
});

test('otlp_traces_endpoint: the transactions of a recorded trace are told there when it is set', async () => {
  const collector = await startCollector();
  onTestFinished(() => collector.stop());
  const tagged = "SELECT 1 /*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/";
  for (const endpoint of ['', collector.url]) {
    const pooler = await poolerFor(targetOf(await fakeFor()), { otlp_traces_endpoint: endpoint });
    await (await pooler.connect()).rows(tagged);
    await pooler.stop();
    expect(collector.spans).toHaveLength(endpoint === '' ? 0 : 1);
  }
  expect(collector.spans).toMatchObject([{ name: 'pgsluice.transaction', parentSpanId: '00f067aa0ba902b7' }]);
});
