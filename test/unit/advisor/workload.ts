// A pool in the mind, for tests of the model: what would be measured of clients that come so and hold servers for so long.
import type { Level, Measured, Slot } from '../../../src/advisor/measured.ts';
import { Random } from '../../../src/cli/demo/random.ts';
import { Histogram } from '../../../src/util/histogram.ts';

export interface Load {
  readonly poolSize: number;
  readonly seconds?: number;
  /** Clients a second, at this second. */
  readonly rate: (second: number) => number;
  readonly holdMs: number;
  /** Of that, silent inside a transaction. */
  readonly idleShare?: number;
  readonly pinnedShare?: number;
  readonly held?: number;
  readonly waiting?: (second: number) => number;
  readonly levels?: readonly Level[];
}

/** How many come within a time in which so many come on average. */
function poisson(mean: number, random: Random): number {
  let count = 0;
  for (let left = mean; ; count += 1) {
    left += Math.log(1 - random.next());
    if (left < 0) return count;
  }
}

export function measure(load: Load, changes: Partial<Measured> = {}): Measured {
  const { poolSize, seconds = 60, rate, holdMs, idleShare = 0, pinnedShare = 0, waiting } = load;
  const random = new Random(7);
  const slots: Slot[] = Array.from({ length: seconds * 10 }, (_, i) => {
    const arrivals = poisson(rate(i / 10) / 10, random);
    const held = load.held ?? Math.min(Math.round((rate(i / 10) * holdMs) / 1_000), poolSize);
    const parts = { idleInTransaction: held * idleShare, pinned: held * pinnedShare };
    return { ms: 100, arrivals, held, ...parts, waiting: waiting?.(i / 10) ?? 0 };
  });
  const xacts = slots.reduce((sum, { arrivals }) => sum + arrivals, 0);
  const holds = new Histogram();
  const waits = new Histogram();
  for (let i = 0; i < xacts; i += 1) {
    holds.record(holdMs);
    waits.recordNone();
  }
  return {
    poolSize,
    waitTargetMs: 50,
    slots,
    waits: waits.counts,
    holds: holds.counts,
    holdMs,
    xacts,
    queryMs: xacts * holdMs * (1 - idleShare - pinnedShare),
    refused: 0,
    leaks: 0,
    logins: 0,
    endedByAge: 0,
    endedByIdleness: 0,
    idlest: idleShare > 0 ? { application: 'shop', share: 1 } : null,
    levels: load.levels ?? [],
    ceiling: null,
    peak: null,
    ...changes,
  };
}
