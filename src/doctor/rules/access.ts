// Rules: whether Postgres lets our users in, now and after the next change of a password.
import { parseSecret } from '../../auth/secret.ts';
import type { Facts, PoolFacts, RoleFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

export function accessRules(facts: Facts): Finding[] {
  return [
    ...facts.pools.flatMap(ofLogin),
    ...facts.pools.flatMap((pool) => {
      const role = facts.servers.get(pool.server)?.catalog?.roles.get(pool.user);
      return role ? ofRole(pool, role, facts.now) : [];
    }),
    ...facts.pools.flatMap(ofEncryption),
    ...ofHba(facts),
  ];
}

/** What to look at, by SQLSTATE or the system's code. */
const repairs: Readonly<Record<string, string>> = {
  '28P01': 'databases: { NAME: { password_file: … } }  # or users:, or ALTER ROLE … PASSWORD',
  '28000': 'pg_hba.conf: hostssl DATABASE USER ADDRESS scram-sha-256  # then SELECT pg_reload_conf()',
  '3D000': 'databases: { NAME: { dbname: the_name_in_postgres } }',
  '42501': 'GRANT CONNECT ON DATABASE … TO …',
  '53300': 'ALTER SYSTEM SET max_connections = …  # or close what others hold',
};

function ofLogin({ database, user, server, login, secret }: PoolFacts): Finding[] {
  const about = `pool ${database}/${user}`;
  if (login.kind === 'unchecked')
    return [
      {
        rule: 'login',
        severity: 'unchecked',
        about,
        fact: `The login to ${server} could not be tried: ${login.why}`,
        consequence: 'Nothing that depends on this session was looked at.',
        change:
          secret === 'plain'
            ? 'repair what is told of the server, and ask again'
            : `users: { ${user}: { password_env: … } }  # in a copy of the file, for the doctor alone`,
      },
    ];
  if (login.kind === 'failed') {
    const isNetwork = !/^[0-9A-Z]{5}$/.test(login.code) || /^E[A-Z]{4}$/.test(login.code);
    return [
      {
        rule: isNetwork ? 'unreachable' : 'login-refused',
        severity: 'error',
        about,
        fact: `${server} ${isNetwork ? 'can not be reached' : `refuses the login of ${user} to ${database}`}: ${login.message} (${login.code})`,
        consequence: 'No server can be opened: every client waits and fails.',
        change: isNetwork
          ? 'databases: { NAME: { host: …, port: … } }'
          : (repairs[login.code] ?? 'the log of Postgres says more'),
      },
    ];
  }
  const { connectQueryError, authQueryError } = login.session;
  const findings: Finding[] = [];
  if (connectQueryError !== null)
    findings.push({
      rule: 'connect-query',
      severity: 'error',
      about,
      fact: `connect_query fails: ${connectQueryError}`,
      consequence: 'No server of this pool can be used.',
      change: `databases: { ${database}: { connect_query: … } }`,
    });
  if (authQueryError !== null)
    findings.push({
      rule: 'auth-query',
      severity: 'error',
      about,
      fact: `auth_query fails as ${user}: ${authQueryError}`,
      consequence: 'Users who are not in users: or auth_file can not log in.',
      change: `GRANT SELECT ON pg_authid TO ${user}  # in this database; or auth_query: SELECT … FROM a SECURITY DEFINER function`,
    });
  return findings;
}

function ofRole(pool: PoolFacts, role: RoleFacts, now: number): Finding[] {
  const { database, user, secret, scramSecret } = pool;
  const about = `pool ${database}/${user}`;
  const findings: Finding[] = [];
  const { validUntil } = role;
  if (validUntil !== null && validUntil - now < SOON_MS)
    findings.push({
      rule: 'password-expiry',
      severity: validUntil < now ? 'error' : 'warning',
      about,
      fact: `VALID UNTIL of ${user} ${validUntil < now ? 'was' : 'is'} ${new Date(validUntil).toISOString()}`,
      consequence: 'From then on Postgres refuses every login with this password (28P01).',
      change: `ALTER ROLE ${user} VALID UNTIL 'infinity'`,
    });
  if (role.secret === null) return findings;
  const stored = parseSecret(role.secret);
  if (secret === 'md5' && stored.kind === 'scram')
    findings.push({
      rule: 'md5-against-scram',
      severity: 'error',
      about,
      fact: `Our secret of ${user} is an md5 hash, Postgres has a SCRAM secret`,
      consequence: 'SCRAM can not be answered with an md5 hash: no server can be opened.',
      change: `users: { ${user}: { password: "\${THE_PASSWORD}" } }  # or the SCRAM secret of pg_authid`,
    });
  if (scramSecret !== null && stored.kind === 'scram' && scramSecret !== role.secret)
    findings.push({
      rule: 'scram-secret-differs',
      severity: 'error',
      about,
      fact: `Our SCRAM secret of ${user} is not the one that Postgres has: another salt or another password`,
      consequence: "A client's login gives keys that fit ours and not that of Postgres: no server can be opened.",
      change: `users: { ${user}: { password: rolpassword of pg_authid } }  # or auth_query`,
    });
  if (stored.kind === 'md5')
    findings.push({
      rule: 'md5-in-postgres',
      severity: 'warning',
      about,
      fact: `Postgres keeps the password of ${user} as an md5 hash`,
      consequence:
        'PostgreSQL 18 warns of it and a later one refuses it; with auth_query such a user can not log in by SCRAM.',
      change: `SET password_encryption = 'scram-sha-256'; ALTER ROLE ${user} PASSWORD '…'`,
    });
  return findings;
}

function ofEncryption({ server, login }: PoolFacts, index: number, pools: readonly PoolFacts[]): Finding[] {
  if (login.kind !== 'done' || pools.findIndex((pool) => pool.server === server) !== index) return [];
  if (login.session.values.get('password_encryption') !== 'md5') return [];
  return [
    {
      rule: 'password-encryption',
      severity: 'warning',
      about: server,
      fact: 'password_encryption of Postgres is md5',
      consequence: 'The next ALTER ROLE … PASSWORD stores an md5 hash, and logins by SCRAM with it fail.',
      change: "ALTER SYSTEM SET password_encryption = 'scram-sha-256'",
    },
  ];
}

function ofHba({ servers }: Facts): Finding[] {
  return [...servers.values()].flatMap(({ key, catalog }): Finding[] => {
    const errors = catalog?.hbaErrors ?? [];
    const [first] = errors;
    if (!first) return [];
    return [
      {
        rule: 'hba-file',
        severity: 'warning',
        about: key,
        fact: `pg_hba.conf has ${errors.length} wrong ${errors.length === 1 ? 'line' : 'lines'}, the first is line ${first.line}: ${first.error}`,
        consequence: 'Postgres goes on with the old rules, and does not start again with this file.',
        change: `pg_hba.conf line ${first.line}: …  # then SELECT pg_reload_conf()`,
      },
    ];
  });
}
