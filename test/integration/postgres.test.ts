// The ground the other integration tests stand on: the embedded Postgres itself.
import { expect, test } from 'vitest';
import { createDatabase, queryOn, useDatabase, usePrivatePostgres } from '../support/postgres.ts';

const db = useDatabase();
const own = usePrivatePostgres({ settings: { max_connections: '17' } });

test('a database of its own starts empty and is the major version asked for', async () => {
  const [row] = await db.current.query<{ version: string; tables: number }>(
    `SELECT current_setting('server_version') AS version, (SELECT count(*)::int FROM pg_tables WHERE schemaname = 'public') AS tables`,
  );
  expect(row?.version).toMatch(new RegExp(`^${db.current.major}\\.`));
  expect(row?.tables).toBe(0);
});

test('two databases do not see each other', async () => {
  const other = await createDatabase();
  await other.query('CREATE TABLE mine ()');
  await expect(db.current.query('SELECT FROM mine')).rejects.toMatchObject({ code: '42P01' });
  await other.drop();
});

test('a wrong password is refused, so SCRAM is really asked for', async () => {
  const { host, port, user, database } = db.current;
  await expect(queryOn({ host, port, user, database, password: 'wrong' }, 'SELECT 1')).rejects.toMatchObject({
    code: '28P01',
  });
});

test('a private server takes settings, survives kill -9 and a restart on the same port', async () => {
  const { host, port, user, password } = own.current;
  const ask = () => queryOn({ host, port, user, password, database: 'postgres' }, 'SHOW max_connections');
  expect(await ask()).toEqual([{ max_connections: '17' }]);
  await own.current.kill();
  await expect(ask()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await own.current.restart({ max_connections: '18' });
  expect(await ask()).toEqual([{ max_connections: '18' }]);
});

test('rewritten pg_hba lines hold from the next connection on', async () => {
  const { host, port, user } = own.current;
  const ask = () => queryOn({ host, port, user, password: 'wrong', database: 'postgres' }, 'SELECT 1 AS one');
  await expect(ask()).rejects.toMatchObject({ code: '28P01' });
  await own.current.hba(['host all all 127.0.0.1/32 trust']);
  expect(await ask()).toEqual([{ one: 1 }]);
});
