// Counts of durations by size: fixed buckets, so that adding one costs no memory and any two can be compared or subtracted.
//
// Nine buckets a decade, from 50 microseconds to 1000 seconds: a quantile is right within a quarter, mostly far better.

const MANTISSAS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8];
const FIRST_US = 50;
const DECADES_US = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
const LAST_US = 1_000_000_000;

/** The largest value of each bucket, in microseconds; the last one takes the rest. */
const BOUNDS_US = Float64Array.from([
  FIRST_US,
  ...DECADES_US.flatMap((decade) => MANTISSAS.map((mantissa) => decade * mantissa)),
  LAST_US,
  Number.POSITIVE_INFINITY,
]);

/** The largest value of each bucket, in ms. */
export const BOUNDS_MS: readonly number[] = [...BOUNDS_US].map((bound) => bound / 1_000);
export const BUCKETS: number = BOUNDS_US.length;

/** By length in bits: the first bucket that a number of microseconds of that length can be in. */
const FIRST_OF_LENGTH = Uint8Array.from({ length: 33 }, (_, bits) =>
  BOUNDS_US.findIndex((bound) => bound >= (bits === 0 ? 0 : 2 ** (bits - 1))),
);
/** Longer ones are all in the last bucket, and stay below 2^31. */
const MOST_MS = 2_000_000;

/** How many there are in each bucket. */
export type BucketCounts = Readonly<Float64Array>;

export class Histogram {
  readonly counts = new Float64Array(BUCKETS);
  sumMs = 0;

  get count(): number {
    return total(this.counts);
  }

  record(ms: number): void {
    this.sumMs += ms;
    const us = ms < MOST_MS ? (ms * 1_000) | 0 : MOST_MS * 1_000;
    // Stamps are taken at different moments: a difference may be a trifle below zero.
    let bucket = us > 0 ? FIRST_OF_LENGTH[32 - Math.clz32(us)]! : 0;
    while (us > BOUNDS_US[bucket]!) bucket += 1;
    this.counts[bucket]! += 1;
  }

  /** One that took no time. */
  recordNone(): void {
    this.counts[0]! += 1;
  }
}

/** How many there are in all buckets. */
export function total(counts: BucketCounts): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}

export function isSame(counts: BucketCounts, others: BucketCounts): boolean {
  for (let i = 0; i < counts.length; i += 1) if (counts[i] !== others[i]) return false;
  return true;
}

/** What came since `before`. */
export function since(counts: BucketCounts, before: BucketCounts): Float64Array {
  const came = counts.slice();
  for (let i = 0; i < came.length; i += 1) came[i]! -= before[i]!;
  return came;
}

/** The value, in ms, below which this share of them lies: within its bucket as if they were spread evenly. 0: there are none. */
export function quantile(counts: BucketCounts, share: number): number {
  const wanted = total(counts) * share;
  let seen = 0;
  for (let i = 0; i < BUCKETS; i += 1) {
    const count = counts[i]!;
    if (count === 0 || seen + count < wanted) {
      seen += count;
      continue;
    }
    const low = i === 0 ? 0 : BOUNDS_MS[i - 1]!;
    const high = BOUNDS_MS[i]!;
    return high === Number.POSITIVE_INFINITY ? low : low + ((high - low) * (wanted - seen)) / count;
  }
  return 0;
}

/** The bound, in ms, that none of them is above; 0: there are none. Infinity: the last bucket has one. */
export function upperBound(counts: BucketCounts): number {
  for (let i = BUCKETS - 1; i >= 0; i -= 1) if (counts[i]! > 0) return BOUNDS_MS[i]!;
  return 0;
}

/** Adds to the first. */
export function addCounts(sum: Float64Array, counts: BucketCounts): void {
  for (let i = 0; i < sum.length; i += 1) sum[i]! += counts[i]!;
}

/** As a text that is short where most buckets are empty, and back. */
export function packCounts(counts: BucketCounts): string {
  const parts: string[] = [];
  for (let i = 0; i < counts.length; i += 1) if (counts[i]! !== 0) parts.push(`${i}:${counts[i]}`);
  return parts.join(' ');
}

export function unpackCounts(text: string): Float64Array {
  const counts = new Float64Array(BUCKETS);
  for (const part of text === '' ? [] : text.split(' ')) {
    const [bucket, count] = part.split(':').map(Number);
    if (bucket! < BUCKETS) counts[bucket!] = count!;
  }
  return counts;
}

/** A minute is so many slots, and is over when the oldest goes: it covers 50 to 60 seconds. */
const SLOTS = 6;
const SLOT_MS = 10_000;

/** What a histogram had at the beginning of each slot of the last minute, oldest first. */
export class LastMinute {
  readonly #slots: BucketCounts[] = [];
  #slotSince = Number.NEGATIVE_INFINITY;

  /** From the timer, as often as it likes. */
  tick(counts: BucketCounts, now: number): void {
    if (now - this.#slotSince < SLOT_MS) return;
    this.#slotSince = now;
    const last = this.#slots.at(-1);
    // Nothing came: most of many pools are quiet.
    this.#slots.push(last !== undefined && isSame(counts, last) ? last : counts.slice());
    if (this.#slots.length > SLOTS) this.#slots.shift();
  }

  /** Of what there is now, what came within the last minute; all of it while there are fewer slots, which began with nothing. */
  of(counts: BucketCounts): BucketCounts {
    return this.#slots.length < SLOTS ? counts : since(counts, this.#slots[0]!);
  }
}
