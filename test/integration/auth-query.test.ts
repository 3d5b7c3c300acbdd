// Users that only Postgres knows: who comes in by auth_query, who does not, and what clients can't do to it.
import { beforeAll, describe, expect, test } from 'vitest';
import { startCrew } from '../support/crew.ts';
import type { ConfigTree } from '../support/pooler.ts';
import { queryOn, type TestDatabase, usePrivatePostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect, types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { errorOf, farewell, poolerFor } from './settings/for-settings.ts';

const own = usePrivatePostgres();
let target: { host: string; port: number; user: string; password: string; database: string };
const run = (sql: string) => queryOn(target, sql);

beforeAll(async () => {
  const { host, port, user, password } = own.current;
  target = { host, port, user, password, database: 'postgres' };
  await own.current.hba([`host all by_md5 ${host}/32 md5`, `host all all ${host}/32 scram-sha-256`]);
  await run(`CREATE ROLE asker LOGIN SUPERUSER PASSWORD 'asks'`);
  await run(`CREATE ROLE ada LOGIN PASSWORD 'analytical'`);
  await run(`CREATE ROLE "Ünïcode ' \\ $1" LOGIN PASSWORD 'analytical'`);
  await run(`CREATE ROLE expired LOGIN PASSWORD 'analytical' VALID UNTIL '2020-01-01'`);
  await run(`CREATE ROLE nologin PASSWORD 'analytical'`);
  await run(`CREATE ROLE passwordless LOGIN`);
  await run(`SET password_encryption = 'md5'; CREATE ROLE by_md5 LOGIN PASSWORD 'analytical'`);
});

/** Nobody but auth_user stands in the file. */
function asking(settings: ConfigTree = {}): ConfigTree {
  const { host, port } = target;
  return {
    databases: { postgres: { host, port } },
    users: { asker: { password: 'asks' } },
    auth_user: 'asker',
    admin_users: ['ada'],
    ...settings,
  };
}

const login = { user: 'ada', password: 'analytical' };
const unknownError = { C: '28P01', S: 'FATAL' };

describe('a user that only Postgres knows', () => {
  test('comes in, and is logged in to Postgres by the keys of its own login', async () => {
    const pooler = await poolerFor(target, asking());
    for (const user of ['ada', `Ünïcode ' \\ $1`]) {
      const client = await pooler.connect({ user, password: 'analytical' });
      expect(await client.rows('SELECT current_user')).toEqual([[user]]);
    }
  });

  test('comes in to each of several workers, and the connection that asks is outside their limits', async () => {
    const crew = await startCrew(
      { ...target, query: run } as unknown as TestDatabase,
      asking({ default_pool_size: 1 }),
    );
    for (let round = 0; round < 2; round += 1) {
      const all = [
        await crew.connect(login),
        await crew.connect(login),
        await crew.connect({ user: 'asker', password: 'asks' }),
      ];
      for (let i = 0; i < 3; i += 1) for (const client of all) expect(await client.rows('SELECT 1')).toEqual([['1']]);
      for (const client of all) await client.end();
    }
  });

  test('comes in by md5 where Postgres has an md5 secret, by the stored hash', async () => {
    const pooler = await poolerFor(target, asking({ auth_type: 'md5' }));
    const client = await pooler.connect({ user: 'by_md5', password: 'analytical' });
    expect(await client.rows('SELECT current_user')).toEqual([['by_md5']]);
    expect((await errorOf(pooler.connect({ user: 'by_md5', password: 'x' }))).fields).toMatchObject(unknownError);
  });

  test('is refused in the same words whether it is unknown, expired, may not log in, has no password or a wrong one', async () => {
    const pooler = await poolerFor(target, asking());
    for (const user of ['nobody', 'expired', 'nologin', 'passwordless', 'ada']) {
      const { fields } = await errorOf(pooler.connect({ user, password: 'wrong' }));
      expect(fields).toMatchObject({ ...unknownError, M: `password authentication failed for user "${user}"` });
      const right = await pooler.connect({ user, password: 'analytical' }).catch(() => null);
      expect(right !== null, user).toBe(user === 'ada');
    }
  });

  test('has to exist with trust too', async () => {
    const pooler = await poolerFor(target, asking({ auth_type: 'trust' }));
    expect((await errorOf(pooler.connect({ user: 'nobody' }))).fields).toMatchObject(unknownError);
    const { fields } = await errorOf(pooler.connect({ user: 'ada' }));
    expect(fields.M).not.toContain('password authentication failed');
  });

  test('comes in with its new password at once, and not with the old one', async () => {
    const pooler = await poolerFor(target, asking());
    await run(`CREATE ROLE turning LOGIN PASSWORD 'p0'`);
    for (let turn = 0; turn < 5; turn += 1) {
      const client = await pooler.connect({ user: 'turning', password: `p${turn}` });
      expect(await client.rows('SELECT 1')).toEqual([['1']]);
      await client.end();
      await run(`ALTER ROLE turning PASSWORD 'p${turn + 1}'`);
      const { fields } = await errorOf(pooler.connect({ user: 'turning', password: `p${turn}` }));
      expect(fields).toMatchObject(unknownError);
      // Servers that were logged in before serve on; now one logs in anew.
      pooler.app.control.reconnect(null);
    }
  });

  test('and is a stranger where a secret for it stands in the file', async () => {
    const users = { asker: { password: 'asks' }, ada: { password: 'another' } };
    const pooler = await poolerFor(target, asking({ users }));
    expect((await errorOf(pooler.connect(login))).fields).toMatchObject(unknownError);
  });
});

describe('many logins at a time', () => {
  test('share questions and one connection', async () => {
    const pooler = await poolerFor(target, asking());
    const before = await pooler.connect(login);
    const calls = () => run(`SELECT pid FROM pg_stat_activity WHERE application_name = 'pgsluice auth_query'`);
    const clients = await Promise.all(Array.from({ length: 60 }, () => pooler.connect(login)));
    expect(clients).toHaveLength(60);
    expect(await calls()).toHaveLength(1);
    await before.end();
  });

  test('survive clients that leave while they are asked for', async () => {
    const pooler = await poolerFor(target, asking());
    const gone = await Promise.all(Array.from({ length: 20 }, () => connect(pooler.port)));
    for (const client of gone) client.send(build.startup({ user: 'ada', database: 'postgres' }));
    for (const client of gone) client.destroy();
    expect(await (await pooler.connect(login)).rows('SELECT 1')).toEqual([['1']]);
    await waitUntil(() => pooler.app.clients.size === 1);
  });
});

describe('auth_query is out of reach of clients', () => {
  test('search_path is pinned, whatever client or role or database say', async () => {
    await run(`CREATE SCHEMA evil; CREATE TABLE evil.seen (who text)`);
    await run(`CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS
      $$ INSERT INTO evil.seen VALUES (current_user); SELECT pg_catalog.now() $$`);
    await run(`ALTER ROLE asker SET search_path TO evil, pg_catalog`);
    await run(`ALTER DATABASE postgres SET search_path TO evil, pg_catalog`);
    try {
      const auth_query =
        'SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1';
      const pooler = await poolerFor(target, asking({ auth_query }));
      await pooler.connect({ ...login, params: { search_path: 'evil, pg_catalog' } });
      expect(await run('SELECT * FROM evil.seen')).toEqual([]);
    } finally {
      await run(`ALTER ROLE asker RESET search_path; ALTER DATABASE postgres RESET search_path`);
    }
  });

  test('a name is only ever a name', async () => {
    const pooler = await poolerFor(target, asking());
    const names = [`'; DROP ROLE ada; --`, `ada'--`, `ada\\`, '$1', 'ada ', 'A'.repeat(200)];
    for (const user of names) {
      const { fields } = await errorOf(pooler.connect({ user, password: 'analytical' }));
      expect(fields.C, user).toBe('28P01');
    }
    await pooler.connect(login);
  });

  test('a long name is not taken for the one that it begins with', async () => {
    const role = 'r'.repeat(63);
    await run(`CREATE ROLE ${role} LOGIN PASSWORD 'analytical'`);
    const pooler = await poolerFor(target, asking());
    await pooler.connect({ user: role, password: 'analytical' });
    const { fields } = await errorOf(pooler.connect({ user: `${role}r`, password: 'analytical' }));
    expect(fields).toMatchObject(unknownError);
  });
});

describe('when Postgres can not be asked', () => {
  const failed = { C: '08006', M: expect.stringContaining('auth_query failed') };

  test.each([
    ['auth_user has a wrong password', () => ({ users: { asker: { password: 'wrong' } } }), /password authentication/],
    [
      'auth_user may not read it',
      () => ({ users: { ada: { password: 'analytical' } }, auth_user: 'ada' }),
      /permission/,
    ],
    ['auth_query is wrong', () => ({ auth_query: 'SELECT nonsense($1)' }), /nonsense/],
    ['auth_query gives three columns', () => ({ auth_query: 'SELECT $1, 1, 2' }), /two columns/],
    ['auth_query gives two rows', () => ({ auth_query: `SELECT $1, 'x' UNION ALL SELECT $1, 'y'` }), /more than one/],
  ])('because %s, the client is told that, and the log why', async (_, settings, why) => {
    const pooler = await poolerFor(target, asking(settings()));
    const { fields } = await errorOf(pooler.connect({ user: 'by_md5', password: 'analytical' }));
    expect(fields).toMatchObject(failed);
    expect(fields.M).not.toMatch(why);
    expect(JSON.stringify(pooler.log)).toMatch(why);
  });

  test('a client that was known comes in and waits; a stranger is told after a while', async () => {
    const pooler = await poolerFor(target, asking());
    await (await pooler.connect(login)).end();
    await own.current.halt();
    const stranger = await connect(pooler.port);
    stranger.send(build.startup({ user: 'by_md5', database: 'postgres' }));
    expect(await farewell(stranger, 10_000)).toMatchObject(failed);
    const known = await connect(pooler.port);
    known.send(build.startup({ user: 'ada', database: 'postgres' }));
    expect(types(await known.readUntil('R'))).toBe('R');
    const client = pooler.connect(login);
    await own.current.restart();
    expect(await (await client).rows('SELECT 1')).toEqual([['1']]);
    known.destroy();
  }, 60_000);
});
