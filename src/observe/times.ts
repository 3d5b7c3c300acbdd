// How long clients waited for servers, held them and ran on them: by pool, since the pool came and in the last minute.

import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { type BucketCounts, type Histogram, quantile, since, total, upperBound } from '../util/histogram.ts';

/** What is measured, in the order of a client's way. */
export const TIMES = ['wait', 'hold', 'transaction', 'query'] as const;
export type TimeName = (typeof TIMES)[number];

/** A minute is so many slots, and is over when the oldest goes: it covers 50 to 60 seconds. */
const SLOTS = 6;
const SLOT_MS = 10_000;

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

/** What the histograms of a pool had at the beginning of each slot, oldest first. */
type Slots = Float64Array[][];

export class RecentTimes {
  readonly #slots = new WeakMap<Pool, Slots>();
  #slotSince = Number.NEGATIVE_INFINITY;

  /** From the timer. */
  tick(pools: Pools, now: number): void {
    if (now - this.#slotSince < SLOT_MS) return;
    this.#slotSince = now;
    for (const pool of pools) {
      const slots = this.#slots.get(pool) ?? [];
      slots.push(TIMES.map((time) => histogramOf(pool, time).counts.slice()));
      if (slots.length > SLOTS) slots.shift();
      this.#slots.set(pool, slots);
    }
  }

  /** The counts of the last minute; of a younger pool, of all its time. */
  counts(pool: Pool, time: TimeName): BucketCounts {
    const { counts } = histogramOf(pool, time);
    const slots = this.#slots.get(pool);
    // A pool that has fewer slots than there are began with empty ones.
    if (slots === undefined || slots.length < SLOTS) return counts;
    return since(counts, slots[0]![TIMES.indexOf(time)]!);
  }

  rows(pools: Pools): TimeRow[] {
    return [...pools].flatMap((pool) =>
      TIMES.map((time) => ({
        database: pool.database,
        user: pool.user,
        time,
        minute: summarize(this.counts(pool, time)),
        total: summarize(histogramOf(pool, time).counts),
      })),
    );
  }
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
