// Where more servers stop giving throughput: Postgres has so many cores, disks and locks, and whoever comes on top waits in there.
//
// By Little's law the servers that are held are throughput times time. When it was quiet a transaction took t0; now that n are held it takes t.
// n / t transactions come out, and n x t0 / t servers would get them out without anybody waiting inside Postgres.

import type { Level } from './measured.ts';

/** Fewer transactions tell nothing of a level. */
const LEAST_XACTS = 20;
/** How it is when it is busy is what so many of all transactions met. */
const BUSY_SHARE = 0.1;
/** Transactions that take so much longer than when it was quiet wait for something inside Postgres. */
const SLOWED = 1.4;
/** Levels have to lie so far apart. */
const CONTRAST = 1.5;
/** So much of the best throughput is enough. What was measured at a smaller level is a little worse than it could be: fewer servers are held when load begins, and the first statements of a new one are slow. */
const ENOUGH = 0.88;

export interface Knee {
  /** Servers that get out of Postgres what can be got. */
  readonly servers: number;
  /** What n x t0 / t alone comes to. */
  readonly estimate: number;
  readonly quiet: Level;
  readonly busy: Level;
}

/** null: Postgres is not slowed down by more servers, as far as was seen. */
export function kneeOf(levels: readonly Level[]): Knee | null {
  const sorted = levels.filter(({ held, seconds }) => held > 0 && seconds > 0).sort((a, b) => a.held - b.held);
  const all = sorted.reduce((sum, { xacts }) => sum + xacts, 0);
  const quiet = gather(sorted, LEAST_XACTS);
  const busy = gather(sorted.toReversed(), Math.max(all * BUSY_SHARE, LEAST_XACTS));
  if (quiet === null || busy === null || busy.held < quiet.held * CONTRAST || quiet.xactMs <= 0) return null;
  // The usual ones, too: a few long ones that came when there was much else would make the average larger by themselves.
  if (busy.xactMs < quiet.xactMs * SLOWED || busy.medianMs < quiet.medianMs * SLOWED) return null;
  const estimate = (busy.held * quiet.xactMs) / busy.xactMs;
  // Where chance plays a part the curve is round, and what n x t0 / t says is half the way up: see what was measured there.
  const known = sorted.filter(({ held, xacts }) => xacts >= LEAST_XACTS && held >= Math.floor(estimate));
  const at = known.findIndex((level) => !fallsShort(level, rateOf(busy)));
  // Only where a smaller level was seen to fall short: else nothing is known of those below it.
  const reached = at > 0 ? known[at]!.held : 0;
  // A level between two whole ones counts as the next one only when it is well above.
  return { servers: Math.max(Math.ceil(Math.max(estimate, reached) - 0.3), 1), estimate, quiet, busy };
}

const rateOf = ({ xacts, seconds }: Level) => xacts / seconds;

/** By more than chance: so many transactions more or less come within a time by themselves. */
function fallsShort({ xacts, seconds }: Level, best: number): boolean {
  return (xacts + 2 * Math.sqrt(xacts)) / seconds < best * ENOUGH;
}

/** The first levels that have so many transactions together. */
function gather(levels: readonly Level[], least: number): Level | null {
  const sum = { held: 0, seconds: 0, xacts: 0, xactMs: 0, medianMs: 0 };
  for (const { held, seconds, xacts, xactMs, medianMs } of levels) {
    sum.held += held * seconds;
    sum.seconds += seconds;
    sum.xacts += xacts;
    sum.xactMs += xactMs * xacts;
    sum.medianMs += medianMs * xacts;
    if (sum.xacts < least) continue;
    const each = (total: number) => total / sum.xacts;
    return { ...sum, held: sum.held / sum.seconds, xactMs: each(sum.xactMs), medianMs: each(sum.medianMs) };
  }
  return null;
}
