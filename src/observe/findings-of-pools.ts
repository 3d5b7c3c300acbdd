// Pools that can not log in, whose clients wait or are refused, or whose servers are pinned.

import { causeOf, printable } from '../guard/exhaustion.ts';
import { holderState } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Pool } from '../pool/pool.ts';
import { type Finding, nameOfPool, of, printableText, some, took, type VerdictParts } from './finding.ts';
import { poolRow } from './snapshot.ts';

const LONG_WAIT_MS = 1_000;

/** login: what explains everything else. */
export function poolFindings(parts: VerdictParts): { login: Finding[]; others: Finding[] } {
  const pools = [...parts.sources.pools];
  return {
    login: pools.flatMap(loginFinding),
    others: [
      ...pools.flatMap((pool) => waitFinding(pool, parts)),
      ...pools.flatMap((pool) => refusalFinding(pool, parts)),
      ...pools.flatMap((pool) => pinFinding(pool, parts.sources.now)),
    ],
  };
}

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
      title: `${some(waiting, 'client')} of ${nameOfPool(pool)} ${waiting === 1 ? 'waits' : 'wait'} for a server`,
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
