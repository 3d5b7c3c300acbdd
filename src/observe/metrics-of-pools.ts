// Metrics of each pool, with the labels database and user.

import type { Families } from './families.ts';
import type { Picture } from './picture.ts';
import type { PoolRow } from './snapshot.ts';
import { histogramOf, TIMES, type TimeName } from './times.ts';

const LABELS = ['database', 'user'];
type PoolNumber = (row: PoolRow) => number;

/** Name, help and value of each counter. Times are seconds, as Prometheus wants them. */
const POOL_COUNTERS: readonly (readonly [string, string, PoolNumber])[] = [
  ['transactions_total', 'Transactions that were answered.', (row) => row.stats.xactCount],
  [
    'queries_total',
    'Statements (simple queries, or batches up to Sync) that were answered.',
    (row) => row.stats.queryCount,
  ],
  ['received_bytes_total', 'Bytes received from clients.', (row) => row.stats.bytesReceived],
  ['sent_bytes_total', 'Bytes sent to clients.', (row) => row.stats.bytesSent],
  ['transaction_seconds_total', 'Time that servers spent in transactions.', (row) => row.stats.xactTimeMs / 1000],
  ['query_seconds_total', 'Time that servers spent with statements.', (row) => row.stats.queryTimeMs / 1000],
  ['wait_seconds_total', 'Time that clients spent waiting for a server.', (row) => row.stats.waitTimeMs / 1000],
  ['server_assignments_total', 'Times that a client got a server.', (row) => row.stats.serverAssignmentCount],
  ['client_logins_total', 'Clients that were let in.', (row) => row.stats.clientLoginCount],
  ['server_logins_total', 'Logins to Postgres that worked.', (row) => row.stats.serverLoginCount],
  ['server_login_failures_total', 'Logins to Postgres that failed.', (row) => row.stats.serverLoginFailureCount],
  [
    'preparations_total',
    'Times that a server was given the session of its next client.',
    (row) => row.stats.preparationCount,
  ],
  [
    'inspections_total',
    'Times that a server was asked what its session has come to.',
    (row) => row.stats.inspectionCount,
  ],
  ['retries_total', 'Batches sent again because a shared statement was out of date.', (row) => row.stats.retryCount],
  [
    'pinned_transactions_total',
    'Transactions after which the client kept its server.',
    (row) => row.stats.pinnedXactCount,
  ],
  [
    'pinned_queries_total',
    'Statements answered by a server that was pinned to its client.',
    (row) => row.stats.pinnedQueryCount,
  ],
  [
    'notifications_total',
    'Notifications that the connection which listens has handed to clients.',
    (row) => row.listening.delivered,
  ],
  [
    'queue_full_total',
    'Clients that were refused because max_waiting_clients wait already.',
    (row) => row.stats.queueFullCount,
  ],
  ['shed_total', 'Clients that were refused because they would have waited in vain.', (row) => row.stats.shedCount],
  ['wait_timeouts_total', 'Clients whose wait was ended by query_wait_timeout.', (row) => row.stats.waitTimeoutCount],
];
/** Name, help and value of each gauge. */
const POOL_GAUGES: readonly (readonly [string, string, PoolNumber])[] = [
  ['listening_clients', 'Clients for which the connection that listens does so.', (row) => row.listening.clients],
  ['listen_channels', 'Channels that it listens to.', (row) => row.listening.channels],
];

/** The same in every worker, or so when it is in one. */
const POOL_STATES: typeof POOL_GAUGES = [
  ['size', 'pool_size of the pool.', (row) => row.poolSize],
  ['postgres_away', '1: logins to Postgres fail, and the pool has no server left.', (row) => Number(row.isAway)],
];

/** Name, help, third label, and the values of it, of what is told by kind. */
const POOL_GAUGES_BY: readonly (readonly [
  string,
  string,
  string,
  (row: PoolRow) => Iterable<readonly [string, number]>,
])[] = [
  ['clients', 'Clients of the pool, by state as in SHOW CLIENTS.', 'state', (row) => Object.entries(row.clients)],
  ['servers', 'Servers of the pool, by state as in SHOW POOLS.', 'state', (row) => Object.entries(row.servers)],
  [
    'holders',
    'Servers that clients hold, by what the holder does with them as in SHOW HOLDERS.',
    'state',
    (row) => Object.entries(row.holders),
  ],
  ['pinned_servers', 'Servers kept beyond a transaction, by kind.', 'kind', (row) => row.pinned],
];

const POOL_COUNTERS_BY: typeof POOL_GAUGES_BY = [
  ['session_warnings_total', 'Statements that session_policy warns of.', 'kind', (row) => row.stats.sessionWarnings],
  ['postgres_errors_total', 'Errors of Postgres relayed to clients.', 'sqlstate', (row) => row.stats.errorsBySqlstate],
];

const POOL_HISTOGRAMS: Readonly<Record<TimeName, string>> = {
  wait: 'How long clients waited for a server; no time at all, mostly.',
  hold: 'How long clients held a server.',
  transaction: 'How long transactions took.',
  query: 'How long statements took.',
};

export function addPools(families: Families, picture: () => Picture): void {
  const addAll = (kind: 'counter' | 'gauge', rows: typeof POOL_COUNTERS) => {
    for (const [name, help, value] of rows) {
      families.add(kind, { name: `pgsluice_pool_${name}`, help, labels: LABELS }, (add) => {
        const look = picture();
        for (const row of look.pools) add(look.labelsOf(row), value(row));
      });
    }
  };
  const addAllBy = (kind: 'counter' | 'gauge', rows: typeof POOL_GAUGES_BY) => {
    for (const [name, help, label, values] of rows) {
      families.add(kind, { name: `pgsluice_pool_${name}`, help, labels: [...LABELS, label] }, (add) => {
        const look = picture();
        for (const row of look.pools) for (const [key, value] of values(row)) add([...look.labelsOf(row), key], value);
      });
    }
  };
  addAll('gauge', POOL_GAUGES);
  for (const [name, help, value] of POOL_STATES)
    families.addSame({ name: `pgsluice_pool_${name}`, help, labels: LABELS }, (add) => {
      const { pools, labels } = picture();
      for (const row of pools) add(labels.pool(row.database, row.user), value(row));
    });
  families.add(
    'gauge',
    {
      name: 'pgsluice_pool_max_wait_seconds',
      help: 'How long the first client in the queue has waited.',
      labels: LABELS,
    },
    (add) => {
      const look = picture();
      for (const row of look.pools) add(look.labelsOf(row), row.maxWaitMs / 1000);
    },
    Math.max,
  );
  addAllBy('gauge', POOL_GAUGES_BY);
  addAll('counter', POOL_COUNTERS);
  addAllBy('counter', POOL_COUNTERS_BY);
  for (const time of TIMES) {
    const name = `pgsluice_pool_${time}_duration_seconds`;
    families.addHistogram({ name, help: POOL_HISTOGRAMS[time], labels: LABELS }, (add) => {
      const look = picture();
      for (const row of look.pools) add(look.labelsOf(row), histogramOf(row, time));
    });
  }
}
