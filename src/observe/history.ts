// The last quarter of an hour, second by second, of all pools together and of each: whoever looks has mostly come too late.

import type { Pool } from '../pool/pool.ts';
import type { PoolStats } from '../pool/stats.ts';
import {
  addCounts,
  BUCKETS,
  type BucketCounts,
  type Histogram,
  LastMinute,
  quantile,
  total,
} from '../util/histogram.ts';
import { addOccupancy, addOccupancyOf, noOccupancy, OCCUPANCY_KEYS, type Occupancy } from './occupancy.ts';
import type { Sources } from './snapshot.ts';

export const INTERVAL_MS = 1_000;
const SAMPLES = 900;
/** Pools beyond so many are only part of the sum. */
const MAX_POOLS = 32;
/** Fewer tell nothing of the lateness of the event loop. */
const LEAST_TICKS = 200;
const MINUTE_MS = 60_000;

/** One moment, and what happened since the one before. */
export interface HistorySample {
  /** Wall clock, ms since the epoch. */
  readonly at: number;
  readonly occupancy: Occupancy;
  readonly maxWaitMs: number;
  readonly xacts: number;
  readonly queries: number;
  /** Clients that were told that no server would be free for them. */
  readonly refused: number;
  readonly waitP50Ms: number;
  readonly waitP99Ms: number;
  readonly xactP50Ms: number;
  readonly xactP99Ms: number;
}

/** What a pool had counted at the last look. */
class Before {
  readonly #waits = new Float64Array(BUCKETS);
  readonly #xacts = new Float64Array(BUCKETS);
  #assignmentCount = 0;
  #waitTimeMs = 0;
  #xactCount = 0;
  #queryCount = 0;
  #refused = 0;

