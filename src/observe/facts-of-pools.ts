// What a verdict needs to know of a pool, as plain data: of one worker, or of several.

import { type CauseCounts, causeCounts, printable } from '../guard/exhaustion.ts';
import { holderState } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Pool } from '../pool/pool.ts';
import type { VerdictParts } from './finding.ts';
import { poolRow } from './snapshot.ts';

/** Names of applications, or reasons, and how many servers each has; the most first. */
export type Shares = readonly (readonly [name: string, count: number])[];

export interface PoolFacts {
  readonly database: string;
  readonly user: string;
  readonly state: string;
  readonly loginError: string | null;
  /** Servers that have logged in. */
  readonly usable: number;
  readonly poolSize: number;
  readonly waiting: number;
  readonly maxWaitMs: number;
  /** query_wait_timeout; 0: there is none. */
  readonly waitLimitMs: number;
  readonly held: number;
  readonly heldBy: Shares;
  readonly causes: CauseCounts;
  /** Within the last minute. */
  readonly refused: number;
  /** Servers kept between transactions, and why. */
  readonly kept: number;
  readonly pinned: Shares;
}

/** Names come from strangers: beyond so many, the others hold least. */
const MAX_NAMES = 20;

export function poolFactsOf(pool: Pool, { sources, history }: VerdictParts): PoolFacts {
  const { now, wallNow } = sources;
  const { settings, servers } = pool;
  const row = poolRow(pool, now);
  const holders = [...servers.active].map((server) => {
    const client = clientOf(server);
    return { state: client === null ? ('running' as const) : holderState(server, client) };
  });
  return {
    database: pool.database,
    user: pool.user,
    state: pool.state,
    loginError: row.lastLoginError,
    usable: pool.serverCount - servers.login.length,
    poolSize: settings.pool_size,
    waiting: pool.clients.waiting.length,
    maxWaitMs: row.maxWaitMs,
    waitLimitMs: settings.query_wait_timeout,
    held: servers.active.length,
    heldBy: heldBy(pool),
    causes: causeCounts(pool, holders, now),
    refused: history.refusedOfMinute(pool, wallNow),
    kept: row.holders.pinned,
    pinned: [...row.pinned],
  };
}

/** Applications by the servers that they hold, the most first. */
function heldBy(pool: Pool): Shares {
  const counts = new Map<string, number>();
  for (const server of pool.servers.active) {
    const name = printable(clientOf(server)?.applicationName ?? '');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return mostFirst(counts).slice(0, MAX_NAMES);
}

function mostFirst(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** Of the same pool in several workers. */
export function mergePoolFacts(all: readonly PoolFacts[]): PoolFacts {
  const [first] = all;
  if (all.length === 1) return first!;
  const sum = (of: (facts: PoolFacts) => number) => all.reduce((total, facts) => total + of(facts), 0);
  return {
    ...first!,
    state: all.find(({ state }) => state !== 'running')?.state ?? 'running',
    loginError: all.find(({ loginError }) => loginError !== null)?.loginError ?? null,
    usable: sum(({ usable }) => usable),
    waiting: sum(({ waiting }) => waiting),
    maxWaitMs: Math.max(...all.map(({ maxWaitMs }) => maxWaitMs)),
    held: sum(({ held }) => held),
    heldBy: addShares(all.map((facts) => facts.heldBy)),
    causes: {
      holders: sum(({ causes }) => causes.holders),
      unused: sum(({ causes }) => causes.unused),
      pinned: sum(({ causes }) => causes.pinned),
      slow: sum(({ causes }) => causes.slow),
    },
    refused: sum(({ refused }) => refused),
    kept: sum(({ kept }) => kept),
    pinned: addShares(all.map(({ pinned }) => pinned)),
  };
}

function addShares(all: readonly Shares[]): Shares {
  const counts = new Map<string, number>();
  for (const [name, count] of all.flat()) counts.set(name, (counts.get(name) ?? 0) + count);
  return mostFirst(counts);
}
