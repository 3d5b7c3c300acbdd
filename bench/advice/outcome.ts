// What a sweep shows: the size from which on more servers do not help whoever waits for an answer.
import type { AdviceTold, Figures } from './load.ts';
import type { Workload } from './workloads.ts';

/** As advice_wait_target has it: so much longer may the slowest take than with all servers that there could be. */
const WAIT_MS = 50;
const ENOUGH = 0.95;

export interface Trial {
  readonly poolSize: number;
  readonly advice: AdviceTold;
  readonly figures: Figures;
}

export interface Outcome {
  readonly workload: Workload;
  readonly figures: readonly Figures[];
  readonly knee: number;
  readonly trials: readonly Trial[];
}

/** The smallest size with 95 % of the best throughput, whose p99 is at most 50 ms above the best one. */
export function kneeOf(figures: readonly Figures[]): number {
  const best = Math.max(...figures.map(({ rate }) => rate));
  const quickest = Math.min(...figures.filter(({ rate }) => rate >= best * ENOUGH).map(({ p99Ms }) => p99Ms));
  const enough = figures.find(({ rate, p99Ms }) => rate >= best * ENOUGH && p99Ms <= quickest + WAIT_MS);
  return enough?.poolSize ?? figures.at(-1)!.poolSize;
}
