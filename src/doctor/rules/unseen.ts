// What nobody could look at, and how to: a server that did not let us in, a right that is missing, a setting that this version has not got.
import { identifier } from '../change.ts';
import {
  type CatalogPart,
  type Facts,
  isLacking,
  type PoolFacts,
  type ServerFacts,
  type SessionFacts,
  sessionOn,
} from '../facts.ts';
import type { Finding } from '../finding.ts';
import { POSTGRES_SETTING_NAMES, POSTGRES_SETTINGS, type PostgresSetting } from '../postgres-settings.ts';

export function unseenRules(facts: Facts): Finding[] {
  return [
    ...[...facts.servers.values()].flatMap((server) => {
      const session = sessionOn(facts, server.key);
      if (session === null) return ofStranger(server, facts.pools);
      return [...ofCatalog(server), ...ofVersion(server.key, session)];
    }),
    ...facts.pools.flatMap((pool) => (pool.login.kind === 'done' ? ofSession(pool, pool.login.session) : [])),
    ...facts.pools.flatMap((pool) => ofSecret(pool, facts.servers.get(pool.server))),
    ...ofMachine(facts),
    ...facts.unchecked.map(({ about, why, how }) => unchecked('unchecked', about, why, how)),
  ];
}

function unchecked(rule: string, about: string, fact: string, change: string, consequence = SILENCE): Finding {
  return { rule, severity: 'unchecked', about, fact, consequence, change };
}
const SILENCE = 'Nothing is said about it.';

/** Nobody came in: all that a session tells is missing. */
function ofStranger({ key, host, port, lookup }: ServerFacts, pools: readonly PoolFacts[]): Finding[] {
  const pool = pools.find(({ server }) => server === key);
  if (pool === undefined) return [];
  const isLost = lookup !== null && 'error' in lookup;
  const how = `psql 'host=${host} port=${port} user=${pool.user} dbname=${pool.dbname}'  # from this machine; then ask again`;
  return [
    unchecked(
      'no-session',
      key,
      'Nobody could log in, so it is not known whether there is room for the pools, which connection limits and time limits hold, what the host is, and whether pg_hba.conf is right',
      isLost ? `getent hosts ${host}  # from this machine; then ask again` : how,
    ),
  ];
}

/** What a part of the catalog tells, and the question for somebody who may ask. */
const PARTS: Readonly<Record<Exclude<CatalogPart, 'secrets'>, { readonly tells: string; readonly how: string }>> = {
  sessions: {
    tells: 'how many connections others use, and so whether there is room for the pools',
    how: 'SELECT usename, datname, count(*) FROM pg_stat_activity GROUP BY 1, 2',
  },
  roles: {
    tells: 'CONNECTION LIMIT and VALID UNTIL of roles, and whether they are superusers',
    how: 'SELECT rolname, rolconnlimit, rolvaliduntil, rolsuper FROM pg_roles',
  },
  databases: {
    tells: 'CONNECTION LIMIT of databases',
    how: 'SELECT datname, datconnlimit FROM pg_database',
  },
  hbaErrors: {
    tells: 'whether pg_hba.conf has wrong lines',
    how: 'SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL',
  },
};

function ofCatalog({ key, catalog }: ServerFacts): Finding[] {
  return Object.entries(PARTS).flatMap(([part, { tells, how }]) => {
    const why = catalog.denied[part as CatalogPart];
    return why === undefined ? [] : [unchecked('no-right', key, `${upper(tells)}: ${why}`, `${how}  # as a superuser`)];
  });
}

/** Settings that this version has not got. */
function ofVersion(key: string, session: SessionFacts): Finding[] {
  return POSTGRES_SETTING_NAMES.filter((name) => isLacking(session, name)).map((name) => {
    const { since, tells, without }: PostgresSetting = POSTGRES_SETTINGS[name];
    return unchecked(
      'old-version',
      key,
      `${upper(tells)}: ${name} came with PostgreSQL ${since}, and this is ${session.major}`,
      `ask again after an upgrade; until then ${without}`,
    );
  });
}

/** Settings that this role is not shown. */
function ofSession({ database, user, dbname }: PoolFacts, session: SessionFacts): Finding[] {
  const about = `pool ${database}/${user}`;
  const findings: Finding[] = [];
  const hidden = POSTGRES_SETTING_NAMES.filter((name) => !session.values.has(name) && !isLacking(session, name));
  if (session.valuesDenied !== null)
    findings.push(
      unchecked(
        'no-right',
        about,
        `The settings of Postgres: ${session.valuesDenied}`,
        `GRANT SELECT ON pg_settings TO ${identifier(user)}  # in database ${identifier(dbname)}`,
        'Nothing is said about time limits, max_connections, password_encryption, plan_cache_mode and keepalives.',
      ),
    );
  else
    for (const name of hidden) {
      const { tells } = POSTGRES_SETTINGS[name];
      const fact = `${upper(tells)}: ${name} is not in pg_settings as ${user} sees it`;
      findings.push(unchecked('no-right', about, fact, `SHOW ${name}  # as a superuser`));
    }
  if (session.isInRecovery === null)
    findings.push(
      unchecked(
        'no-right',
        about,
        `Whether the host is a standby: ${user} may not ask`,
        `GRANT EXECUTE ON FUNCTION pg_is_in_recovery() TO ${identifier(user)}`,
      ),
    );
  return findings;
}

/** What Postgres keeps of a password, where it is not shown and the login did not tell either. */
function ofSecret({ database, user, secret, login }: PoolFacts, server: ServerFacts | undefined): Finding[] {
  const why = server?.catalog.denied.secrets;
  if (why === undefined) return [];
  const about = `pool ${database}/${user}`;
  const how = `SELECT rolpassword FROM pg_authid WHERE rolname = '${user.replaceAll("'", "''")}'  # as a superuser`;
  if (secret === 'md5' || secret === 'scram')
    return [unchecked('no-right', about, `Whether our secret of ${user} is that of Postgres: ${why}`, how)];
  const proof = login.kind === 'done' ? login.session.proof : null;
  // An md5 hash is asked for as md5, a SCRAM secret as SCRAM.
  if (proof === null || proof === 'md5' || proof === 'scram') return [];
  const fact = `Whether Postgres keeps the password of ${user} as an md5 hash: ${why}`;
  return [unchecked('no-right', about, fact, how)];
}

/** Where the system does not tell: another one than Linux, or no /proc. */
function ofMachine({ host }: Facts): Finding[] {
  const say = (fact: string, how: string) => unchecked('machine', 'machine', fact, how);
  return [
    ...(host.openFiles === null
      ? [say('How many open files are allowed: /proc/self/limits is not there', 'ulimit -Hn')]
      : []),
    ...(host.somaxconn === null
      ? [
          say(
            'How many new connections the kernel holds: net.core.somaxconn is not there',
            'sysctl -a | grep somaxconn',
          ),
        ]
      : []),
    ...(host.hasCgroup
      ? []
      : [say('Limits of processor and memory: /sys/fs/cgroup is not there', 'the limits of the container or service')]),
  ];
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
