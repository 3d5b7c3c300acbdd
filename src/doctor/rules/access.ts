// Rules: whether Postgres lets our users in, now and after the next change of a password.
import { parseSecret } from '../../auth/secret.ts';
import { identifier } from '../change.ts';
import {
  type CatalogFacts,
  type Facts,
  NOTHING_SEEN,
  type PoolFacts,
  type RoleFacts,
  type SessionFacts,
  sessionOn,
} from '../facts.ts';
import type { Finding } from '../finding.ts';

const DAY_MS = 86_400_000;
const SOON_MS = 14 * DAY_MS;

export function accessRules(facts: Facts): Finding[] {
  const catalogOf = (pool: PoolFacts) => facts.servers.get(pool.server)?.catalog ?? NOTHING_SEEN;
  return [
    ...facts.pools.flatMap(ofLogin),
    ...facts.pools.flatMap((pool) => ofExpiry(pool, catalogOf(pool).roles?.get(pool.user), facts.now)),
    ...facts.pools.flatMap((pool) => ofSecret(pool, catalogOf(pool).secrets?.get(pool.user) ?? null)),
    ...[...facts.servers.values()].flatMap(({ key, catalog }) => [
      ...ofEncryption(key, sessionOn(facts, key)),
      ...ofHba(key, catalog.hbaErrors ?? []),
    ]),
  ];
}

/** What to look at, by SQLSTATE. */
const repairs: Readonly<Record<string, string>> = {
  '28P01': 'databases: { NAME: { password_file: … } }  # or users:, or ALTER ROLE … PASSWORD',
  '28000':
    'pg_hba.conf: hostssl DATABASE USER ADDRESS scram-sha-256  # then SELECT pg_reload_conf(); or CREATE ROLE … LOGIN',
  '3D000': 'databases: { NAME: { dbname: the_name_in_postgres } }',
  '42501': 'GRANT CONNECT ON DATABASE … TO …',
  '53300': 'ALTER SYSTEM SET max_connections = …  # or close what others hold',
  '57P03': 'ask again when Postgres has started',
};

function ofLogin({ database, user, server, login }: PoolFacts): Finding[] {
  const about = `pool ${database}/${user}`;
  if (login.kind === 'unreached') return [];
  if (login.kind === 'unchecked')
    return [
      {
        rule: 'login',
        severity: 'unchecked',
        about,
        fact: `The login to ${server} could not be tried: ${login.why}`,
        consequence: 'Nothing that depends on this session was looked at.',
        change: login.how,
      },
    ];
  if (login.kind === 'refused')
    return [
      {
        rule: 'login-refused',
        severity: 'error',
        about,
        fact: `${server} refuses the login of ${user} to ${database}: ${login.message} (${login.code})`,
        consequence: 'No server can be opened: every client waits and fails.',
        change: repairs[login.code] ?? 'the log of Postgres says more',
      },
    ];
  const { connectQueryError, authQueryError, isEncrypted, proof } = login.session;
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
      change: `GRANT SELECT ON pg_authid TO ${identifier(user)}  # in this database; or auth_query: SELECT … FROM a SECURITY DEFINER function`,
    });
  if (proof === 'password' && !isEncrypted)
    findings.push({
      rule: 'password-in-the-clear',
      severity: 'warning',
      about,
      fact: `pg_hba.conf asks ${user} for the password itself, and the connection is not encrypted`,
      consequence: 'Whoever sits between reads it.',
      change: 'pg_hba.conf: scram-sha-256 instead of password  # then SELECT pg_reload_conf()',
    });
  return findings;
}

function ofExpiry({ database, user }: PoolFacts, role: RoleFacts | undefined, now: number): Finding[] {
  const validUntil = role?.validUntil ?? null;
  if (validUntil === null || validUntil - now >= SOON_MS) return [];
  return [
    {
      rule: 'password-expiry',
      severity: validUntil < now ? 'error' : 'warning',
      about: `pool ${database}/${user}`,
      fact: `VALID UNTIL of ${user} ${validUntil < now ? 'was' : 'is'} ${new Date(validUntil).toISOString()}`,
      consequence: 'From then on Postgres refuses every login with this password (28P01).',
      change: `ALTER ROLE ${identifier(user)} VALID UNTIL 'infinity'`,
    },
  ];
}

