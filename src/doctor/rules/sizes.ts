// Rules: pools times sizes times replicas, against what Postgres lets in.
import { durationBelow, identifier } from '../change.ts';
import { demandOf, distinct, fittingSize } from '../demand.ts';
import { type Facts, limitOf, type PoolFacts, type ServerFacts, sessionOn } from '../facts.ts';
import type { Finding } from '../finding.ts';

/** More of the room than this is told: a rolling restart has a replica more for a while. */
const FULL = 0.9;

export function sizeRules(facts: Facts): Finding[] {
  return [
    ...[...facts.servers.values()].flatMap((server) => ofServer(facts, server)),
    ...ofRoles(facts),
    ...ofDatabases(facts),
    ...ofReserve(facts),
  ];
}

function ofServer(facts: Facts, { key, catalog }: ServerFacts): Finding[] {
  const session = sessionOn(facts, key);
  if (session === null || catalog.sessions === null) return [];
  const max = limitOf(session, 'max_connections');
  const superuser = limitOf(session, 'superuser_reserved_connections');
  const reserved = limitOf(session, 'reserved_connections');
  if (max === null || superuser === null || reserved === null) return [];
  const isHere = (pool: PoolFacts) => pool.server === key;
  const pools = facts.pools.filter(isHere);
  const isOurs = (user: string, database: string) =>
    pools.some((pool) => pool.user === user && pool.dbname === database);
  const others = catalog.sessions
    .filter(({ user, database }) => !isOurs(user, database))
    .reduce((total, { count }) => total + count, 0);
  const room = max - superuser - reserved - others;
  const demand = demandOf(facts, isHere);
  const fact = `${demand.arithmetic} = ${demand.connections} connections; ${key} has room for ${Math.max(0, room)}: max_connections ${max}, less ${superuser + reserved} reserved, less ${others} that others use now`;
  const change = `default_pool_size: ${fittingSize(facts, isHere, room * FULL)}  # or max_db_connections, or a larger max_connections in Postgres`;
  if (demand.connections > room) {
    const consequence =
      'Under load Postgres refuses logins ("sorry, too many clients already", 53300), also of others.';
    return [{ rule: 'max-connections', severity: 'error', about: key, fact, consequence, change }];
  }
  if (demand.connections <= room * FULL) return [];
  const consequence = 'A rolling restart, which has one replica more for a while, may find no room.';
  return [{ rule: 'max-connections', severity: 'warning', about: key, fact, consequence, change }];
}

function ofRoles(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  const each = (limit: number) => Math.max(1, Math.floor(limit / facts.told.replicas));
  for (const { key, catalog } of facts.servers.values()) {
    for (const user of new Set(facts.pools.filter(({ server }) => server === key).map((pool) => pool.user))) {
      const role = catalog.roles?.get(user);
      const isHis = (pool: PoolFacts) => pool.server === key && pool.user === user;
      // Postgres: a superuser has no limit (InitializeSessionUserId).
      if (role && role.connectionLimit >= 0 && !role.isSuperuser) {
        const demand = demandOf(facts, isHis);
        if (demand.connections > role.connectionLimit)
          findings.push({
            rule: 'role-connection-limit',
            severity: 'error',
            about: `${key} role ${user}`,
            fact: `${demand.arithmetic} = ${demand.connections} connections; CONNECTION LIMIT of the role is ${role.connectionLimit}`,
            consequence: `Under load Postgres refuses logins: too many connections for role "${user}" (53300).`,
            change: `users: { ${user}: { max_user_connections: ${each(role.connectionLimit)} } }  # or ALTER ROLE ${identifier(user)} CONNECTION LIMIT ${demand.connections}`,
          });
      }
      if (role?.isSuperuser)
        findings.push({
          rule: 'superuser-pool',
          severity: 'warning',
          about: `${key} role ${user}`,
          fact: `The pool logs in as ${user}, which is a superuser`,
          consequence:
            'Its servers may take the reserved connections too, and then nobody gets in to repair anything; no CONNECTION LIMIT holds for it, and every client may do everything.',
          change: 'databases: { NAME: { user: an_ordinary_role } }',
        });
    }
  }
  return findings;
}

function ofDatabases(facts: Facts): Finding[] {
  const findings: Finding[] = [];
  const each = (limit: number) => Math.max(1, Math.floor(limit / facts.told.replicas));
  for (const { key, catalog } of facts.servers.values()) {
    for (const dbname of new Set(facts.pools.filter(({ server }) => server === key).map((pool) => pool.dbname))) {
      const limit = catalog.databases?.get(dbname)?.connectionLimit ?? -1;
      const isIn = (pool: PoolFacts) => pool.server === key && pool.dbname === dbname;
      const demand = demandOf(facts, isIn);
      if (limit < 0 || demand.connections <= limit) continue;
      findings.push({
        rule: 'database-connection-limit',
        severity: 'error',
        about: `${key} database ${dbname}`,
        fact: `${demand.arithmetic} = ${demand.connections} connections; CONNECTION LIMIT of the database is ${limit}`,
        consequence: `Under load Postgres refuses logins: too many connections for database "${dbname}" (53300).`,
        change: `databases: { ${dbname}: { max_db_connections: ${each(limit)} } }  # or ALTER DATABASE ${identifier(dbname)} CONNECTION LIMIT ${demand.connections}`,
      });
    }
  }
  return findings;
}

function ofReserve({ pools }: Facts): Finding[] {
  return distinct(pools).flatMap(({ database, user, settings }): Finding[] => {
    const { reserve_pool_size: size, reserve_pool_timeout: after, query_wait_timeout: wait } = settings;
    if (size === 0 || wait === 0 || (after > 0 && after < wait)) return [];
    return [
      {
        rule: 'reserve-too-late',
        severity: 'warning',
        about: `pool ${database}/${user}`,
        fact: `reserve_pool_size ${size} may be used after ${after} ms of waiting (0: never), query_wait_timeout ends the wait after ${wait} ms`,
        consequence: 'The reserve is never used.',
        change: `reserve_pool_timeout: ${durationBelow(wait / 2)}`,
      },
    ];
  });
}
