// What holds for one database and user, and what other rooms ask a configuration.
import { expect, test } from 'vitest';
import { databaseEntry, findDatabase, secretFor } from '../../../src/config/config.ts';
import { effectiveSettings } from '../../../src/config/effective.ts';
import { showConfig } from '../../../src/config/show-config.ts';
import { good } from './parse.ts';

const config = good(`
default_pool_size: 10
query_wait_timeout: 1
query_timeout: 2
databases:
  app: { host: h, dbname: real, pool_size: 20, query_wait_timeout: 3, pool_mode: session }
  forced: { user: owner, connect_query: select 1, timezone: UTC }
  own: { user: owner, password: own }
  "*": { host: all, port: 1, pool_mode: statement }
users:
  big: { password: b, pool_size: 30, query_wait_timeout: 4 }
  small: { password: s, pool_mode: transaction }
  owner: { password: o }
`);

test('an entry of users: wins over one of databases:, which wins over the top level', () => {
  expect(effectiveSettings(config, 'app', 'big')).toMatchObject({
    pool_size: 30,
    query_wait_timeout: 4000,
    pool_mode: 'session',
    query_timeout: 2000,
  });
  expect(effectiveSettings(config, 'app', 'small')).toMatchObject({
    pool_size: 20,
    query_wait_timeout: 3000,
    pool_mode: 'transaction',
  });
  expect(effectiveSettings(config, 'forced', 'nobody')).toMatchObject({ pool_size: 10, query_wait_timeout: 1000 });
  expect(effectiveSettings(config, 'other', 'nobody')).toMatchObject({ pool_size: 10, pool_mode: 'statement' });
});

test('the same pair gets the same frozen object, and names without an entry share one', () => {
  const first = effectiveSettings(config, 'stranger1', 'x');
  expect(effectiveSettings(config, 'stranger2', 'y')).toBe(first);
  expect(Object.isFrozen(first)).toBe(true);
  expect(effectiveSettings(config, 'app', 'x')).not.toBe(first);
});

test('a database is found by its name, else by "*", and takes the name of the client where it has none', () => {
  expect(findDatabase(config, 'app')).toMatchObject({
    name: 'app',
    auto: false,
    addresses: [{ host: 'h', port: 5432 }],
    dbname: 'real',
  });
  expect(findDatabase(config, 'x')).toMatchObject({
    name: 'x',
    auto: true,
    addresses: [{ host: 'all', port: 1 }],
    dbname: 'x',
  });
  expect(findDatabase(config, '__proto__')).toMatchObject({ dbname: '__proto__', auto: true });
  expect(findDatabase(good('databases: { a: {} }\nusers: { u: { password: p } }'), 'x')).toBeNull();
});

test('the names of the console never reach the "*" entry', () => {
  expect(findDatabase(config, 'pgbouncer')).toBeNull();
  expect(databaseEntry(config, 'pgsluice')).toBeNull();
});

test('a forced user has the password of the entry, else its secret in users:', () => {
  expect(findDatabase(config, 'forced')).toMatchObject({
    forcedUser: 'owner',
    forcedPassword: 'o',
    connectQuery: 'select 1',
    startupParameters: { timezone: 'UTC' },
  });
  expect(findDatabase(config, 'own')).toMatchObject({ forcedUser: 'owner', forcedPassword: 'own' });
  expect(findDatabase(config, 'app')).toMatchObject({ forcedUser: null, forcedPassword: null });
});

test('a secret is found by user name, and a stranger has none', () => {
  expect(secretFor(config, 'big')).toBe('b');
  expect(secretFor(config, 'nobody')).toBeNull();
  expect(secretFor(config, 'toString')).toBeNull();
});

test("SHOW CONFIG is alphabetical and in PgBouncer's units", () => {
  const rows = showConfig(config);
  const keys = rows.map((row) => row.key);
  expect(keys).toEqual([...keys].sort());
  const row = (key: string) => rows.find((each) => each.key === key);
  expect(row('query_wait_timeout')).toEqual({
    key: 'query_wait_timeout',
    value: '1',
    default: '10',
    changeable: 'yes',
  });
  expect(row('listen_port')).toEqual({ key: 'listen_port', value: '6432', default: '6432', changeable: 'no' });
  expect(row('log_connections')?.value).toBe('1');
  expect(row('max_packet_size')?.value).toBe('2147483647');
  expect(row('conffile')?.value).toBe('');
});
