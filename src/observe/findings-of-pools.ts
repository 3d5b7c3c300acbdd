// Pools that can not log in, whose clients wait or are refused, or whose servers are pinned.

import { causeFrom } from '../guard/exhaustion.ts';
import type { PoolFacts } from './facts-of-pools.ts';
import { type Finding, nameOfPool, of, printableText, some, took } from './finding.ts';

const LONG_WAIT_MS = 1_000;

/** login: what explains everything else. */
export function poolFindings(pools: readonly PoolFacts[]): { login: Finding[]; others: Finding[] } {
  return {
    login: pools.flatMap(loginFinding),
    others: [...pools.flatMap(waitFinding), ...pools.flatMap(refusalFinding), ...pools.flatMap(pinFinding)],
  };
}

function loginFinding(pool: PoolFacts): Finding[] {
  const { loginError: error, usable } = pool;
  if (error === null) return [];
  const isAway = usable === 0;
  return [
    {
      ...of(pool),
      severity: isAway ? 'critical' : 'warning',
      code: isAway ? 'postgres_away' : 'login_failing',
      title: isAway
        ? `Postgres is away for ${nameOfPool(pool)}`
        : `New logins to Postgres fail for ${nameOfPool(pool)}`,
      detail: printableText(error),
      advice: isAway
        ? 'Clients wait until it is back or query_wait_timeout is over. See that Postgres runs, and that host, port and password are right.'
        : 'The servers that are open go on working. See max_connections of Postgres, the password and the network.',
    },
  ];
}

function waitFinding(pool: PoolFacts): Finding[] {
  const { maxWaitMs, waitLimitMs: limit, waiting, held, poolSize, state, loginError } = pool;
  if (waiting === 0 || state !== 'running' || loginError !== null) return [];
  if (maxWaitMs < Math.min(LONG_WAIT_MS, limit > 0 ? limit / 2 : LONG_WAIT_MS)) return [];
  const [most] = pool.heldBy;
  const share = most === undefined ? '' : `, ${most[1]} of them by ${most[0] || 'an application without a name'}`;
  return [
    {
      ...of(pool),
      severity: limit > 0 && maxWaitMs >= limit / 2 ? 'critical' : 'warning',
      code: 'saturated',
      title: `${some(waiting, 'client')} of ${nameOfPool(pool)} ${waiting === 1 ? 'waits' : 'wait'} for a server`,
      detail: `the longest for ${took(maxWaitMs)}; ${held} of ${poolSize} servers are held${share}`,
      advice: adviceFor(pool),
    },
  ];
}

/** What the holders of a pool that is short of servers have in common. */
function adviceFor({ causes }: PoolFacts): string {
  switch (causeFrom(causes)) {
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

function refusalFinding(pool: PoolFacts): Finding[] {
  const { refused } = pool;
  if (refused === 0) return [];
  return [
    {
      ...of(pool),
      severity: 'critical',
      code: 'refusals',
      title: `${some(refused, 'request')} of ${nameOfPool(pool)} refused in the last minute`,
      detail: 'They waited in vain for a server, or would have (53300).',
      advice: adviceFor(pool),
    },
  ];
}

function pinFinding(pool: PoolFacts): Finding[] {
  const { kept, poolSize, pinned } = pool;
  if (kept < 2 || kept * 2 < poolSize) return [];
  const reasons = pinned.map(([reason, count]) => `${reason} ${count}`).join(', ');
  return [
    {
      ...of(pool),
      severity: 'warning',
      code: 'pinned',
      title: `${kept} of ${poolSize} servers of ${nameOfPool(pool)} are pinned`,
      detail: reasons,
      advice:
        'Their clients keep them between transactions. See max_pinned_servers, pin_idle_timeout and session_policy.',
    },
  ];
}
