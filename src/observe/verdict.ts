// Is it well, and if not, who? What is wrong at one moment, worst first, in sentences. Pure but for the look at pools and leaks.

import { causeOf, nameOf, printable } from '../guard/exhaustion.ts';
import { holderState, isUnused } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Leak } from '../guard/leaks.ts';
import type { Pool } from '../pool/pool.ts';
import { formatDuration } from '../util/duration.ts';
import type { DatabaseStates } from './databases.ts';
import type { EventRing } from './event-ring.ts';
import type { History } from './history.ts';
import { poolRow, type Sources } from './snapshot.ts';

export type Severity = 'critical' | 'warning' | 'notice';

/** Something that is not well. */
export interface Finding {
  readonly severity: Severity;
  readonly code:
    | 'bug'
    | 'closing'
    | 'leak'
    | 'login_failing'
    | 'loop_late'
    | 'paused'
    | 'pinned'
    | 'postgres_away'
    | 'refusals'
    | 'saturated'
    | 'stall';
  readonly title: string;
  /** The numbers. */
  readonly detail: string;
  /** What to do. */
  readonly advice: string;
  readonly database?: string;
  readonly user?: string;
  readonly applicationName?: string;
  readonly route?: string;
  readonly statement?: string;
  /** Servers that the application holds and does not use. */
  readonly held?: number;
  /** Within the last minute. */
  readonly leaks?: number;
  readonly reclaimed?: number;
}

export interface VerdictParts {
  readonly sources: Sources;
  readonly history: History;
  readonly events: EventRing;
  readonly states: DatabaseStates;
  /** As control says it. */
  readonly state: string;
}

const MINUTE_MS = 60_000;
/** A leak that is over is told for so long, and a bug. */
const REMEMBERED_MS = 15 * MINUTE_MS;
/** So many leaks within a minute are no accident. */
const MANY_LEAKS = 3;
const LATE_MS = 100;
const LONG_WAIT_MS = 1_000;

const RANK: Readonly<Record<Severity, number>> = { critical: 0, warning: 1, notice: 2 };

