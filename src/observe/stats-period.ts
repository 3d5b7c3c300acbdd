// What happened in the last whole stats_period, for each database: the averages of the console, and the line in the log.

import type { Pool } from '../pool/pool.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { Logger } from './log.ts';

/** Counters of PoolStats that have an average. */
const COUNTERS = [
  'xactCount',
  'queryCount',
  'bytesReceived',
  'bytesSent',
  'xactTimeMs',
  'queryTimeMs',
  'waitTimeMs',
  'serverAssignmentCount',
  'clientLoginCount',
] as const satisfies readonly (keyof PoolStats)[];

/** PgBouncer: calc_average. Per second, but xactTimeMs per transaction and queryTimeMs per statement. */
export type Averages = Readonly<Record<(typeof COUNTERS)[number], number>>;
type Totals = Record<(typeof COUNTERS)[number], number>;

export interface StatsPeriodOptions {
  readonly pools: () => Iterable<Pool>;
  readonly settings: () => { readonly stats_period: number; readonly log_stats: boolean };
  readonly log: Logger;
}

const zeros = (): Totals => Object.fromEntries(COUNTERS.map((key) => [key, 0])) as Totals;
const NOTHING: Averages = Object.freeze(zeros());

export class StatsPeriod {
  readonly #options: StatsPeriodOptions;
  #startedAt: number;
  /** At the begin of the running period. */
  #totals = new Map<string, Totals>();
  #averages = new Map<string, Averages>();

  constructor(options: StatsPeriodOptions, now: number) {
    this.#options = options;
    this.#startedAt = now;
  }

  /** Of the last whole period; zeros before there was one. */
  averagesOf(database: string): Averages {
    return this.#averages.get(database) ?? NOTHING;
  }

  /** The janitor's moment: is the period over? */
  tick(now: number): void {
    const { stats_period, log_stats } = this.#options.settings();
    const lastedMs = now - this.#startedAt;
    if (lastedMs < stats_period) return;
    const totals = this.#sum();
    const all = zeros();
    this.#averages = new Map();
    for (const [database, after] of totals) {
      const difference = differenceOf(after, this.#totals.get(database));
      for (const key of COUNTERS) all[key] += difference[key];
      this.#averages.set(database, averagesOf(difference, lastedMs));
    }
    this.#startedAt = now;
    this.#totals = totals;
    if (log_stats) this.#write(averagesOf(all, lastedMs));
  }

  #sum(): Map<string, Totals> {
    const byDatabase = new Map<string, Totals>();
    for (const { database, stats } of this.#options.pools()) {
      const totals = byDatabase.get(database) ?? zeros();
      byDatabase.set(database, totals);
      for (const key of COUNTERS) totals[key] += stats[key];
    }
    return byDatabase;
  }

  /** PgBouncer's words and units, for scripts that look for them, and the numbers by name. */
  #write(averages: Averages): void {
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

/** A pool that was forgotten took its counters along: what is left of them is not a negative rate. */
function differenceOf(after: Totals, before: Totals = zeros()): Totals {
  const difference = zeros();
  for (const key of COUNTERS) difference[key] = Math.max(after[key] - before[key], 0);
  return difference;
}

function averagesOf(difference: Totals, lastedMs: number): Averages {
  const averages = zeros();
  for (const key of COUNTERS) averages[key] = (difference[key] * 1000) / lastedMs;
  averages.xactTimeMs = difference.xactCount > 0 ? difference.xactTimeMs / difference.xactCount : 0;
  averages.queryTimeMs = difference.queryCount > 0 ? difference.queryTimeMs / difference.queryCount : 0;
  return averages;
}
