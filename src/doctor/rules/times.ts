// Rules: time limits of Postgres against ours, in their order: the gentler one has to come first.
import { type Facts, numberOf, type PoolFacts, type SessionFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

export function timeRules(facts: Facts): Finding[] {
  return [
    ...facts.pools.flatMap((pool) =>
      pool.login.kind === 'done' && !pool.isAsking ? ofPool(pool, pool.login.session) : [],
    ),
    ...ofKeepalive(facts),
  ];
}

/** What is wrong with one pair of limits. */
interface Clash {
  readonly rule: string;
  readonly is: boolean;
  readonly fact: string;
  readonly consequence: string;
  readonly change: string;
}

function ofPool({ database, user, settings }: PoolFacts, { values }: SessionFacts): Finding[] {
  const limit = (name: string) => numberOf(values, name) ?? 0;
  const statement = limit('statement_timeout');
  const idleIn = limit('idle_in_transaction_session_timeout');
  const idle = limit('idle_session_timeout');
  const transaction = limit('transaction_timeout');
  const { query_timeout, idle_transaction_timeout, server_idle_timeout, transaction_timeout } = settings;
  const clashes: readonly Clash[] = [
    {
      rule: 'statement-timeout-order',
      is: query_timeout > 0 && statement >= query_timeout,
      fact: `statement_timeout of Postgres is ${statement} ms, query_timeout is ${query_timeout} ms`,
      consequence:
        'A slow statement costs the client its connection, where Postgres would have ended the statement only.',
      change: `query_timeout: ${Math.ceil((statement + 1000) / 1000)}s`,
    },
    {
      rule: 'idle-in-transaction-order',
      is: idleIn > 0 && (idle_transaction_timeout === 0 || idleIn <= idle_transaction_timeout),
      fact: `idle_in_transaction_session_timeout of Postgres is ${idleIn} ms, idle_transaction_timeout is ${idle_transaction_timeout} ms (0: no limit)`,
      consequence:
        'Postgres closes the server connection first: it is lost to the pool, and a new login has to be paid for.',
      change: `idle_transaction_timeout: ${Math.max(0.1, Math.floor(idleIn / 125) / 10)}s`,
    },
    {
      rule: 'idle-session-order',
      is: idle > 0 && (server_idle_timeout === 0 || idle <= server_idle_timeout || settings.min_pool_size > 0),
      fact: `idle_session_timeout of Postgres is ${idle} ms, server_idle_timeout is ${server_idle_timeout} ms (0: no limit), min_pool_size ${settings.min_pool_size}`,
      consequence: 'Postgres closes idle servers of the pool; a client may be handed one in that very moment and fail.',
      change: `server_idle_timeout: ${Math.max(1, Math.floor(idle / 2000))}s  # and for this role: ALTER ROLE ${user} SET idle_session_timeout = 0`,
    },
    {
      rule: 'transaction-timeout-order',
      is: transaction > 0 && (transaction_timeout === 0 || transaction <= transaction_timeout),
      fact: `transaction_timeout of Postgres is ${transaction} ms, transaction_timeout is ${transaction_timeout} ms (0: no limit)`,
      consequence:
        'Postgres ends the whole session, so a long transaction costs the pool a server and a login each time.',
      change: `transaction_timeout: ${Math.max(0.1, Math.floor(transaction / 125) / 10)}s`,
    },
    {
      rule: 'no-idle-transaction-limit',
      is:
        idleIn === 0 &&
        idle_transaction_timeout === 0 &&
        (!settings.guard || settings.leak_reclaim === 'never' || settings.leak_detection_threshold === 0),
      fact: 'idle_transaction_timeout is off, leaks are not taken back, and idle_in_transaction_session_timeout of Postgres is 0',
      consequence:
        'A transaction that the application forgets holds its server, its locks and old row versions for ever.',
      change: 'idle_transaction_timeout: 60s',
    },
    {
      rule: 'no-wait-limit',
      is: settings.query_wait_timeout === 0,
      fact: 'query_wait_timeout is 0',
      consequence: 'When the pool is full clients wait without an end or an error, and the application hangs.',
      change: 'query_wait_timeout: 10s',
    },
    {
      rule: 'lifetime-too-short',
      is: settings.server_lifetime < 60_000,
      fact: `server_lifetime is ${settings.server_lifetime} ms`,
      consequence: 'Servers are closed and logged in again all the time; each login costs Postgres a process.',
      change: 'server_lifetime: 1h',
    },
  ];
  return clashes
    .filter(({ is }) => is)
    .map(({ rule, fact, consequence, change }) => ({
      rule,
      severity: 'warning',
      about: `pool ${database}/${user}`,
      fact,
      consequence,
      change,
    }));
}

/** Postgres on another machine: who notices first that the other one has vanished. */
function ofKeepalive(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const { key, isRemote } of facts.servers.values()) {
    if (!isRemote) continue;
    if (!facts.settings.tcp_keepalive)
      findings.push({
        rule: 'keepalive-off',
        severity: 'warning',
        about: key,
        fact: `tcp_keepalive is off, and ${key} is reached over the network`,
        consequence: 'A firewall may drop idle connections silently; the next client on one of them hangs.',
        change: 'tcp_keepalive: true',
      });
    const pool = facts.pools.find(({ server, login }) => server === key && login.kind === 'done');
    if (pool?.login.kind !== 'done') continue;
    const { values } = pool.login.session;
    const [idle, interval, count] = ['idle', 'interval', 'count'].map((end) =>
      numberOf(values, `tcp_keepalives_${end}`),
    );
    if (!idle || !interval || !count || idle + interval * count <= 600) continue;
    findings.push({
      rule: 'postgres-keepalive-slow',
      severity: 'note',
      about: key,
      fact: `Postgres notices after ${idle} s + ${count} x ${interval} s = ${idle + interval * count} s that the machine of a client has vanished`,
      consequence: 'Until then the sessions of a lost replica keep their connections, locks and transactions.',
      change: `ALTER ROLE ${pool.user} SET tcp_keepalives_idle = 60; ALTER ROLE ${pool.user} SET tcp_keepalives_interval = 10`,
    });
  }
  return findings;
}
