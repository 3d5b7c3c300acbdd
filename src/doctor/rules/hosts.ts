// Rules: whether the hosts are there, how their names are found, and what they are.
import { identifier } from '../change.ts';
import { type Facts, isServedElsewhere, type PoolFacts, type ServerFacts, type SessionFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** A lookup that takes longer is felt at each new connection. */
const SLOW_LOOKUP_MS = 250;

export function hostRules(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  for (const server of facts.servers.values()) {
    const { key, host, lookup } = server;
    findings.push(...ofReach(server, facts));
    if (lookup === null) continue;
    if ('error' in lookup)
      findings.push({
        rule: 'dns',
        severity: isServedElsewhere(facts, key) ? 'warning' : 'error',
        about: key,
        fact:
          lookup.code === 'EAI_AGAIN'
            ? `nobody could be asked for the name ${host}: ${lookup.error}`
            : `the name ${host} is not found: ${lookup.error}`,
        consequence: 'No server can be opened there: clients that have no other host wait and fail.',
        change:
          lookup.code === 'EAI_AGAIN'
            ? 'nameserver in /etc/resolv.conf, or dnsPolicy of the pod'
            : 'databases: { NAME: { host: … } }',
      });
    else if (lookup.ms > SLOW_LOOKUP_MS)
      findings.push({
        rule: 'dns-slow',
        severity: 'warning',
        about: key,
        fact: `the name ${host} was found after ${Math.round(lookup.ms)} ms (${lookup.addresses.join(', ')})`,
        consequence: 'Each new server connection takes so much longer.',
        change: `databases: { NAME: { host: ${host}. } }  # the dot at the end leaves out search domains`,
      });
  }
  for (const group of Map.groupBy(facts.pools, (pool) => JSON.stringify([pool.database, pool.user])).values())
    findings.push(...ofRoles(group));
  for (const { database, user, login, settings } of facts.pools) {
    if (login.kind !== 'done') continue;
    const { values } = login.session;
    const about = `pool ${database}/${user}`;
    const plan = values.get('plan_cache_mode');
    if (plan !== undefined && plan !== 'auto' && settings.max_prepared_statements > 0)
      findings.push({
        rule: 'plan-cache-mode',
        severity: 'warning',
        about,
        fact: `plan_cache_mode is ${plan}, max_prepared_statements is ${settings.max_prepared_statements}`,
        consequence:
          plan === 'force_custom_plan'
            ? 'Each execution of a prepared statement is planned anew: sharing them saves the parsing only.'
            : 'Prepared statements are planned without their values: those with uneven data may get much slower.',
        change: `ALTER ROLE ${identifier(user)} RESET plan_cache_mode  # or the same of the database or in postgresql.conf`,
      });
  }
  return findings;
}

/** What to look at when nobody answers, by the system's code. */
const ways: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'databases: { NAME: { host: …, port: … } }  # nobody listens there; or listen_addresses in Postgres',
  ENOENT: 'databases: { NAME: { host: the folder of unix_socket_directories } }',
  EACCES: 'unix_socket_permissions in Postgres, and who may enter the folder of the socket',
};
const WAY = 'databases: { NAME: { host: …, port: … } }  # or what a firewall or NetworkPolicy lets through';

function ofReach({ key, unreached }: ServerFacts, facts: Facts): Finding[] {
  if (unreached === null) return [];
  const names = [...new Set(facts.pools.filter(({ server }) => server === key).map(({ database }) => database))];
  const clients = `clients of ${names.slice(0, 4).join(', ')}${names.length > 4 ? ' and others' : ''}`;
  const isServed = isServedElsewhere(facts, key);
  return [
    {
      rule: 'unreachable',
      severity: isServed ? 'warning' : 'error',
      about: key,
      fact: `${key} can not be reached: ${unreached.message} (${unreached.code})`,
      consequence: `No server can be opened there: ${clients} ${isServed ? 'have the other hosts only' : 'wait and fail'}.`,
      change: ways[unreached.code] ?? WAY,
    },
  ];
}

/** What the hosts of one pool are, against target_session_attrs. */
function ofRoles(group: readonly PoolFacts[]): Finding[] {
  const [first] = group;
  const sessions = group.flatMap(({ login, server }) => (login.kind === 'done' ? [{ server, ...login.session }] : []));
  if (!first || first.isAsking || sessions.length === 0) return [];
  const { database, user, settings } = first;
  const wish = settings.target_session_attrs;
  const about = `pool ${database}/${user}`;
  const say = (rest: Omit<Finding, 'about'>): Finding[] => [{ about, ...rest }];
  const tell = sessions
    .map(
      (session) =>
        `${session.server} ${session.isInRecovery ? 'is a standby' : isReadOnly(session) ? 'has default_transaction_read_only on' : 'takes writes'}`,
    )
    .join(', ');
  if (wish === 'any' || wish === 'prefer-standby') {
    const some = sessions.filter(isReadOnly);
    if (some.length === 0 || (wish === 'prefer-standby' && group.length > 1)) return [];
    return say({
      rule: some.some(({ isInRecovery }) => isInRecovery) ? 'standby' : 'read-only',
      severity: 'warning',
      fact: `${tell}; target_session_attrs is ${wish}`,
      consequence: 'Every statement that writes fails there (25006).',
      change: `databases: { ${database}: { target_session_attrs: read-write } }  # with a host that takes writes; or read-only, if that is meant`,
    });
  }
  // Of what is not known it may be the right one.
  const isOther = (session: SessionFacts) => {
    if (wish === 'primary') return session.isInRecovery === true;
    if (wish === 'standby') return session.isInRecovery === false;
    const isReading = isReadOnly(session);
    return isReading !== null && isReading !== (wish === 'read-only');
  };
  if (sessions.length < group.length || !sessions.every(isOther)) return [];
  return say({
    rule: 'no-host-fits',
    severity: 'error',
    fact: `${tell}; target_session_attrs is ${wish}`,
    consequence: 'No host is what is wanted: no server can be opened, every client waits and fails.',
    change: `databases: { ${database}: { target_session_attrs: any } }  # or a host that fits`,
  });
}

/** null: it is not known. */
function isReadOnly({ isInRecovery, values }: SessionFacts): boolean | null {
  const isDefault = values.get('default_transaction_read_only');
  if (isInRecovery === true || isDefault === 'on') return true;
  return isInRecovery === null || isDefault === undefined ? null : false;
}