/** What Postgres keeps of the password of a role; of what it is not shown, only the login tells something. */
function ofSecret(pool: PoolFacts, rolpassword: string | null): Finding[] {
  const { database, user, secret, storedSecret, login } = pool;
  const about = `pool ${database}/${user}`;
  const theirs = rolpassword === null ? null : parseSecret(rolpassword).kind;
  const findings: Finding[] = [];
  const isUsable = theirs === 'md5' || theirs === 'scram';
  if (isUsable && (secret === 'md5' || secret === 'scram') && storedSecret !== rolpassword)
    findings.push({ ...differing(secret, theirs, user), severity: 'error', about });
  if (theirs === 'md5' || (theirs === null && login.kind === 'done' && login.session.proof === 'md5'))
    findings.push({
      rule: 'md5-in-postgres',
      severity: 'warning',
      about,
      fact: `Postgres keeps the password of ${user} as an md5 hash`,
      consequence:
        'PostgreSQL 18 warns of it and a later one refuses it; with auth_query such a user can not log in by SCRAM.',
      change: `SET password_encryption = 'scram-sha-256'; ALTER ROLE ${identifier(user)} PASSWORD '…'`,
    });
  return findings;
}

type Kind = 'md5' | 'scram';
const NAMES: Readonly<Record<Kind, string>> = { md5: 'an md5 hash', scram: 'a SCRAM secret' };

/** Our secret is not that of Postgres. */
function differing(ours: Kind, theirs: Kind, user: string): Omit<Finding, 'severity' | 'about'> {
  if (ours !== theirs)
    return {
      rule: `${ours}-against-${theirs}`,
      fact: `Our secret of ${user} is ${NAMES[ours]}, Postgres has ${NAMES[theirs]}`,
      consequence: `What Postgres asks for can not be answered with ${NAMES[ours]}: no server can be opened.`,
      change: `users: { ${user}: { password: "\${THE_PASSWORD}" } }  # or rolpassword of pg_authid`,
    };
  const isScram = ours === 'scram';
  return {
    rule: `${ours}-secret-differs`,
    fact: `Our ${isScram ? 'SCRAM secret' : 'md5 hash'} of ${user} is not the one that Postgres has: another ${isScram ? 'salt or another password' : 'password'}`,
    consequence: isScram
      ? "A client's login gives keys that fit ours and not that of Postgres: no server can be opened."
      : 'What our hash answers Postgres refuses (28P01): no server can be opened.',
    change: `users: { ${user}: { password: rolpassword of pg_authid } }  # or auth_query`,
  };
}

function ofEncryption(about: string, session: SessionFacts | null): Finding[] {
  if (session?.values.get('password_encryption') !== 'md5') return [];
  return [
    {
      rule: 'password-encryption',
      severity: 'warning',
      about,
      fact: 'password_encryption of Postgres is md5',
      consequence: 'The next ALTER ROLE … PASSWORD stores an md5 hash, and logins by SCRAM with it fail.',
      change: "ALTER SYSTEM SET password_encryption = 'scram-sha-256'",
    },
  ];
}

function ofHba(about: string, errors: NonNullable<CatalogFacts['hbaErrors']>): Finding[] {
  const [first] = errors;
  if (!first) return [];
  return [
    {
      rule: 'hba-file',
      severity: 'warning',
      about,
      fact: `pg_hba.conf has ${errors.length} wrong ${errors.length === 1 ? 'line' : 'lines'}, the first is line ${first.line}: ${first.error}`,
      consequence: 'Postgres goes on with the old rules, and does not start again with this file.',
      change: `pg_hba.conf line ${first.line}: …  # then SELECT pg_reload_conf()`,
    },
  ];
}
