// What a verdict needs to know of applications that leak, as plain data: of one worker, or of several.

import { nameOf } from '../guard/exhaustion.ts';
import { holderState, isUnused } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Leak } from '../guard/leaks.ts';
import type { Pool } from '../pool/pool.ts';
import { MINUTE_MS, REMEMBERED_MS } from './finding.ts';
import type { Sources } from './snapshot.ts';

/** Leaks of one application and route in one pool. */
export interface LeakFacts {
  readonly database: string;
  readonly user: string;
  readonly applicationName: string;
  /** null: its statements name none. */
  readonly route: string | null;
  /** What it is called in a sentence. */
  readonly name: string;
  /** Of the newest, and when that was found, by the wall clock. */
  readonly statement: string;
  readonly newestAt: number;
  readonly count: number;
  /** Their servers are held still. */
  readonly open: number;
  /** Within the last minute. */
  readonly recent: number;
  readonly reclaimed: number;
  /** Servers that the application holds at this moment without using them. */
  readonly held: number;
  /** Of the pool; null: it is gone. */
  readonly poolSize: number | null;
  readonly waiting: number;
  /** How long others have waited because of the application. */
  readonly causedMs: number;
}

export function leakFactsOf(sources: Sources): LeakFacts[] {
  const { leaks, wallNow } = sources;
  const groups = new Map<string, Leak[]>();
  for (const leak of leaks.recent) {
    if (leak.life !== 'leaked' && wallNow - leak.at > REMEMBERED_MS) continue;
    const { holder } = leak;
    const key = keyOf({ ...holder, route: holder.tags.route ?? null });
    groups.set(key, [...(groups.get(key) ?? []), leak]);
  }
  return [...groups.values()].map((group) => factsOf(group, sources));
}

function keyOf({
  database,
  user,
  applicationName,
  route,
}: Pick<LeakFacts, 'database' | 'user' | 'applicationName' | 'route'>): string {
  return [database, user, applicationName, route ?? ''].join('\0');
}

function factsOf(leaks: readonly Leak[], sources: Sources): LeakFacts {
  const newest = leaks.at(-1)!;
  const { holder } = newest;
  const recent = leaks.filter(({ at }) => sources.wallNow - at <= MINUTE_MS);
  const pool = sources.pools.find(holder.database, holder.user);
  const caused = [...sources.leaks.applications]
    .filter(({ application }) => application === holder.applicationName)
    .reduce((sum, { waitsCausedMs }) => sum + waitsCausedMs, 0);
  return {
    database: holder.database,
    user: holder.user,
    applicationName: holder.applicationName,
    route: holder.tags.route ?? null,
    name: unquoted(nameOf(holder)),
    statement: holder.statement,
    newestAt: newest.at,
    count: leaks.length,
    open: leaks.filter(({ life }) => life === 'leaked').length,
    recent: recent.length,
    reclaimed: recent.filter(({ life }) => life === 'reclaimed').length,
    held: pool === null ? 0 : unusedBy(pool, holder.applicationName),
    poolSize: pool?.settings.pool_size ?? null,
    waiting: pool?.clients.waiting.length ?? 0,
    causedMs: caused,
  };
}

/** Servers that clients of an application hold at this moment without using them. */
function unusedBy(pool: Pool, applicationName: string): number {
  let count = 0;
  for (const server of pool.servers.active) {
    const client = clientOf(server);
    if (client?.applicationName === applicationName && isUnused(holderState(server, client))) count += 1;
  }
  return count;
}

function unquoted(name: string): string {
  return name.replace(/^"(.*)"$/, '$1');
}

/** Of several workers. */
export function mergeLeakFacts(all: readonly LeakFacts[]): LeakFacts[] {
  const merged = new Map<string, LeakFacts>();
  for (const facts of all) {
    const key = keyOf(facts);
    const known = merged.get(key);
    merged.set(key, known === undefined ? facts : add(known, facts));
  }
  return [...merged.values()];
}

function add(a: LeakFacts, b: LeakFacts): LeakFacts {
  return {
    ...(b.newestAt > a.newestAt ? b : a),
    count: a.count + b.count,
    open: a.open + b.open,
    recent: a.recent + b.recent,
    reclaimed: a.reclaimed + b.reclaimed,
    held: a.held + b.held,
    poolSize: a.poolSize ?? b.poolSize,
    waiting: a.waiting + b.waiting,
    causedMs: a.causedMs + b.causedMs,
  };
}
