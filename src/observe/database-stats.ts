// What each database has counted, in all and on average, and the line of each stats_period in the log. The console is a database, too.

import type { Pool } from '../pool/pool.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { Logger } from './log.ts';

/** Counters of PoolStats, in the order of SHOW STATS. */
export const COUNTERS = [
  'serverAssignmentCount',
  'xactCount',
  'queryCount',
  'bytesReceived',
  'bytesSent',
  'xactTimeMs',
  'queryTimeMs',
  'waitTimeMs',
  'clientParseCount',
  'serverParseCount',
  'bindCount',
  'clientLoginCount',
] as const satisfies readonly (keyof PoolStats)[];
export type Counter = (typeof COUNTERS)[number];
export type Totals = Record<Counter, number>;

export interface StatsRow {
  readonly database: string;
  readonly totals: Readonly<Totals>;
  /** Per second; the times are those of one transaction, one statement and one wait. */
  readonly averages: Readonly<Totals>;
}

/** The totals at a moment. */
interface Mark {
  readonly at: number;
  readonly totals: ReadonlyMap<string, Totals>;
}

/** What a time is the sum of. */
const SHARED_BY = { xactTimeMs: 'xactCount', queryTimeMs: 'queryCount', waitTimeMs: 'serverAssignmentCount' } as const;

/** What the average of a counter is an average over; null: it is a rate. */
export function averagedOver(key: Counter): Counter | null {
  return key in SHARED_BY ? SHARED_BY[key as keyof typeof SHARED_BY] : null;
}

/** PgBouncer: an average is that of one second at least. */
const LEAST_MS = 1_000;
export const CONSOLE = 'pgbouncer';

export interface DatabaseStatsOptions {
  readonly pools: Iterable<Pick<Pool, 'database' | 'stats'>>;
  readonly settings: () => { readonly stats_period: number; readonly log_stats: boolean };
  readonly log: Logger;
}

export class DatabaseStats {
  /** Commands and logins of the console: it adds to them itself. */
  readonly console: Totals = zeros();
  readonly #options: DatabaseStatsOptions;
  #older: Mark;
  #newer: Mark;

  constructor(options: DatabaseStatsOptions, now: number) {
    this.#options = options;
    this.#newer = { at: now, totals: new Map() };
    this.#older = this.#newer;
  }

  /** The janitor's moment: is the period over? PgBouncer: refresh_stats. */
  tick(now: number): void {
    const { stats_period, log_stats } = this.#options.settings();
    if (now - this.#newer.at < stats_period) return;
    this.#older = this.#newer;
    this.#newer = { at: now, totals: this.#totals() };
    if (log_stats) this.#write(this.sum(now).averages);
  }

  /** By name. The averages are those of the time since the period before this one began, as in PgBouncer. */
  rows(now: number): StatsRow[] {
    const { at, totals: before } = this.#older;
    return [...this.#totals()]
      .map(([database, totals]) => ({ database, totals, averages: averages(totals, before.get(database), now - at) }))
      .sort((a, b) => (a.database < b.database ? -1 : 1));
  }

  /** Of all databases together. */
  sum(now: number): Omit<StatsRow, 'database'> {
    const { at, totals: before } = this.#older;
    const totals = add(this.#totals().values());
    return { totals, averages: averages(totals, add(before.values()), now - at) };
  }

  #totals(): Map<string, Totals> {
    const byDatabase = new Map([[CONSOLE, { ...this.console }]]);
    for (const { database, stats } of this.#options.pools) {
      const totals = byDatabase.get(database) ?? zeros();
      byDatabase.set(database, totals);
      for (const key of COUNTERS) totals[key] += stats[key];
    }
    return byDatabase;
  }

  /** PgBouncer's words and units, for scripts that look for them, and the numbers by name. */
  #write(averages: Readonly<Totals>): void {
    const xacts = Math.round(averages.xactCount);
    const queries = Math.round(averages.queryCount);
    const received = Math.round(averages.bytesReceived);
    const sent = Math.round(averages.bytesSent);
    const xactUs = Math.round(averages.xactTimeMs * 1000);
    const queryUs = Math.round(averages.queryTimeMs * 1000);
    const waitUs = Math.round(averages.waitTimeMs * 1000);
    this.#options.log.info(
      { xacts, queries, received, sent, xactUs, queryUs, waitUs },
      `stats: ${xacts} xacts/s, ${queries} queries/s, in ${received} B/s, out ${sent} B/s, xact ${xactUs} us, query ${queryUs} us, wait ${waitUs} us`,
    );
  }
}

const ZEROS = Object.freeze(Object.fromEntries(COUNTERS.map((key) => [key, 0]))) as Totals;

export function zeros(): Totals {
  return { ...ZEROS };
}

function add(all: Iterable<Totals>): Totals {
  const sum = zeros();
  for (const totals of all) for (const key of COUNTERS) sum[key] += totals[key];
  return sum;
}

/** A pool that was forgotten took its counters along: what is left of them is not a negative rate. */
function averages(after: Totals, before: Totals = zeros(), lasted: number): Totals {
  const lastedMs = Math.max(lasted, LEAST_MS);
  const grown = zeros();
  for (const key of COUNTERS) grown[key] = Math.max(after[key] - before[key], 0);
  const result = zeros();
  for (const key of COUNTERS) result[key] = (grown[key] * 1000) / lastedMs;
  for (const [time, count] of Object.entries(SHARED_BY) as [keyof typeof SHARED_BY, Counter][])
    result[time] = grown[count] > 0 ? grown[time] / grown[count] : 0;
  return result;
}
