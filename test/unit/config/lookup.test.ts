// auth_query in a configuration: what can't work is told by check.
import { expect, test } from 'vitest';
import { bad, base, good, warningsOf } from './parse.ts';

const asking = 'auth_user: asker\n';

test('each database may ask otherwise than the others', () => {
  const { settings, databases } = good(`${asking}
databases: { app: { host: db, auth_user: other, auth_dbname: app, auth_query: "SELECT a, b FROM s.t WHERE a = $1" } }
users: { asker: { password: pw } }`);
  expect(settings).toMatchObject({ auth_user: 'asker', auth_dbname: '', auth_query_ttl: 0 });
  expect(settings.auth_query).toMatch(/FROM pg_catalog\.pg_authid WHERE rolname=\$1 AND rolcanlogin$/);
  expect(databases.get('app')?.overrides).toMatchObject({ auth_user: 'other', auth_dbname: 'app' });
});

test('a query that does not ask for a user is refused, with its line', () => {
  expect(bad(`auth_query: SELECT 1\n${base}`)).toEqual([
    'f.yaml:1:13: auth_query: has no $1, the name of the user that is asked for',
  ]);
  expect(bad(`${base}auth_query: SELECT $10\n`)[0]).toContain('has no $1');
  expect(bad('databases: { app: { auth_query: SELECT 1 } }\n')[0]).toMatch(
    /^f\.yaml:1:\d+: databases\.app\.auth_query/,
  );
});

test('auth_dbname has to be an entry, and not the console', () => {
  for (const name of ['nowhere', 'pgbouncer', 'pgsluice'])
    expect(bad(`auth_dbname: ${name}\n${base}`)).toEqual([
      `f.yaml:1:14: auth_dbname: "${name}" is no entry of databases:`,
    ]);
  good(`auth_dbname: app\n${base}`);
  good('auth_dbname: any\ndatabases: { "*": { host: db } }\nusers: { app: { password: pw } }\n');
});

test('an auth_user without a secret is worth a warning, and other users need none', () => {
  expect(warningsOf(`${asking}${base}`)).toEqual([expect.stringContaining('auth_user: no secret is known for asker')]);
  expect(
    warningsOf(`${asking}admin_users: [ada]\ndatabases: { app: { host: db } }\nusers: { asker: { password: pw } }`),
  ).toEqual([]);
});