  /** Adds what it has counted since then. */
  addTo(sum: Sum, stats: PoolStats): void {
    const { xactCount, queryCount, serverAssignmentCount, waitTimeMs } = stats;
    const refused = stats.waitTimeoutCount + stats.queueFullCount + stats.shedCount;
    // Whoever waits either gets a server or has waited for some time.
    if (serverAssignmentCount !== this.#assignmentCount || waitTimeMs !== this.#waitTimeMs)
      addNews(sum.waits, stats.waits.counts, this.#waits);
    if (xactCount !== this.#xactCount) addNews(sum.xacts, stats.xacts.counts, this.#xacts);
    sum.xactCount += xactCount - this.#xactCount;
    sum.queryCount += queryCount - this.#queryCount;
    sum.refused += refused - this.#refused;
    this.#assignmentCount = serverAssignmentCount;
    this.#waitTimeMs = waitTimeMs;
    this.#xactCount = xactCount;
    this.#queryCount = queryCount;
    this.#refused = refused;
  }
}

function addNews(sum: Float64Array, counts: BucketCounts, before: Float64Array): void {
  for (let i = 0; i < BUCKETS; i += 1) {
    sum[i]! += counts[i]! - before[i]!;
    before[i] = counts[i]!;
  }
}

/** What is added up for one sample. */
interface Sum {
  readonly occupancy: Occupancy;
  maxWaitMs: number;
  readonly waits: Float64Array;
  readonly xacts: Float64Array;
  xactCount: number;
  queryCount: number;
  refused: number;
}

const FIELDS = OCCUPANCY_KEYS.length + 9;

/** A ring of samples as plain numbers: a quarter of an hour is 110 kB. */
class Series {
  #values = new Float64Array(0);
  #next = 0;
  #length = 0;

  push(sample: HistorySample): void {
    // Grows to its full size in steps: most poolers have one pool and many are young.
    if (this.#length < SAMPLES && (this.#length + 1) * FIELDS > this.#values.length) {
      const grown = new Float64Array(Math.min(Math.max(this.#length * 2, 64), SAMPLES) * FIELDS);
      grown.set(this.#values);
      this.#values = grown;
    }
    const { occupancy: o, at, maxWaitMs, xacts, queries, refused, waitP50Ms, waitP99Ms, xactP50Ms, xactP99Ms } = sample;
    const others = [at, maxWaitMs, xacts, queries, refused, waitP50Ms, waitP99Ms, xactP50Ms, xactP99Ms];
    this.#values.set([...others, ...OCCUPANCY_KEYS.map((key) => o[key])], this.#next * FIELDS);
    this.#next = (this.#next + 1) % SAMPLES;
    if (this.#length < SAMPLES) this.#length += 1;
  }

  /** Oldest first. */
  list(count = SAMPLES): HistorySample[] {
    const length = Math.min(count, this.#length);
    return Array.from({ length }, (_, i) => this.#at((this.#next - length + i + SAMPLES) % SAMPLES));
  }

  #at(slot: number): HistorySample {
    const v = this.#values.subarray(slot * FIELDS, (slot + 1) * FIELDS);
    return {
      at: v[0]!,
      occupancy: Object.fromEntries(OCCUPANCY_KEYS.map((key, i) => [key, v[9 + i]!])) as Occupancy,
      maxWaitMs: v[1]!,
      xacts: v[2]!,
      queries: v[3]!,
      refused: v[4]!,
      waitP50Ms: v[5]!,
      waitP99Ms: v[6]!,
      xactP50Ms: v[7]!,
      xactP99Ms: v[8]!,
    };
  }
}

export class History {
  readonly #all = new Series();
  readonly #byPool = new Map<Pool, Series>();
  readonly #before = new WeakMap<Pool, Before>();
  readonly #lateness: () => Histogram;
  readonly #late = new LastMinute();
  #lastAt = Number.NEGATIVE_INFINITY;

  /** lateness: of the event loop. */
  constructor(lateness: () => Histogram) {
    this.#lateness = lateness;
  }

  /** From the timer, which comes more often than a sample is due. */
  tick(sources: Sources): void {
    const { pools, now } = sources;
    if (now - this.#lastAt < INTERVAL_MS - 50) return;
    this.#lastAt = now;
    this.#late.tick(this.#lateness().counts, now);
    const all = newSum();
    for (const pool of pools) this.#look(pool, sources, all);
    this.#all.push(sampleOf(all, sources.wallNow));
    for (const pool of this.#byPool.keys()) if (pool.state === 'closed') this.#byPool.delete(pool);
  }

  #look(pool: Pool, { now, wallNow }: Sources, all: Sum): void {
    let before = this.#before.get(pool);
    if (before === undefined) {
      before = new Before();
      this.#before.set(pool, before);
    }
    const series = this.#seriesOf(pool);
    const sum = series === null ? all : newSum();
    addOccupancyOf(sum.occupancy, pool);
    sum.maxWaitMs = Math.max(sum.maxWaitMs, pool.maxWaitMs(now));
    before.addTo(sum, pool.stats);
    if (series === null) return;
    addSum(all, sum);
    series.push(sampleOf(sum, wallNow));
  }

  #seriesOf(pool: Pool): Series | null {
    const known = this.#byPool.get(pool);
    if (known !== undefined || this.#byPool.size === MAX_POOLS) return known ?? null;
    const series = new Series();
    this.#byPool.set(pool, series);
    return series;
  }

  /** Oldest first; pool null: all of them together. */
  list(pool: Pool | null, count?: number): readonly HistorySample[] {
    const series = pool === null ? this.#all : this.#byPool.get(pool);
    return series?.list(count) ?? [];
  }

  /** Clients that were refused for want of a server within the last minute. */
  refusedOfMinute(pool: Pool | null, wallNow: number): number {
    return this.list(pool, MINUTE_MS / INTERVAL_MS)
      .filter(({ at }) => at > wallNow - MINUTE_MS)
      .reduce((sum, { refused }) => sum + refused, 0);
  }

  /** Of the last minute; 0 while too few ticks have come for a p99. */
  loopLateP99Ms(): number {
    const recent = this.#late.of(this.#lateness().counts);
    return total(recent) < LEAST_TICKS ? 0 : quantile(recent, 0.99);
  }
}

function newSum(): Sum {
  return {
    occupancy: noOccupancy(),
    maxWaitMs: 0,
    waits: new Float64Array(BUCKETS),
    xacts: new Float64Array(BUCKETS),
    xactCount: 0,
    queryCount: 0,
    refused: 0,
  };
}

function addSum(all: Sum, own: Sum): void {
  addOccupancy(all.occupancy, own.occupancy);
  all.maxWaitMs = Math.max(all.maxWaitMs, own.maxWaitMs);
  addCounts(all.waits, own.waits);
  addCounts(all.xacts, own.xacts);
  all.xactCount += own.xactCount;
  all.queryCount += own.queryCount;
  all.refused += own.refused;
}

function sampleOf(sum: Sum, at: number): HistorySample {
  return {
    at,
    occupancy: sum.occupancy,
    maxWaitMs: sum.maxWaitMs,
    xacts: sum.xactCount,
    queries: sum.queryCount,
    refused: sum.refused,
    waitP50Ms: quantile(sum.waits, 0.5),
    waitP99Ms: quantile(sum.waits, 0.99),
    xactP50Ms: quantile(sum.xacts, 0.5),
    xactP99Ms: quantile(sum.xacts, 0.99),
  };
}
