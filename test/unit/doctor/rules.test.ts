// The doctor's rules where a test has no second machine to stand on: the network, standbys, slow names; and the sum of pools.
import { expect, test } from 'vitest';
import { effectiveSettings } from '../../../src/config/effective.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { demandOf } from '../../../src/doctor/demand.ts';
import type { Facts, PoolFacts, ServerFacts } from '../../../src/doctor/facts.ts';
import { findingsOf } from '../../../src/doctor/rules/all.ts';

const yaml = `
databases:
  a: { host: db, pool_size: 10 }
  b: { host: db, pool_size: 5, max_db_connections: 6 }
users: { u: { password: x }, v: { password: x, max_user_connections: 4 } }
`;

function facts(
  server: Partial<ServerFacts> = {},
  session: { isInRecovery?: boolean; values?: Record<string, string> } = {},
  text = yaml,
): Facts {
  const result = parseConfig(text);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { config } = result;
  const pool = (database: string, user: string): PoolFacts => ({
    database,
    user,
    dbname: database,
    server: 'db:5432',
    settings: effectiveSettings(config, database, user),
    secret: 'plain',
    scramSecret: null,
    isAsking: false,
    login: {
      kind: 'done',
      session: {
        isEncrypted: true,
        isInRecovery: session.isInRecovery ?? false,
        values: new Map(Object.entries(session.values ?? {})),
        connectQueryError: null,
        authQueryError: null,
      },
    },
  });
  const known: ServerFacts = {
    key: 'db:5432',
    host: 'db',
    port: 5432,
    isRemote: true,
    lookup: null,
    tls: { kind: 'unchecked' },
    catalog: null,
    ...server,
  };
  return {
    told: { replicas: 2, appPoolSize: null, appInstances: 1 },
    settings: config.settings,
    databases: [...config.databases.values()],
    users: [...config.users.values()],
    pools: ['a', 'b'].flatMap((database) => ['u', 'v'].map((user) => pool(database, user))),
    servers: new Map([[known.key, known]]),
    host: { openFiles: null, cpus: null, memory: null, somaxconn: null },
    ownCertificate: null,
    now: 0,
    unchecked: [],
  };
}

const rules = (of: Facts) => findingsOf(of).map(({ rule }) => rule);

test('without anything to object to there is no finding', () => {
  expect(findingsOf(facts())).toEqual([]);
});

test('the sum of pools is bounded by the limits of databases and of users', () => {
  // By database: 10 + 10, and 5 + 5 cut to 6. By user: 15 of u, 15 of v cut to 4.
  expect(demandOf(facts(), () => true)).toEqual({
    connections: 38,
    arithmetic: '2 replicas x (a/u 10 + a/v 10 + b/u 5 + b/v 5, 19 by max_db_connections and max_user_connections)',
  });
});

test('over the network nothing goes in the clear unnoticed', () => {
  expect(rules(facts({ tls: { kind: 'refused' } }))).toEqual(['tls-off']);
  expect(rules(facts({ tls: { kind: 'refused' }, isRemote: false }))).toEqual([]);
  expect(rules(facts({}, {}, `server_tls_sslmode: disable\n${yaml}`))).toEqual(['tls-off']);
});

test('over the network keepalive is wanted, and that of Postgres is told when it takes hours', () => {
  expect(rules(facts({}, {}, `tcp_keepalive: false\n${yaml}`))).toEqual(['keepalive-off']);
  const values = { tcp_keepalives_idle: '7200', tcp_keepalives_interval: '75', tcp_keepalives_count: '9' };
  expect(findingsOf(facts({}, { values }))).toMatchObject([
    { rule: 'postgres-keepalive-slow', severity: 'note', fact: expect.stringContaining('= 7875 s') },
  ]);
});

test('a standby is told for each pool', () => {
  expect(rules(facts({}, { isInRecovery: true }))).toEqual(['standby', 'standby', 'standby', 'standby']);
});

test('a host that is not what target_session_attrs wants is an error, one that is is none', () => {
  const [finding] = findingsOf(facts({}, { isInRecovery: true }, `target_session_attrs: primary\n${yaml}`));
  expect(finding).toMatchObject({
    rule: 'no-host-fits',
    severity: 'error',
    fact: 'db:5432 is a standby; target_session_attrs is primary',
  });
  expect(rules(facts({}, { isInRecovery: true }, `target_session_attrs: standby\n${yaml}`))).toEqual([]);
  expect(rules(facts({}, {}, `target_session_attrs: read-only\n${yaml}`))[0]).toBe('no-host-fits');
});

test('a name that is found slowly is told with its addresses', () => {
  const [finding] = findingsOf(facts({ lookup: { ms: 812.4, addresses: ['10.0.0.7'] } }));
  expect(finding).toMatchObject({ rule: 'dns-slow', fact: 'the name db was found after 812 ms (10.0.0.7)' });
});

test('transaction_timeout of Postgres 17 ends sessions, so ours has to be shorter', () => {
  expect(rules(facts({}, { values: { transaction_timeout: '5000' } })).at(0)).toBe('transaction-timeout-order');
  const ours = `transaction_timeout: 4s\n${yaml}`;
  expect(rules(facts({}, { values: { transaction_timeout: '5000' } }, ours))).toEqual([]);
});
