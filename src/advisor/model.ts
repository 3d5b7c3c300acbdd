// How many servers a pool needs, and why it needs them. Pure: the same measurements give the same advice.
//
// Clients arrive at a rate and hold a server for a time: by Little's law their product is how many servers are held on average. How many more
// are needed so that hardly anybody waits depends on how they arrive; waits.ts plays that. knee.ts says where more servers are in vain.

import { quantile, total } from '../util/histogram.ts';
import type { Advice, Cause, Confidence } from './advice.ts';
import { type Found, LEAST_HOLDS, LEAST_MS, type Sums } from './found.ts';
import { kneeOf } from './knee.ts';
import type { Measured } from './measured.ts';
import { allSteps, type Steps } from './steps.ts';
import { drawsOf, serversFor } from './waits.ts';
import { say } from './words.ts';

/** From here to twice the size the numbers may be trusted: beyond it nobody has seen what Postgres does. */
const MOST_GROWTH = 2;
/** So much farther is looked, to say how many would be needed. */
const SEARCH = 4;
/** A pool whose servers are all held for so much of the time hides what is asked of it. */
const FULL = 0.95;
const GROWS = 1.3;
/** So much of the time that servers are held stands out. */
const LARGE_SHARE = 0.4;
const SLOW_MS = 200;
/** Fewer than this, and than a fifth of the pool, is not worth a change. */
const LEAST_SURPLUS = 2;

export function advise(measured: Measured): Advice {
  return allSteps(adviseInSteps(measured));
}

/** Each step takes a millisecond or so where much has come. */
export function* adviseInSteps(measured: Measured): Steps<Advice> {
  const sums = sumsOf(measured);
  const { poolSize, slots, waitTargetMs, ceiling, peak } = measured;
  if (sums.seconds * 1_000 < LEAST_MS || sums.holds < LEAST_HOLDS || poolSize < 1) return say(nothing(measured, sums));
  const most = poolSize * MOST_GROWTH;
  const needOf = (holdMs: number): Steps<number> => {
    const limit = most * SEARCH;
    const offered = Math.ceil((sums.rate * holdMs) / 1_000);
    return serversFor(slots, drawsOf(measured.holds, holdMs), waitTargetMs, clamp(offered, limit), limit);
  };
  // Who waits all the time would take a server each.
  const hidden = sums.isFull ? Math.min(Math.round(poolSize + sums.waiting), most) : 0;
  const needed = Math.max(yield* needOf(sums.holdMs), hidden);
  const knee = kneeOf(measured.levels);
  // Unless it is the clients' silence that takes longer, and not Postgres.
  const isTheirs = knee !== null && knee.busy.xactMs * (1 - sums.idleShare) <= knee.quiet.xactMs;
  const isSlowed = knee !== null && !isTheirs && sums.held >= knee.servers * 1.2;
  const bound = (servers: number) =>
    clamp(servers, Math.min(most, ceiling?.servers ?? most, isSlowed ? knee.servers : most));
  const sizeNow = bound(needed);
  const size = bound(Math.max(needed, peak?.servers ?? 0));
  const keptShare = sums.idleShare + sums.pinnedShare;
  const usedMs = sums.holdMs * Math.max(1 - keptShare, 0);
  const without = keptShare >= LARGE_SHARE ? Math.min(yield* needOf(usedMs), size) : size;
  const sizeWithout = without < size ? without : null;
  const found: Found = {
    measured,
    sums,
    cause: causeOf(measured, sums, { needed, size, sizeWithout, isSlowed }),
    needed,
    size,
    sizeNow,
    sizeWithout,
    knee,
    isCapped: needed > most,
    isBeyond: needed >= most * SEARCH,
    confidence: confidenceOf(sums, needed > most),
  };
  // Servers that leak are not servers that are needed: a larger pool would leak more of them, and a smaller one be full sooner.
  if (found.cause !== 'leak') return say(found);
  const kept = Math.min(poolSize, ceiling?.servers ?? poolSize);
  return say({ ...found, size: kept, sizeNow: kept, sizeWithout: null });
}

/** At least one, at most so many. */
function clamp(servers: number, most: number): number {
  return Math.max(Math.min(servers, most), 1);
}

function nothing(measured: Measured, sums: Sums): Found {
  const { poolSize } = measured;
  return {
    measured,
    sums,
    cause: 'too_little_seen',
    needed: poolSize,
    size: poolSize,
    sizeNow: poolSize,
    sizeWithout: null,
    knee: null,
    isCapped: false,
    isBeyond: false,
    confidence: 'none',
  };
}

