// The doctor's rules where a test has no second machine to stand on: the network, standbys, slow names; and the sum of pools.
import { expect, test } from 'vitest';
import { demandOf } from '../../../src/doctor/demand.ts';
import type { Facts } from '../../../src/doctor/facts.ts';
import { findingsOf } from '../../../src/doctor/rules/all.ts';
import { factsOf, YAML } from './facts.ts';

const rules = (of: Facts) => findingsOf(of).map(({ rule }) => rule);

test('without anything to object to there is no finding', () => {
  expect(findingsOf(factsOf())).toEqual([]);
});

test('the sum of pools is bounded by the limits of databases and of users', () => {
  // By database: 10 + 10, and 5 + 5 cut to 6. By user: 15 of u, 15 of v cut to 4.
  expect(demandOf(factsOf(), () => true)).toEqual({
    connections: 38,
    arithmetic: '2 replicas x (a/u 10 + a/v 10 + b/u 5 + b/v 5, 19 by max_db_connections and max_user_connections)',
  });
});

test('over the network nothing goes in the clear unnoticed', () => {
  expect(rules(factsOf({ server: { tls: { kind: 'refused' } } }))).toEqual(['tls-off']);
  expect(rules(factsOf({ server: { tls: { kind: 'refused' }, isRemote: false } }))).toEqual([]);
  expect(rules(factsOf({ yaml: `server_tls_sslmode: disable\n${YAML}` }))).toEqual(['tls-off']);
});

test('over the network keepalive is wanted, and that of Postgres is told when it takes hours', () => {
  expect(rules(factsOf({ yaml: `tcp_keepalive: false\n${YAML}` }))).toEqual(['keepalive-off']);
  const values = { tcp_keepalives_idle: '7200', tcp_keepalives_interval: '75', tcp_keepalives_count: '9' };
  expect(findingsOf(factsOf({ values }))).toMatchObject([
    { rule: 'postgres-keepalive-slow', severity: 'note', fact: expect.stringContaining('= 7875 s') },
  ]);
});

test('a standby is told for each pool', () => {
  expect(rules(factsOf({ session: { isInRecovery: true } }))).toEqual(['standby', 'standby', 'standby', 'standby']);
});

test('a host that is not what target_session_attrs wants is an error, one that is is none', () => {
  const [finding] = findingsOf(
    factsOf({ session: { isInRecovery: true }, yaml: `target_session_attrs: primary\n${YAML}` }),
  );
  expect(finding).toMatchObject({
    rule: 'no-host-fits',
    severity: 'error',
    fact: 'db:5432 is a standby; target_session_attrs is primary',
  });
  expect(rules(factsOf({ session: { isInRecovery: true }, yaml: `target_session_attrs: standby\n${YAML}` }))).toEqual(
    [],
  );
  expect(rules(factsOf({ yaml: `target_session_attrs: read-only\n${YAML}` }))[0]).toBe('no-host-fits');
});

test('a name that is found slowly is told with its addresses', () => {
  const [finding] = findingsOf(factsOf({ server: { lookup: { ms: 812.4, addresses: ['10.0.0.7'] } } }));
  expect(finding).toMatchObject({ rule: 'dns-slow', fact: 'the name db was found after 812 ms (10.0.0.7)' });
});

test('transaction_timeout of Postgres 17 ends sessions, so ours has to be shorter', () => {
  expect(rules(factsOf({ values: { transaction_timeout: '5000' } })).at(0)).toBe('transaction-timeout-order');
  const ours = `transaction_timeout: 4s\n${YAML}`;
  expect(rules(factsOf({ values: { transaction_timeout: '5000' }, yaml: ours }))).toEqual([]);
});

test('a host that is not reached is a warning where another one serves, and an error where none does', () => {
  const facts = factsOf();
  const lost = {
    ...facts.servers.get('db:5432')!,
    key: 'gone:5432',
    unreached: { code: 'ECONNREFUSED', message: 'no' },
  };
  const [pool] = facts.pools;
  const gone = { ...pool!, server: 'gone:5432', login: { kind: 'unreached' } as const };
  const found = (pools: Facts['pools']) =>
    findingsOf({ ...facts, pools, servers: new Map([...facts.servers, ['gone:5432', lost]]) })[0];
  expect(found([...facts.pools, gone])).toMatchObject({ rule: 'unreachable', severity: 'warning' });
  expect(found(facts.pools.slice(1).concat(gone))).toMatchObject({ rule: 'unreachable', severity: 'error' });
});

test('connections of the application are held against one pool as such, against several with a proviso', () => {
  const told = { replicas: 1, appPoolSize: 50, appInstances: 1 };
  const facts = factsOf({ yaml: YAML.replace('pool_size: 10', 'pool_size: 10, pool_mode: session') });
  const [one] = facts.pools;
  const found = (pools: Facts['pools']) =>
    findingsOf({ ...facts, told, pools }).filter(({ rule }) => rule === 'session-mode-too-small');
  expect(found([one!])).toMatchObject([{ severity: 'error', fact: expect.not.stringContaining('if all') }]);
  expect(found(facts.pools)).toMatchObject([
    { severity: 'warning', about: 'pool a/u', fact: expect.stringContaining('if all of them are of this pool') },
    { severity: 'warning', about: 'pool a/v' },
  ]);
});
