// Settings of auth_query.
import { expect, test } from 'vitest';
import { createRole, queryOn, useDatabase } from '../../support/postgres.ts';
import { errorOf, poolerFor } from './for-settings.ts';

const db = useDatabase();
const role = `asked_${process.pid}`;
const login = { user: role, password: 'right' };
const connections = () =>
  queryOn<{ datname: string; usename: string }>(
    { ...db.current, database: 'postgres' },
    `SELECT datname, usename FROM pg_stat_activity WHERE application_name = 'pgsluice auth_query'`,
  );

test('auth_user: who stands in no file is asked for in Postgres, as this user', async () => {
  await createRole(db.current, role, 'right');
  const strict = await poolerFor(db.current);
  expect((await errorOf(strict.connect(login))).fields.C).toBe('28P01');
  const pooler = await poolerFor(db.current, { auth_user: db.current.user });
  expect(await (await pooler.connect(login)).rows('SELECT current_user')).toEqual([[role]]);
  expect(await connections()).toEqual([{ datname: db.current.database, usename: db.current.user }]);
});

test('auth_dbname: auth_query runs there, for the console too', async () => {
  const { host, port, database, user } = db.current;
  const databases = { [database]: { host, port }, elsewhere: { host, port, dbname: 'postgres' } };
  const settings = { databases, auth_user: user, admin_users: [role] };
  const own = await poolerFor(db.current, settings);
  expect((await errorOf(own.connect({ ...login, database: 'pgsluice' }))).fields.C).toBe('28P01');
  const pooler = await poolerFor(db.current, { ...settings, auth_dbname: 'elsewhere' });
  expect((await errorOf(pooler.connect({ ...login, password: 'wrong' }))).fields.C).toBe('28P01');
  expect((await connections()).map(({ datname }) => datname)).toContain('postgres');
  await pooler.connect({ ...login, database: 'pgsluice' });
});

test('auth_query: it says what the secret is', async () => {
  const { host, port, database, user } = db.current;
  await db.current.query(`CREATE TABLE secrets AS SELECT '${role}' AS who, 'from the table' AS secret`);
  const databases = {
    [database]: { host, port, auth_query: 'SELECT who, secret FROM public.secrets WHERE who = $1' },
  };
  const pooler = await poolerFor(db.current, { databases, auth_user: user });
  expect((await errorOf(pooler.connect(login))).fields.C).toBe('28P01');
  // Postgres has another one.
  const { fields } = await errorOf(pooler.connect({ ...login, password: 'from the table' }));
  expect(fields.M).toContain('server login has been failing');
  await createRole(db.current, role, 'from the table');
  await (await poolerFor(db.current, { databases, auth_user: user })).connect({ ...login, password: 'from the table' });
});

test('auth_query_ttl: so long an answer serves again, until a login fails with it', async () => {
  await createRole(db.current, role, 'right');
  const settings = { auth_user: db.current.user, auth_query_ttl: '1h' };
  const pooler = await poolerFor(db.current, settings);
  await pooler.connect(login);
  await createRole(db.current, role, 'changed');
  expect((await errorOf(pooler.connect({ ...login, password: 'changed' }))).fields.C).toBe('28P01');
  await pooler.connect({ ...login, password: 'changed' });
});
