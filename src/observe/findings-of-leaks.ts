// Applications that leak, or have leaked not long ago: who, with which statement, and what it has come to.

import { nameOf } from '../guard/exhaustion.ts';
import { holderState, isUnused } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Leak } from '../guard/leaks.ts';
import type { Pool } from '../pool/pool.ts';
import { type Finding, MINUTE_MS, REMEMBERED_MS, some, took, type VerdictParts } from './finding.ts';
import type { Sources } from './snapshot.ts';

/** So many leaks within a minute are no accident. */
const MANY_LEAKS = 3;

/** Leaks of one application and route in one pool. */
interface LeakGroup {
  readonly leaks: Leak[];
  open: number;
}

/** Those first that hold most. */
export function leakFindings({ sources }: VerdictParts): Finding[] {
  const { leaks, wallNow } = sources;
  const groups = new Map<string, LeakGroup>();
  for (const leak of leaks.recent) {
    if (leak.life !== 'leaked' && wallNow - leak.at > REMEMBERED_MS) continue;
    const { holder } = leak;
    const key = [holder.database, holder.user, holder.applicationName, holder.tags.route ?? ''].join('\0');
    const group = groups.get(key) ?? { leaks: [], open: 0 };
    group.leaks.push(leak);
    if (leak.life === 'leaked') group.open += 1;
    groups.set(key, group);
  }
  const findings = [...groups.values()].map((group) => leakFinding(group, sources));
  return findings.sort((a, b) => (b.held ?? 0) - (a.held ?? 0) || (b.leaks ?? 0) - (a.leaks ?? 0));
}

function leakFinding({ leaks, open }: LeakGroup, sources: Sources): Finding {
  const { wallNow } = sources;
  const newest = leaks.at(-1)!;
  const { holder } = newest;
  const recent = leaks.filter(({ at }) => wallNow - at <= MINUTE_MS);
  const reclaimed = recent.filter(({ life }) => life === 'reclaimed').length;
  const pool = sources.pools.find(holder.database, holder.user);
  const held = pool === null ? 0 : unusedBy(pool, holder.applicationName);
  const isNow = open > 0 || recent.length > 0;
  const isBad = recent.length >= MANY_LEAKS || (open > 0 && (pool?.clients.waiting.length ?? 0) > 0);
  const name = unquoted(nameOf(holder));
  const caused = [...sources.leaks.applications]
    .filter(({ application }) => application === holder.applicationName)
    .reduce((sum, { waitsCausedMs }) => sum + waitsCausedMs, 0);
  const detail = [
    isNow
      ? `${some(recent.length, 'leak')} in the last minute`
      : `${some(leaks.length, 'leak')}, the last one ${took(wallNow - newest.at)} ago`,
    ...(held > 0 ? [`${held} of ${pool?.settings.pool_size} servers held unused now`] : []),
    ...(reclaimed > 0 ? [`${reclaimed} taken back`] : []),
    ...(caused >= 1_000 ? [`others waited ${took(caused)} because of it`] : []),
  ];
  return {
    severity: isNow ? (isBad ? 'critical' : 'warning') : 'notice',
    code: 'leak',
    title: isNow ? `${name} leaks transactions` : `${name} has leaked transactions`,
    detail: detail.join(', '),
    advice:
      'Look for a path in the application that begins a transaction and then neither commits nor rolls back: an early return, an exception, a lost promise.',
    database: holder.database,
    user: holder.user,
    applicationName: holder.applicationName,
    ...(holder.tags.route !== undefined && { route: holder.tags.route }),
    ...(holder.statement !== '' && { statement: holder.statement }),
    held,
    leaks: recent.length,
    reclaimed,
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
