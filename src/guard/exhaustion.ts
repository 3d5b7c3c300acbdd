// What a client is told that waited in vain: how the pool stands, who holds it, and what to do about it. Pure but for the look at the pool.

import type { Pool } from '../pool/pool.ts';
import { formatDuration } from '../util/duration.ts';
import { isUnused } from './gaps.ts';
import { type HolderRecord, holderRecords } from './holders.ts';

export interface Exhaustion {
  readonly detail: string;
  readonly hint: string;
}

/** Why the pool is exhausted, as far as one look tells. */
export type Cause = 'postgres_away' | 'leak' | 'pinned' | 'slow_statements' | 'too_small';

/** A statement that has run for longer is called slow. */
const SLOW_MS = 1_000;
const TOP_HOLDERS = 5;

/** Servers that clients hold, by what stands in the way of their being free. */
export interface CauseCounts {
  readonly holders: number;
  readonly unused: number;
  readonly pinned: number;
  readonly slow: number;
}

/** holders: those of the pool; empty with guard off. */
export function causeOf(pool: Pool, holders: readonly Pick<HolderRecord, 'state'>[], now: number): Cause {
  if (pool.serverCount === pool.servers.login.length && pool.lastLoginError !== null) return 'postgres_away';
  return causeFrom(causeCounts(pool, holders, now));
}

export function causeCounts(pool: Pool, holders: readonly Pick<HolderRecord, 'state'>[], now: number): CauseCounts {
  const unused = holders.filter(({ state }) => isUnused(state)).length;
  const pinned = holders.filter(({ state }) => state === 'pinned' || state === 'session').length;
  let slow = 0;
  for (const server of pool.servers.active)
    if (server.queryStartedAt > 0 && now - server.queryStartedAt >= SLOW_MS) slow += 1;
  return { holders: holders.length, unused, pinned, slow };
}

/** Of a pool that has servers. */
export function causeFrom({ holders, unused, pinned, slow }: CauseCounts): Exclude<Cause, 'postgres_away'> {
  const most = Math.max(unused, pinned, slow);
  if (most * 2 < holders || most === 0) return 'too_small';
  if (most === unused) return 'leak';
  return most === pinned ? 'pinned' : 'slow_statements';
}

/** The look that all refusals of one moment share: under a storm they are many. */
const shared = new WeakMap<Pool, { readonly at: number; readonly exhaustion: Exhaustion }>();
const SHARED_MS = 100;

/** How the pool stands. */
export function exhaustionOf(pool: Pool, now: number): Exhaustion {
  const known = shared.get(pool);
  if (known !== undefined && now - known.at < SHARED_MS && now >= known.at) return known.exhaustion;
  const holders = pool.settings.guard ? holderRecords(pool, now, false) : [];
  const exhaustion = { detail: detailOf(pool, holders), hint: hintOf(pool, holders, now) };
  shared.set(pool, { at: now, exhaustion });
  return exhaustion;
}

function detailOf(pool: Pool, holders: readonly HolderRecord[]): string {
  const { active, idle, login } = pool.servers;
  const count = (isIt: (record: HolderRecord) => boolean) => holders.filter(isIt).length;
  const inUse =
    holders.length === 0
      ? ''
      : ` (running ${count(({ state }) => state === 'running' || state === 'copy')}, idle in transaction ${count(({ state }) => isUnused(state))}, pinned ${count(({ pins }) => pins.length > 0)})`;
  const parts = [
    `pool "${pool.database}"/"${pool.user}": pool_size ${pool.settings.pool_size}, servers ${pool.serverCount}, in use ${active.length}${inUse}, idle ${idle.length}, login ${login.length}, waiting ${pool.clients.waiting.length}`,
    ...holders.slice(0, TOP_HOLDERS).map(holderText),
  ];
  if (pool.lastLoginError !== null) parts.push(`last connect error: ${pool.lastLoginError.message}`);
  return parts.join('; ');
}

/** One holder in a line. */
export function holderText(record: HolderRecord): string {
  const { state, statements, statement, tags } = record;
  const route = tags.route === undefined ? '' : ` route ${tags.route}`;
  const silence = isUnused(state) ? `, silent for ${formatDuration(Math.round(record.silentMs))}` : '';
  const last = statement === '' ? '' : `: ${statement}`;
  return (
    `held for ${formatDuration(Math.round(record.heldMs))} by ${nameOf(record)}${route} ` +
    `(client ${record.clientId}, ${record.address}:${record.port}), ${state.replaceAll('_', ' ')}${silence}, ${statements} ${statements === 1 ? 'statement' : 'statements'}${last}`
  );
}

/** The application, or who it is where it has no name. Quoted: strangers choose it. */
export function nameOf({ applicationName, user, address }: HolderRecord): string {
  const name = printable(applicationName);
  return name === '' ? `${user}@${address}` : `"${name}"`;
}

/** At most 64 characters, none that does something to a terminal. */
export function printable(text: string): string {
  return text
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, 64);
}

function hintOf(pool: Pool, holders: readonly HolderRecord[], now: number): string {
  switch (causeOf(pool, holders, now)) {
    case 'postgres_away':
      return 'Postgres can not be reached: see the last connect error.';
    case 'leak': {
      const unused = holders.filter(({ state }) => isUnused(state));
      const [worst, count] = commonest(unused);
      return `${unused.length} of ${holders.length} servers are held by clients that send nothing inside a transaction, ${count} of them by ${worst}: look there for a path that neither commits nor rolls back. A larger pool would fill up too. SHOW LEAKS and SHOW HOLDERS on the console tell more.`;
    }
    case 'pinned':
      return 'Most servers are kept by clients for what only that server has (temporary tables, advisory locks, LISTEN, session mode): SHOW HOLDERS tells what. See max_pinned_servers and pin_idle_timeout.';
    case 'slow_statements':
      return `Most servers run statements that have taken longer than ${SLOW_MS / 1000}s: make them faster, or bound them (query_timeout, statement_timeout). More servers would help only where Postgres has the power for more at a time.`;
    case 'too_small':
      return pool.settings.guard
        ? `All servers are busy with short statements: raise pool_size (${pool.settings.pool_size}) if Postgres has room for more, or lower the load.`
        : 'SHOW CLIENTS on the console tells who holds the servers; raise pool_size only if they are really busy.';
  }
}

function commonest(records: readonly HolderRecord[]): [string, number] {
  const counts = new Map<string, number>();
  for (const record of records) counts.set(nameOf(record), (counts.get(nameOf(record)) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a)[0] ?? ['', 0];
}
