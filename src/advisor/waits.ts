// How long clients would have waited with another number of servers: what came is played again, in the mind.
//
// A formula would have to assume how arrivals and holds are distributed, and bursts are what formulas get wrong. So the arrivals of the
// window meet holds drawn from those that were measured, and as many servers as are asked about. It is the same each time.

import { BOUNDS_MS, type BucketCounts, total } from '../util/histogram.ts';
import type { Slot } from './measured.ts';
import type { Steps } from './steps.ts';

/** So many of the newest arrivals are played at most: some milliseconds of work. */
const MAX_ARRIVALS = 20_000;
/** Holds to draw from. */
const DRAWS = 512;
/** Of all who come, so many may wait for longer than the target. */
export const LATE_SHARE = 0.01;

/** Holds as they were measured, scaled so that their mean is right: buckets know each one only roughly. */
export function drawsOf(counts: BucketCounts, meanMs: number): Float64Array {
  const draws = new Float64Array(DRAWS);
  const all = total(counts);
  if (all === 0) return draws;
  let bucket = 0;
  let seen = 0;
  for (let i = 0; i < DRAWS; i += 1) {
    const wanted = ((i + 0.5) / DRAWS) * all;
    while (seen + counts[bucket]! < wanted) {
      seen += counts[bucket]!;
      bucket += 1;
    }
    const low = bucket === 0 ? 0 : BOUNDS_MS[bucket - 1]!;
    const high = Math.min(BOUNDS_MS[bucket]!, low * 2 + 1);
    draws[i] = low + ((high - low) * (wanted - seen)) / counts[bucket]!;
  }
  const mean = draws.reduce((sum, ms) => sum + ms, 0) / DRAWS;
  return mean === 0 ? draws : draws.map((ms) => (ms * meanMs) / mean);
}

/** Who comes when, and for how long: the same for any number of servers, so it is made once. */
interface Visits {
  readonly moments: Float64Array;
  readonly holds: Float64Array;
}

function visitsOf(slots: readonly Slot[], draws: Float64Array): Visits {
  const random = new Random();
  let from = slots.length;
  let count = 0;
  for (; from > 0 && count < MAX_ARRIVALS; from -= 1) count += slots[from - 1]!.arrivals;
  const moments = new Float64Array(count);
  const holds = new Float64Array(count);
  let start = 0;
  let at = 0;
  for (const { ms, arrivals } of slots.slice(from)) {
    for (let i = at; i < at + arrivals; i += 1) moments[i] = start + random.next() * ms;
    moments.subarray(at, at + arrivals).sort();
    for (let i = at; i < at + arrivals; i += 1) holds[i] = draws[Math.floor(random.next() * DRAWS)]!;
    at += arrivals;
    start += ms;
  }
  return { moments, holds };
}

function lateOf({ moments, holds }: Visits, servers: number, targetMs: number): number {
  const free = new FreeTimes(servers);
  let late = 0;
  for (let i = 0; i < moments.length; i += 1) {
    const moment = moments[i]!;
    const begins = Math.max(moment, free.first);
    if (begins - moment > targetMs) late += 1;
    free.replaceFirst(begins + holds[i]!);
  }
  return moments.length === 0 ? 0 : late / moments.length;
}

/** The share of those who come that would wait for longer than the target. */
export function lateShare(slots: readonly Slot[], draws: Float64Array, servers: number, targetMs: number): number {
  return lateOf(visitsOf(slots, draws), servers, targetMs);
}

/** The fewest servers, from `least` to `most`, with which no more than LATE_SHARE wait for longer than the target. */
export function* serversFor(
  slots: readonly Slot[],
  draws: Float64Array,
  targetMs: number,
  least: number,
  most: number,
): Steps<number> {
  const visits = visitsOf(slots, draws);
  yield;
  const isEnough = (servers: number) => lateOf(visits, servers, targetMs) <= LATE_SHARE;
  let tooFew = least - 1;
  let enough = least;
  for (let step = 1; enough < most && !isEnough(enough); step *= 2) {
    tooFew = enough;
    enough = Math.min(enough + step, most);
    yield;
  }
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (isEnough(middle)) enough = middle;
    else tooFew = middle;
    yield;
  }
  return enough;
}

/** Numbers from 0 to 1 that are the same each time (xorshift32). */
class Random {
  #state = 0x9e3779b9;

  next(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }
}

/** When each server is free: a heap, the first one on top. */
class FreeTimes {
  readonly #times: Float64Array;

  constructor(servers: number) {
    this.#times = new Float64Array(servers);
  }

  get first(): number {
    return this.#times[0]!;
  }

  replaceFirst(time: number): void {
    const times = this.#times;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= times.length) break;
      if (child + 1 < times.length && times[child + 1]! < times[child]!) child += 1;
      if (times[child]! >= time) break;
      times[at] = times[child]!;
      at = child;
    }
    times[at] = time;
  }
}
