// The numbers of events and leaks. One process counts. Several take for events the time that the machine has been up, so that one number orders what all
// of them have seen.

import { WORKER_STEP } from '../util/worker-number.ts';

export interface Sequence {
  /** That of the next event. Higher than the last. */
  next(last: number): number;
  /** Every event to come has a higher one. */
  reached(last: number): number;
}

export const COUNTED: Sequence = { next: (last) => last + 1, reached: (last) => last };

const NS_PER_STEP = 10_000n;

/** Names for what a worker counts by itself, that are no other worker's. */
export function idsOf(worker: number): (count: number) => number {
  return (count) => count * WORKER_STEP + (worker % WORKER_STEP);
}

/** Each step is shared out to the workers: no two events have the same number. now: nanoseconds of the machine's clock that is never set, the same in every process. */
export function sharedSequence(worker: number, now: () => bigint = process.hrtime.bigint): Sequence {
  const place = worker % WORKER_STEP;
  const clock = () => Number(now() / NS_PER_STEP) * WORKER_STEP + place;
  return {
    next: (last) => {
      const moment = clock();
      return moment > last ? moment : last + WORKER_STEP;
    },
    // One that comes within the same step has its number still to get.
    reached: (last) => Math.max(clock() - WORKER_STEP, last),
  };
}
