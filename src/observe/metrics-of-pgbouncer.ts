// The names of PgBouncer's exporters (metrics_compat: pgbouncer): prometheus-community/pgbouncer_exporter, and Debian's prometheus-pgbouncer-exporter.
// Dashboards and alerts that were made for these read the same numbers here.

import type { DatabaseRow } from './databases.ts';
import type { Add, Families } from './families.ts';
import type { LabelNames } from './label-names.ts';
import type { Lists } from './lists.ts';
import type { MetricsSources, Picture } from './picture.ts';
import type { PoolRow } from './snapshot.ts';

type Numbers<Row> = readonly (readonly [name: string, help: string, value: (row: Row) => number])[];

/** By database, and under two prefixes: releases of the exporter before 0.6, and its documentation, say pgbouncer_stats_. */
const STATS_PREFIXES = ['stats_totals_', 'stats_'];
const STATS: Numbers<PoolRow> = [
  ['queries_pooled_total', 'Statements that were answered.', ({ stats }) => stats.queryCount],
  ['queries_duration_seconds_total', 'Time spent with statements.', ({ stats }) => stats.queryTimeMs / 1e3],
  ['sql_transactions_pooled_total', 'Transactions that were answered.', ({ stats }) => stats.xactCount],
  ['server_in_transaction_seconds_total', 'Time spent in transactions.', ({ stats }) => stats.xactTimeMs / 1e3],
  ['client_wait_seconds_total', 'Time that clients waited for a server.', ({ stats }) => stats.waitTimeMs / 1e3],
  ['received_bytes_total', 'Bytes received from clients.', ({ stats }) => stats.bytesReceived],
  ['sent_bytes_total', 'Bytes sent to clients.', ({ stats }) => stats.bytesSent],
  ['server_assignments_total', 'Times that a client got a server.', ({ stats }) => stats.serverAssignmentCount],
];

const POOLS: Numbers<PoolRow> = [
  ['client_active_connections', 'cl_active of SHOW POOLS.', ({ clients }) => clients.active + clients.idle],
  ['client_waiting_connections', 'cl_waiting of SHOW POOLS.', ({ clients }) => clients.waiting],
  [
    'client_active_cancel_connections',
    'cl_active_cancel_req of SHOW POOLS.',
    ({ clients }) => clients.active_cancel_req,
  ],
  [
    'client_waiting_cancel_connections',
    'cl_waiting_cancel_req of SHOW POOLS.',
    ({ clients }) => clients.waiting_cancel_req,
  ],
  ['server_active_connections', 'sv_active of SHOW POOLS.', ({ servers }) => servers.active],
  ['server_active_cancel_connections', 'sv_active_cancel of SHOW POOLS.', ({ servers }) => servers.active_cancel],
  ['server_being_canceled_connections', 'sv_being_canceled of SHOW POOLS.', ({ servers }) => servers.being_canceled],
  ['server_idle_connections', 'sv_idle of SHOW POOLS.', ({ servers }) => servers.idle],
  ['server_used_connections', 'sv_used of SHOW POOLS.', ({ servers }) => servers.used],
  ['server_testing_connections', 'sv_tested of SHOW POOLS.', ({ servers }) => servers.tested],
  ['server_login_connections', 'sv_login of SHOW POOLS.', ({ servers }) => servers.login],
];

const DATABASE_LABELS = ['name', 'host', 'port', 'database', 'force_user', 'pool_mode'];
const DATABASES: Numbers<DatabaseRow> = [
  ['pool_size', 'pool_size of SHOW DATABASES.', ({ poolSize }) => poolSize],
  ['reserve_pool', 'reserve_pool_size of SHOW DATABASES.', ({ reservePoolSize }) => reservePoolSize],
  ['max_connections', 'max_connections of SHOW DATABASES.', ({ maxConnections }) => maxConnections],
  ['current_connections', 'current_connections of SHOW DATABASES.', ({ currentConnections }) => currentConnections],
  ['paused', '1: the database is paused.', ({ isPaused }) => Number(isPaused)],
  ['disabled', '1: the database is disabled.', ({ isDisabled }) => Number(isDisabled)],
];

/** Debian's: by database. It calls them gauges. */
const DEBIAN_STATS: Numbers<PoolRow> = [
  ['requests_total', 'Statements that were answered.', ({ stats }) => stats.queryCount],
  ['received_bytes_total', 'Bytes received from clients.', ({ stats }) => stats.bytesReceived],
  ['sent_bytes_total', 'Bytes sent to clients.', ({ stats }) => stats.bytesSent],
  ['query_microseconds_total', 'Time spent with statements.', ({ stats }) => Math.trunc(stats.queryTimeMs * 1e3)],
];
const DEBIAN_POOLS: Numbers<PoolRow> = [
  ['active_clients', 'cl_active of SHOW POOLS.', ({ clients }) => clients.active + clients.idle],
  ['waiting_clients', 'cl_waiting of SHOW POOLS.', ({ clients }) => clients.waiting],
];

