// Rules: time limits of Postgres against ours, in their order: the gentler one has to come first.
import type { EffectiveSettings } from '../../config/effective.ts';
import { durationBelow, identifier } from '../change.ts';
import { distinct } from '../demand.ts';
import { type Facts, limitOf, numberOf, type PoolFacts, type SessionFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import type { PostgresSettingName } from '../postgres-settings.ts';

export function timeRules(facts: Facts): Finding[] {
  return [
    ...facts.pools.flatMap((pool) =>
      pool.login.kind === 'done' && !pool.isAsking ? ofPair(pool, pool.login.session) : [],
    ),
    ...distinct(facts.pools).flatMap(ofOurs),
    ...ofNetwork(facts),
  ];
}

type OurLimit = 'idle_transaction_timeout' | 'query_timeout' | 'server_idle_timeout' | 'transaction_timeout';

/** Two limits of the same thing. */
interface Pair {
  readonly rule: string;
  readonly theirs: PostgresSettingName;
  readonly ours: OurLimit;
  /** Which one has to end it, because that costs less. */
  readonly first: 'theirs' | 'ours';
  readonly consequence: string;
  /** What ours should be. */
  readonly wanted: (their: number) => number;
}

const PAIRS: readonly Pair[] = [
  {
    rule: 'statement-timeout-order',
    theirs: 'statement_timeout',
    ours: 'query_timeout',
    first: 'theirs',
    wanted: (their) => their + 1_000,
    consequence:
      'A slow statement costs the client its connection, where Postgres would have ended the statement only.',
  },
  {
    rule: 'idle-in-transaction-order',
    theirs: 'idle_in_transaction_session_timeout',
    ours: 'idle_transaction_timeout',
    first: 'ours',
    wanted: (their) => their * 0.8,
    consequence:
      'Postgres closes the server connection first: it is lost to the pool, and a new login has to be paid for.',
  },
  {
    rule: 'idle-session-order',
    theirs: 'idle_session_timeout',
    ours: 'server_idle_timeout',
    first: 'ours',
    wanted: (their) => their / 2,
    consequence: 'Postgres closes idle servers of the pool; a client may be handed one in that very moment and fail.',
  },
  {
    rule: 'transaction-timeout-order',
    theirs: 'transaction_timeout',
    ours: 'transaction_timeout',
    first: 'ours',
    wanted: (their) => their * 0.8,
    consequence:
      'Postgres ends the whole session, so a long transaction costs the pool a server and a login each time.',
  },
];

function ofPair({ database, user, settings }: PoolFacts, session: SessionFacts): Finding[] {
  return PAIRS.flatMap(({ rule, theirs, ours, first, consequence, wanted }) => {
    const their = limitOf(session, theirs);
    const our = settings[ours];
    if (their === null) return [];
    const isKept = theirs === 'idle_session_timeout' && settings.min_pool_size > 0;
    const isWrong = first === 'theirs' ? our > 0 && their >= our : their > 0 && (our === 0 || their <= our || isKept);
    if (!isWrong) return [];
    const kept = isKept ? `, min_pool_size ${settings.min_pool_size} keeps servers without a limit` : '';
    const change = isKept
      ? `ALTER ROLE ${identifier(user)} SET ${theirs} = 0`
      : `${ours}: ${durationBelow(wanted(their))}`;
    const fact = `${theirs} of Postgres is ${their} ms, ${ours} is ${our} ms${our === 0 ? ' (no limit)' : ''}${kept}`;
    return [{ rule, severity: 'warning', about: `pool ${database}/${user}`, fact, consequence, change }];
  });
}

/** Limits of ours that are off or too short, whatever Postgres has. */
interface Ours {
  readonly rule: string;
  readonly isWrong: (settings: EffectiveSettings) => boolean;
  readonly fact: (settings: EffectiveSettings) => string;
  readonly consequence: string;
  readonly change: string;
}

const OURS: readonly Ours[] = [
  {
    rule: 'no-wait-limit',
    isWrong: ({ query_wait_timeout }) => query_wait_timeout === 0,
    fact: () => 'query_wait_timeout is 0',
    consequence: 'When the pool is full clients wait without an end or an error, and the application hangs.',
    change: 'query_wait_timeout: 10s',
  },
  {
    rule: 'lifetime-too-short',
    isWrong: ({ server_lifetime }) => server_lifetime < 60_000,
    fact: ({ server_lifetime }) => `server_lifetime is ${server_lifetime} ms`,
    consequence: 'Servers are closed and logged in again all the time; each login costs Postgres a process.',
    change: 'server_lifetime: 1h',
  },
];

function ofOurs({ database, user, settings, login, isAsking }: PoolFacts): Finding[] {
  if (isAsking) return [];
  const about = `pool ${database}/${user}`;
  const findings = OURS.filter(({ isWrong }) => isWrong(settings)).map(
    ({ rule, fact, consequence, change }): Finding => ({
      rule,
      severity: 'warning',
      about,
      fact: fact(settings),
      consequence,
      change,
    }),
  );
  const { guard, idle_transaction_timeout, leak_detection_threshold, leak_reclaim } = settings;
  const isReclaimed = guard && leak_reclaim !== 'never' && leak_detection_threshold > 0;
  if (idle_transaction_timeout > 0 || isReclaimed) return findings;
  if (login.kind === 'done' && limitOf(login.session, 'idle_in_transaction_session_timeout') === 0)
    findings.push({
      rule: 'no-idle-transaction-limit',
      severity: 'warning',
      about,
      fact: 'idle_transaction_timeout is off, leaks are not taken back, and idle_in_transaction_session_timeout of Postgres is 0',
      consequence:
        'A transaction that the application forgets holds its server, its locks and old row versions for ever.',
      change: 'idle_transaction_timeout: 60s',
    });
  return findings;
}

/** Postgres on another machine: who notices first that the other one has vanished. */
function ofNetwork(facts: Facts): Finding[] {
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
    const pool = facts.pools.find(
      ({ server, login, isAsking }) => server === key && login.kind === 'done' && !isAsking,
    );
    if (pool?.login.kind === 'done') findings.push(...ofVanished(key, identifier(pool.user), pool.login.session));
  }
  return findings;
}

function ofVanished(about: string, role: string, session: SessionFacts): Finding[] {
  const findings: Finding[] = [];
  const [idle, interval, count] = (['idle', 'interval', 'count'] as const).map((end) =>
    numberOf(session, `tcp_keepalives_${end}`),
  );
  if (idle && interval && count && idle + interval * count > 600)
    findings.push({
      rule: 'postgres-keepalive-slow',
      severity: 'note',
      about,
      fact: `Postgres notices after ${idle} s + ${count} x ${interval} s = ${idle + interval * count} s that the machine of a client has vanished`,
      consequence: 'Until then the sessions of a lost replica keep their connections, locks and transactions.',
      change: `ALTER ROLE ${role} SET tcp_keepalives_idle = 60; ALTER ROLE ${role} SET tcp_keepalives_interval = 10`,
    });
  if (numberOf(session, 'client_connection_check_interval') === 0 && numberOf(session, 'statement_timeout') === 0)
    findings.push({
      rule: 'lost-client-not-noticed',
      severity: 'note',
      about,
      fact: 'client_connection_check_interval and statement_timeout of Postgres are 0',
      consequence: 'A statement whose pgsluice was killed runs to its end, with its locks.',
      change: `ALTER ROLE ${role} SET client_connection_check_interval = '10s'`,
    });
  return findings;
}