interface Sizes {
  readonly needed: number;
  readonly size: number;
  readonly sizeWithout: number | null;
  readonly isSlowed: boolean;
}

function causeOf(measured: Measured, sums: Sums, { needed, size, sizeWithout, isSlowed }: Sizes): Cause {
  const { poolSize, ceiling, leaks, refused, waitTargetMs } = measured;
  const isShort = needed > poolSize || refused > 0 || sums.waitP99Ms > waitTargetMs;
  if (leaks > 0 && (isShort || size > poolSize)) return 'leak';
  if (isSlowed) return 'postgres_saturated';
  if (sizeWithout !== null && sums.idleShare >= LARGE_SHARE) return 'idle_in_transaction';
  if (sizeWithout !== null && sums.pinnedShare >= LARGE_SHARE) return 'pinned';
  if (ceiling !== null && needed > ceiling.servers && poolSize >= ceiling.servers) return 'limited';
  if (size > poolSize) return sums.statementMs >= SLOW_MS ? 'slow_statements' : 'too_small';
  if (poolSize - size >= Math.max(LEAST_SURPLUS, poolSize / 5)) return 'too_large';
  return churnOf(measured, sums) ?? 'fits';
}

/** Logins that the pool costs Postgres without need: more than one a server and minute, or one for a handful of transactions. */
function churnOf(
  { logins, endedByAge, endedByIdleness, poolSize }: Measured,
  { seconds, arrivals }: Sums,
): Cause | null {
  const perServer = (logins / poolSize) * (60 / seconds);
  const isMuch = logins >= 3 && (perServer >= 1 || logins * 10 >= arrivals);
  if (!isMuch) return null;
  if (endedByAge * 2 >= logins) return 'lifetime_too_short';
  return endedByIdleness * 2 >= logins ? 'login_churn' : null;
}

function confidenceOf({ holds, seconds, isFull }: Sums, isFar: boolean): Confidence {
  if (holds < 200 || seconds < 15) return 'low';
  // What a full pool is asked for is not seen but guessed from its queue.
  if (isFull || isFar || holds < 1_000 || seconds < 45) return 'medium';
  return 'high';
}

function sumsOf(measured: Measured): Sums {
  const { slots, waits, holdMs, xacts, queryMs } = measured;
  const sum = { ms: 0, arrivals: 0, held: 0, idle: 0, pinned: 0 };
  for (const { ms, arrivals, held, idleInTransaction, pinned } of slots) {
    sum.ms += ms;
    sum.arrivals += arrivals;
    sum.held += held * ms;
    sum.idle += idleInTransaction * ms;
    sum.pinned += pinned * ms;
  }
  const seconds = sum.ms / 1_000;
  const rate = seconds === 0 ? 0 : sum.arrivals / seconds;
  const shareOf = (ms: number) => (sum.held === 0 ? 0 : ms / sum.held);
  return {
    seconds,
    arrivals: sum.arrivals,
    holds: total(measured.holds),
    rate,
    holdMs,
    offered: (rate * holdMs) / 1_000,
    held: sum.ms === 0 ? 0 : sum.held / sum.ms,
    idleShare: shareOf(sum.idle),
    pinnedShare: shareOf(sum.pinned),
    ...fullnessOf(measured),
    waitP99Ms: quantile(waits, 0.99),
    statementMs: xacts === 0 ? 0 : queryMs / xacts,
  };
}

/** Of the last third: what was before may have been the beginning. */
function fullnessOf({ slots, poolSize, refused }: Measured): Pick<Sums, 'waiting' | 'isFull'> {
  const third = Math.floor(slots.length / 3);
  const recent = slots.slice(slots.length - third);
  const before = meanWaiting(slots.slice(third, 2 * third));
  const waiting = meanWaiting(recent);
  const full = recent.filter(({ held, waiting: queue }) => held >= poolSize && queue > 0).length;
  // A queue that grows is that of clients who come whether they are served or not: what is asked for is seen.
  const isGrowing = waiting > before * GROWS + 1;
  return { waiting, isFull: third > 0 && full >= third * FULL && refused === 0 && !isGrowing };
}

function meanWaiting(slots: Measured['slots']): number {
  return slots.length === 0 ? 0 : slots.reduce((sum, { waiting }) => sum + waiting, 0) / slots.length;
}
