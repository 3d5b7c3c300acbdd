// What a verdict is found in, as plain data: gathered in one process, and made one where there are several.

import { type LeakFacts, leakFactsOf, mergeLeakFacts } from './facts-of-leaks.ts';
import { mergePoolFacts, type PoolFacts, poolFactsOf } from './facts-of-pools.ts';
import { MINUTE_MS, REMEMBERED_MS, type VerdictParts } from './finding.ts';

export interface ProcessFacts {
  /** The newest of the last quarter of an hour. */
  readonly bug: { readonly at: number; readonly text: string } | null;
  /** The newest of the last minute. */
  readonly stall: { readonly at: number; readonly durationMs: number } | null;
  /** How late the event loop is. */
  readonly lateMs: number;
}

export interface PauseFacts {
  /** As control says it. */
  readonly state: string;
  /** Databases that are. */
  readonly paused: readonly string[];
}

export interface VerdictFacts {
  readonly wallNow: number;
  readonly pools: readonly PoolFacts[];
  readonly leaks: readonly LeakFacts[];
  readonly process: ProcessFacts;
  readonly pause: PauseFacts;
}

export function factsOf(parts: VerdictParts): VerdictFacts {
  const { sources, states, state } = parts;
  const pools = [...sources.pools];
  return {
    wallNow: sources.wallNow,
    pools: pools.map((pool) => poolFactsOf(pool, parts)),
    leaks: leakFactsOf(sources),
    process: processFactsOf(parts),
    pause: {
      state,
      paused: [...new Set(pools.map((pool) => pool.database))].filter((name) => states.isPaused(name)),
    },
  };
}

function processFactsOf({ events, history, sources }: VerdictParts): ProcessFacts {
  const recent = (kind: 'bug' | 'stall', withinMs: number) =>
    events.list({ kind, limit: 1 }).find(({ at }) => sources.wallNow - at <= withinMs) ?? null;
  return {
    bug: recent('bug', REMEMBERED_MS),
    stall: recent('stall', MINUTE_MS),
    lateMs: history.loopLateP99Ms(),
  };
}

/** Of all workers: one at least. */
export function mergeFacts(all: readonly VerdictFacts[]): VerdictFacts {
  const pools = Map.groupBy(
    all.flatMap((facts) => facts.pools),
    ({ database, user }) => `${database}\0${user}`,
  );
  return {
    wallNow: Math.max(...all.map(({ wallNow }) => wallNow)),
    pools: [...pools.values()].map(mergePoolFacts),
    leaks: mergeLeakFacts(all.flatMap(({ leaks }) => leaks)),
    process: {
      bug: newest(all.map(({ process }) => process.bug)),
      stall: newest(all.map(({ process }) => process.stall)),
      lateMs: Math.max(...all.map(({ process }) => process.lateMs)),
    },
    pause: {
      state: all.find(({ pause }) => pause.state !== 'running')?.pause.state ?? 'running',
      paused: [...new Set(all.flatMap(({ pause }) => pause.paused))],
    },
  };
}

function newest<Fact extends { readonly at: number }>(facts: readonly (Fact | null)[]): Fact | null {
  return facts.reduce((last, fact) => (fact !== null && (last === null || fact.at > last.at) ? fact : last), null);
}
