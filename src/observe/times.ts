// How long clients waited for servers, held them and ran on them: by pool, since the pool came and in the last minute.

import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { type BucketCounts, type Histogram, LastMinute, quantile, total, upperBound } from '../util/histogram.ts';
import { Rounds } from '../util/rounds.ts';

/** What is measured, in the order of a client's way. */
export const TIMES = ['wait', 'hold', 'transaction', 'query'] as const;
export type TimeName = (typeof TIMES)[number];

/** Milliseconds. A quantile is right within its bucket, which is at most half again as wide as its lower bound. */
export interface TimeSummary {
  readonly count: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  /** None took longer; Infinity beyond 1000 seconds. */
  readonly mostMs: number;
}

export interface TimeRow {
  readonly database: string;
  readonly user: string;
  readonly time: TimeName;
  readonly minute: TimeSummary;
  readonly total: TimeSummary;
  readonly counts: Readonly<Record<'minute' | 'total', BucketCounts>>;
}

export function histogramOf({ stats }: Pick<Pool, 'stats'>, time: TimeName): Histogram {
  switch (time) {
    case 'wait':
      return stats.waits;
    case 'hold':
      return stats.holds;
    case 'transaction':
      return stats.xacts;
    case 'query':
      return stats.queries;
  }
}

/** In so many ticks each pool is looked at. */
const ROUND_TICKS = 10;

type Minutes = Readonly<Record<TimeName, LastMinute>>;

export class RecentTimes {
  readonly #minutes = new WeakMap<Pool, Minutes>();
  readonly #rounds = new Rounds<Pool>(ROUND_TICKS);

  /** From the timer. A slot is ten seconds: nobody minds which of the ticks of a second begins it. */
  tick(pools: Pools, now: number): void {
    for (const pool of this.#rounds.next(pools)) {
      const minutes = this.#minutes.get(pool) ?? newMinutes();
      this.#minutes.set(pool, minutes);
      for (const time of TIMES) minutes[time].tick(histogramOf(pool, time).counts, now);
    }
  }

  /** The counts of the last minute; of a younger pool, of all its time. */
  counts(pool: Pool, time: TimeName): BucketCounts {
    const { counts } = histogramOf(pool, time);
    return this.#minutes.get(pool)?.[time].of(counts) ?? counts;
  }

  rows(pools: Pools): TimeRow[] {
    return [...pools].flatMap((pool) =>
      TIMES.map((time) => {
        const counts = { minute: this.counts(pool, time), total: histogramOf(pool, time).counts };
        const { database, user } = pool;
        return { database, user, time, minute: summarize(counts.minute), total: summarize(counts.total), counts };
      }),
    );
  }
}

function newMinutes(): Minutes {
  return { wait: new LastMinute(), hold: new LastMinute(), transaction: new LastMinute(), query: new LastMinute() };
}

export function summarize(counts: BucketCounts): TimeSummary {
  return {
    count: total(counts),
    p50Ms: quantile(counts, 0.5),
    p90Ms: quantile(counts, 0.9),
    p99Ms: quantile(counts, 0.99),
    mostMs: upperBound(counts),
  };
}