/** Worst first; of one severity in the order of what explains the others. */
export function findingsOf(parts: VerdictParts): readonly Finding[] {
  const pools = [...parts.sources.pools];
  const findings = [
    ...pools.flatMap(loginFinding),
    ...leakFindings(parts),
    ...pools.flatMap((pool) => waitFinding(pool, parts)),
    ...pools.flatMap((pool) => refusalFinding(pool, parts)),
    ...pools.flatMap((pool) => pinFinding(pool, parts.sources.now)),
    ...processFindings(parts),
    ...pauseFindings(parts),
  ];
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

const of = (pool: Pool) => ({ database: pool.database, user: pool.user });
const nameOfPool = (pool: Pool) => `${printable(pool.database)}/${printable(pool.user)}`;
const some = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
const took = (ms: number) => formatDuration(ms < 1_000 ? Math.round(ms) : Math.round(ms / 100) * 100);

function loginFinding(pool: Pool): Finding[] {
  const { lastLoginError: error } = pool;
  if (error === null) return [];
  const isAway = pool.serverCount === pool.servers.login.length;
  return [
    {
      ...of(pool),
      severity: isAway ? 'critical' : 'warning',
      code: isAway ? 'postgres_away' : 'login_failing',
      title: isAway
        ? `Postgres is away for ${nameOfPool(pool)}`
        : `New logins to Postgres fail for ${nameOfPool(pool)}`,
      detail: printableText(error.message),
      advice: isAway
        ? 'Clients wait until it is back or query_wait_timeout is over. See that Postgres runs, and that host, port and password are right.'
        : 'The servers that are open go on working. See max_connections of Postgres, the password and the network.',
    },
  ];
}

/** Leaks of one application and route in one pool. */
interface LeakGroup {
  readonly leaks: Leak[];
  open: number;
}

function leakFindings({ sources }: VerdictParts): Finding[] {
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

/** Servers that clients of an application hold without using them, for longer than leak_reclaim_floor. */
function unusedBy(pool: Pool, applicationName: string): number {
  let count = 0;
  for (const server of pool.servers.active) {
    const client = clientOf(server);
    if (client?.applicationName === applicationName && isUnused(holderState(server, client))) count += 1;
  }
  return count;
}

function waitFinding(pool: Pool, { sources }: VerdictParts): Finding[] {
  const maxWaitMs = pool.maxWaitMs(sources.now);
  const { query_wait_timeout: limit } = pool.settings;
  const waiting = pool.clients.waiting.length;
  if (waiting === 0 || pool.state !== 'running' || pool.lastLoginError !== null) return [];
  if (maxWaitMs < Math.min(LONG_WAIT_MS, limit > 0 ? limit / 2 : LONG_WAIT_MS)) return [];
  const [most] = heldBy(pool);
  const held = pool.servers.active.length;
  const share = most === undefined ? '' : `, ${most[1]} of them by ${most[0] || 'an application without a name'}`;
  return [
    {
      ...of(pool),
      severity: limit > 0 && maxWaitMs >= limit / 2 ? 'critical' : 'warning',
      code: 'saturated',
      title: `${some(waiting, 'client')} of ${nameOfPool(pool)} wait for a server`,
      detail: `the longest for ${took(maxWaitMs)}; ${held} of ${pool.settings.pool_size} servers are held${share}`,
      advice: adviceFor(pool, sources.now),
    },
  ];
}

/** Applications by the servers that they hold, the most first. */
function heldBy(pool: Pool): [string, number][] {
  const counts = new Map<string, number>();
  for (const server of pool.servers.active) {
    const name = printable(clientOf(server)?.applicationName ?? '');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort(([, a], [, b]) => b - a);
}

/** What the holders of a pool that is short of servers have in common. */
function adviceFor(pool: Pool, now: number): string {
  const unused = [...pool.servers.active].map((server) => {
    const client = clientOf(server);
    return { state: client === null ? 'running' : holderState(server, client) };
  });
  switch (causeOf(pool, unused, now)) {
    case 'leak':
      return 'Most servers are held by clients that send nothing inside a transaction: a larger pool would fill up too.';
    case 'pinned':
      return 'Most servers are pinned to their clients: see what pins them, max_pinned_servers and pin_idle_timeout.';
    case 'slow_statements':
      return 'Most servers run slow statements: make them faster, or bound them (query_timeout, statement_timeout).';
    default:
      return 'All servers are busy with short statements: raise pool_size if Postgres has room for more, or lower the load.';
  }
}

function refusalFinding(pool: Pool, { history, sources }: VerdictParts): Finding[] {
  const refused = history.refusedOfMinute(pool, sources.wallNow);
  if (refused === 0) return [];
  return [
    {
      ...of(pool),
      severity: 'critical',
      code: 'refusals',
      title: `${some(refused, 'request')} of ${nameOfPool(pool)} refused in the last minute`,
      detail: 'They waited in vain for a server, or would have (53300).',
      advice: adviceFor(pool, sources.now),
    },
  ];
}

function pinFinding(pool: Pool, now: number): Finding[] {
  const { holders, pinned } = poolRow(pool, now);
  const kept = holders.pinned;
  if (kept < 2 || kept * 2 < pool.settings.pool_size) return [];
  const reasons = [...pinned].map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [
    {
      ...of(pool),
      severity: 'warning',
      code: 'pinned',
      title: `${kept} of ${pool.settings.pool_size} servers of ${nameOfPool(pool)} are pinned`,
      detail: reasons,
      advice:
        'Their clients keep them between transactions. See max_pinned_servers, pin_idle_timeout and session_policy.',
    },
  ];
}

function processFindings({ events, history, sources }: VerdictParts): Finding[] {
  const findings: Finding[] = [];
  const recent = (kind: 'bug' | 'stall', withinMs: number) =>
    events.list({ kind, limit: 1 }).find(({ at }) => sources.wallNow - at <= withinMs);
  const bug = recent('bug', REMEMBERED_MS);
  if (bug !== undefined)
    findings.push({
      severity: 'critical',
      code: 'bug',
      title: 'pgsluice met an error of its own',
      detail: bug.text,
      advice: 'Please report it, with the line "internal error" of the log.',
    });
  const stall = recent('stall', MINUTE_MS);
  if (stall !== undefined)
    findings.push({
      severity: 'warning',
      code: 'stall',
      title: `The process stood still for ${took(stall.durationMs)}`,
      detail: `${took(sources.wallNow - stall.at)} ago; no timeout counts that time`,
      advice: 'The machine or the container had no CPU for it: see its limits.',
    });
  const lateMs = history.loopLateP99Ms();
  if (lateMs >= LATE_MS)
    findings.push({
      severity: 'warning',
      code: 'loop_late',
      title: `The event loop is ${took(lateMs)} late (p99 of a minute)`,
      detail: 'Every query waits for it.',
      advice: 'The process has too little CPU: raise its limit, or run another beside it (so_reuseport).',
    });
  return findings;
}

function pauseFindings({ states, state, sources }: VerdictParts): Finding[] {
  if (state === 'wait_for_clients' || state === 'wait_for_servers' || state === 'immediate')
    return [
      {
        severity: 'warning',
        code: 'closing',
        title: 'pgsluice is shutting down',
        detail: state.replaceAll('_', ' '),
        advice: 'It goes when nobody needs it any more, or when shutdown_timeout is over.',
      },
    ];
  const paused = [...new Set([...sources.pools].map((pool) => pool.database))].filter((name) => states.isPaused(name));
  if (state !== 'paused' && paused.length === 0) return [];
  return [
    {
      severity: 'warning',
      code: 'paused',
      title: state === 'paused' ? 'Everything is paused' : `Paused: ${paused.map(printable).join(', ')}`,
      detail: 'Clients wait until it is resumed.',
      advice: 'Resume it when what it was paused for is done.',
      ...(state !== 'paused' && paused.length === 1 && { database: paused[0]! }),
    },
  ];
}

function unquoted(name: string): string {
  return name.replace(/^"(.*)"$/, '$1');
}

function printableText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 300);
}
