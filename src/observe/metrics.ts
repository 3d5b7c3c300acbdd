// What Prometheus reads: made from the snapshot when it asks, so that counting costs the data plane nothing more.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { printable } from '../guard/exhaustion.ts';
import type { Observer } from './observer.ts';
import { applicationRows, type PoolRow, poolRows, type Sources } from './snapshot.ts';

export interface MetricsSources {
  readonly observer: Observer;
  readonly version: string;
  /** 'running', or what the process does instead. */
  state(): string;
  snapshot(): Sources;
}

const POOL_LABELS = ['database', 'user'] as const;
type PoolNumber = (row: PoolRow) => number;

/** Name, help and value of each counter of a pool. Times are seconds, as Prometheus wants them. */
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
    'queue_full_total',
    'Clients that were refused because max_waiting_clients wait already.',
    (row) => row.stats.queueFullCount,
  ],
  ['shed_total', 'Clients that were refused because they would have waited in vain.', (row) => row.stats.shedCount],
  ['wait_timeouts_total', 'Clients whose wait was ended by query_wait_timeout.', (row) => row.stats.waitTimeoutCount],
];

export class Metrics {
  readonly #registry = new Registry();
  readonly #sources: MetricsSources;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    collectDefaultMetrics({ register: this.#registry });
    this.#addProcess();
    this.#addPools();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of one scrape. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #addProcess(): void {
    const { observer, version } = this.#sources;
    const registers = [this.#registry];
    const info: Gauge = new Gauge({
      name: 'pgsluice_info',
      help: 'Always 1; the version and the state.',
      labelNames: ['version', 'state'],
      registers,
      collect: () => {
        info.reset();
        info.set({ version, state: this.#sources.state() }, 1);
      },
    });
    const clients: Gauge = new Gauge({
      name: 'pgsluice_clients',
      help: 'Client connections, those that log in included.',
      registers,
      collect: () => clients.set(this.#sources.snapshot().clients.size),
    });
    this.#counter('pgsluice_bugs_total', 'Internal errors (XX000): mistakes of pgsluice itself.', [], (add) =>
      add([], observer.bugs),
    );
    this.#counter('pgsluice_pooler_errors_total', 'Errors of pgsluice told to clients, by cause.', ['cause'], (add) => {
      for (const [cause, count] of observer.poolerErrors) add([cause], count);
    });
    this.#counter(
      'pgsluice_leaks_total',
      'Servers that were held and not used, by kind, by what became of it (leaked: found; reclaimed: taken back) and application.',
      ['kind', 'life', 'application_name'],
      (add) => {
        for (const [key, count] of observer.leaks) {
          const [kind = 'other', life = 'other', application = 'other'] = key.split('\0');
          add([kind, life, application], count);
        }
      },
    );
    this.#counter(
      'pgsluice_application_held_seconds_total',
      'Time that the application held servers, by what it did with them: used, or silent inside a transaction.',
      ['application_name', 'state'],
      (add) => {
        for (const [application, heldMs, idleMs] of this.#byApplication()) {
          add([application, 'used'], (heldMs - idleMs) / 1000);
          add([application, 'idle_in_transaction'], idleMs / 1000);
        }
      },
    );
    this.#counter(
      'pgsluice_application_waits_caused_seconds_total',
      'Time that others waited while the application held servers and was silent inside a transaction.',
      ['application_name'],
      (add) => {
        for (const [application, , , waitsMs] of this.#byApplication()) add([application], waitsMs / 1000);
      },
    );
    this.#counter('pgsluice_client_closes_total', 'Ends of client connections, by reason.', ['reason'], (add) => {
      for (const [reason, count] of observer.clientCloses) add([reason], count);
    });
    this.#counter('pgsluice_server_closes_total', 'Ends of server connections, by reason.', ['reason'], (add) => {
      for (const [reason, count] of observer.serverCloses) add([reason], count);
    });
  }

  /** Over all routes: application, ms held, ms idle, ms that others waited. */
  #byApplication(): (readonly [string, number, number, number])[] {
    const sums = new Map<string, [string, number, number, number]>();
    for (const { application, heldMs, idleMs, waitsCausedMs } of applicationRows(this.#sources.snapshot())) {
      const name = printable(application);
      const sum = sums.get(name) ?? [name, 0, 0, 0];
      sum[1] += heldMs;
      sum[2] += idleMs;
      sum[3] += waitsCausedMs;
      sums.set(name, sum);
    }
    return [...sums.values()];
  }

  #addPools(): void {
    this.#gauge('pgsluice_pool_clients', 'Clients of the pool, by state as in SHOW CLIENTS.', ['state'], (row, set) => {
      for (const [state, count] of Object.entries(row.clients)) set([state], count);
    });
    this.#gauge('pgsluice_pool_servers', 'Servers of the pool, by state as in SHOW POOLS.', ['state'], (row, set) => {
      for (const [state, count] of Object.entries(row.servers)) set([state], count);
    });
    this.#gauge('pgsluice_pool_size', 'pool_size of the pool.', [], (row, set) => set([], row.poolSize));
    this.#gauge(
      'pgsluice_pool_max_wait_seconds',
      'How long the first client in the queue has waited.',
      [],
      (row, set) => set([], row.maxWaitMs / 1000),
    );
    for (const [name, help, value] of POOL_COUNTERS) {
      this.#counter(`pgsluice_pool_${name}`, help, POOL_LABELS, (add) => {
        for (const row of this.#rows()) add([row.database, row.user], value(row));
      });
    }
    this.#gauge('pgsluice_pool_pinned_servers', 'Servers kept beyond a transaction, by kind.', ['kind'], (row, set) => {
      for (const [kind, count] of row.pinned) set([kind], count);
    });
    this.#counter(
      'pgsluice_pool_session_warnings_total',
      'Statements that session_policy warns of.',
      [...POOL_LABELS, 'kind'],
      (add) => {
        for (const row of this.#rows()) {
          for (const [kind, count] of row.stats.sessionWarnings) add([row.database, row.user, kind], count);
        }
      },
    );
    this.#counter(
      'pgsluice_pool_postgres_errors_total',
      'Errors of Postgres relayed to clients.',
      [...POOL_LABELS, 'sqlstate'],
      (add) => {
        for (const row of this.#rows()) {
          for (const [sqlstate, count] of row.stats.errorsBySqlstate) add([row.database, row.user, sqlstate], count);
        }
      },
    );
  }

  #rows(): readonly PoolRow[] {
    return poolRows(this.#sources.snapshot());
  }

  /** A counter whose values are kept elsewhere: each scrape sets it anew. */
  #counter(
    name: string,
    help: string,
    labels: readonly string[],
    fill: (add: (values: string[], by: number) => void) => void,
  ): void {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: () => {
        counter.reset();
        fill((values, by) => counter.inc(Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ''])), by));
      },
    });
  }

  #gauge(
    name: string,
    help: string,
    labels: readonly string[],
    fill: (row: PoolRow, set: (values: string[], to: number) => void) => void,
  ): void {
    const names = [...POOL_LABELS, ...labels];
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: names,
      registers: [this.#registry],
      collect: () => {
        gauge.reset();
        for (const row of this.#rows()) {
          fill(row, (values, to) => {
            const all = [row.database, row.user, ...values];
            gauge.set(Object.fromEntries(names.map((label, i) => [label, all[i] ?? ''])), to);
          });
        }
      },
    });
  }
}