/** Of the whole process: SHOW CONFIG. */
const CONFIG: Numbers<MetricsSources> = [
  ['up', 'Always 1.', () => 1],
  ['config_max_client_connections', 'max_client_conn.', ({ states }) => states.config.settings.max_client_conn],
  ['config_max_user_connections', 'max_user_connections.', ({ states }) => states.config.settings.max_user_connections],
];
/** Told by every worker. */
const KNOWN_TO_ALL: ReadonlySet<keyof Lists> = new Set(['databases', 'users', 'pools', 'dns_names', 'dns_zones']);
/** As SHOW LISTS has them, and what the exporters make of its words. */
const LIST_NAMES: readonly (readonly [name: string, of: keyof Lists])[] = [
  ['databases', 'databases'],
  ['users', 'users'],
  ['pools', 'pools'],
  ['free_clients', 'free_clients'],
  ['used_clients', 'used_clients'],
  ['login_clients', 'login_clients'],
  ['free_servers', 'free_servers'],
  ['used_servers', 'used_servers'],
  ['cached_dns_names', 'dns_names'],
  ['cached_dns_zones', 'dns_zones'],
  ['in_flight_dns_queries', 'dns_queries'],
  ['dns_names', 'dns_names'],
  ['dns_zones', 'dns_zones'],
  ['dns_queries', 'dns_queries'],
  ['dns_pending', 'dns_pending'],
];

export function addPgbouncer(families: Families, sources: MetricsSources, look: () => Picture): void {
  const add = (kind: 'counter' | 'gauge', name: string, help: string, labels: string[], fill: (add: Add) => void) =>
    families.add(kind, { name: `pgbouncer_${name}`, help, labels }, fill);
  const addSame = (name: string, help: string, labels: string[], fill: (add: Add) => void) =>
    families.addSame({ name: `pgbouncer_${name}`, help, labels }, fill);
  addSame('version_info', 'Always 1.', ['version'], (add) => add([`pgsluice ${sources.version}`], 1));
  for (const [name, help, value] of CONFIG) addSame(name, help, [], (add) => add([], value(sources)));
  for (const [name, of] of LIST_NAMES) {
    const fill = (into: Add) => into([], look().lists[of]);
    if (KNOWN_TO_ALL.has(of)) addSame(name, `${of} of SHOW LISTS.`, [], fill);
    else add('gauge', name, `${of} of SHOW LISTS.`, [], fill);
  }

  const byDatabase = (kind: 'counter' | 'gauge', prefix: string, rows: typeof STATS) => {
    for (const [name, help, value] of rows)
      add(kind, prefix + name, help, ['database'], (add) => {
        const { pools, labels } = look();
        for (const row of pools) add([labels.database(row.database)], value(row));
      });
  };
  for (const prefix of STATS_PREFIXES) byDatabase('counter', prefix, STATS);
  byDatabase('gauge', '', DEBIAN_STATS);

  const byPool = (prefix: string, rows: typeof POOLS, merge?: typeof Math.max) => {
    for (const [name, help, value] of rows)
      families.add(
        'gauge',
        { name: `pgbouncer_${prefix}${name}`, help, labels: ['database', 'user'] },
        (add) => {
          const picture = look();
          for (const row of picture.pools) add(picture.labelsOf(row), value(row));
        },
        merge,
      );
  };
  byPool('pools_', POOLS);
  // Whole seconds, as the column.
  byPool(
    'pools_',
    [['client_maxwait_seconds', 'maxwait of SHOW POOLS.', (row) => Math.floor(row.maxWaitMs / 1000)]],
    Math.max,
  );
  byPool('', DEBIAN_POOLS);

  for (const [name, help, value] of DATABASES) {
    const fill = (into: Add) => {
      const { databases, labels } = look();
      for (const row of databases) into(databaseLabels(row, labels), value(row));
    };
    if (name === 'current_connections') add('gauge', `databases_${name}`, help, DATABASE_LABELS, fill);
    else addSame(`databases_${name}`, help, DATABASE_LABELS, fill);
  }
  for (const [name, help, value] of DATABASES.slice(0, 2)) {
    addSame(name, help, ['database'], (add) => {
      const { databases, labels } = look();
      for (const row of databases) add([labels.database(row.database)], value(row));
    });
  }
  add(
    'gauge',
    'client_connections',
    'Clients by who they are and what they do, as in SHOW CLIENTS.',
    ['database', 'user', 'application_name', 'state'],
    (add) => {
      const { clients, labels } = look();
      for (const { database, user, application, state, count } of clients)
        add([...labels.pool(database, user), labels.application(application), state], count);
    },
  );
}

function databaseLabels(row: DatabaseRow, labels: LabelNames): string[] {
  const { host, port, forceUser, poolMode } = row;
  return [
    labels.database(row.name),
    host ?? '',
    String(port),
    labels.database(row.database),
    forceUser ?? '',
    poolMode ?? '',
  ];
}
