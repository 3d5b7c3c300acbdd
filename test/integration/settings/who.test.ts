// Settings of who may come in, and as whom.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRole, useDatabase } from '../../support/postgres.ts';
import { connect, connectAndLogin } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';
import { errorOf, poolerFor } from './for-settings.ts';

const db = useDatabase();
const alice = { user: 'who_alice', password: "it's secret" };
const REFUSED = { code: '28P01' };

beforeAll(() => createRole(db.current, alice.user, alice.password));

/** What the pooler asks of a client that names itself: an AuthenticationXXX code. */
async function asked(port: number, user: string): Promise<number | undefined> {
  const client = await connect(port);
  client.send(build.startup({ user, database: db.current.database }));
  const { authType } = await client.next();
  client.destroy();
  return authType;
}

/** A file for one test. */
function fileWith(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-who-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const file = join(directory, 'file');
  writeFileSync(file, text);
  return file;
}

const md5 = (text: string) => `md5${createHash('md5').update(text).digest('hex')}`;
const users = { [alice.user]: { password: alice.password } };

async function whoIs(port: number, login: { user: string; password?: string }): Promise<string | null | undefined> {
  const client = await connectAndLogin(port, { ...login, database: db.current.database });
  const rows = await client.rows('SELECT current_user');
  await client.end();
  return rows[0]?.[0];
}

describe('auth_type', () => {
  test('auth_type: scram-sha-256 asks for SCRAM, and a wrong password is refused', async () => {
    const { port } = await poolerFor(db.current, { auth_type: 'scram-sha-256', users });
    expect(await asked(port, alice.user)).toBe(10);
    expect(await whoIs(port, alice)).toBe(alice.user);
    await expect(whoIs(port, { ...alice, password: 'wrong' })).rejects.toMatchObject(REFUSED);
  });

  test('auth_type: md5 asks for MD5, and for SCRAM where the stored secret is a SCRAM secret', async () => {
    const [{ rolpassword }] = (await db.current.query(
      `SELECT rolpassword FROM pg_authid WHERE rolname = '${alice.user}'`,
    )) as [{ rolpassword: string }];
    expect(rolpassword).toMatch(/^SCRAM-SHA-256\$/);
    const settings = { auth_type: 'md5', users: { ...users, scram: { password: rolpassword } } };
    const { port } = await poolerFor(db.current, settings);
    expect(await asked(port, alice.user)).toBe(5);
    expect(await asked(port, 'scram')).toBe(10);
    expect(await whoIs(port, alice)).toBe(alice.user);
    await expect(whoIs(port, { ...alice, password: 'wrong' })).rejects.toMatchObject(REFUSED);
  });

  test('auth_type: plain asks for the password itself, which then opens Postgres too', async () => {
    const settings = { auth_type: 'plain', users: { [alice.user]: { password: md5(alice.password + alice.user) } } };
    const { port } = await poolerFor(db.current, settings);
    expect(await asked(port, alice.user)).toBe(3);
    expect(await whoIs(port, alice)).toBe(alice.user);
    await expect(whoIs(port, { ...alice, password: 'wrong' })).rejects.toMatchObject(REFUSED);
  });

  test('auth_type: trust asks for nothing, and lets only known users in', async () => {
    const { port } = await poolerFor(db.current, { auth_type: 'trust', users });
    expect(await whoIs(port, { user: alice.user })).toBe(alice.user);
    await expect(whoIs(port, { user: 'nobody' })).rejects.toMatchObject(REFUSED);
  });

  test('auth_type: any lets everybody in, as the user that the database forces', async () => {
    const entry = { host: db.current.host, port: db.current.port, user: alice.user, password: alice.password };
    const { port } = await poolerFor(db.current, { auth_type: 'any', databases: { [db.current.database]: entry } });
    expect(await whoIs(port, { user: 'nobody' })).toBe(alice.user);
  });

  test('auth_type: any logs in to Postgres by the name that the client gave', async () => {
    const { port } = await poolerFor(db.current, { auth_type: 'any', users });
    expect(await whoIs(port, { user: alice.user })).toBe(alice.user);
    await expect(whoIs(port, { user: 'nobody' })).rejects.toMatchObject({ code: expect.stringMatching(/^(28|08)/) });
  });
});

test('auth_file: its users may come in, and an entry of users: with a password wins over its line', async () => {
  const auth_file = fileWith(`"${alice.user}" "${alice.password}"\n"${db.current.user}" "of the file"\n`);
  const owner = { [db.current.user]: { password: db.current.password } };
  const { port } = await poolerFor(db.current, { auth_file, users: owner });
  expect(await whoIs(port, alice)).toBe(alice.user);
  expect(await whoIs(port, db.current)).toBe(db.current.user);
  await expect(whoIs(port, { user: db.current.user, password: 'of the file' })).rejects.toMatchObject(REFUSED);
});

test('auth_file: a reload reads it again', async () => {
  const auth_file = fileWith(`"${alice.user}" "old"\n`);
  const pooler = await poolerFor(db.current, { auth_file });
  await expect(whoIs(pooler.port, alice)).rejects.toMatchObject(REFUSED);
  writeFileSync(auth_file, `"${alice.user}" "${alice.password}"\n`);
  pooler.reload({});
  expect(await whoIs(pooler.port, alice)).toBe(alice.user);
});

test('password: of a users: entry it is what the client must prove, whatever form it is stored in', async () => {
  const settings = { auth_type: 'md5', users: { [alice.user]: { password: md5(alice.password + alice.user) } } };
  const pooler = await poolerFor(db.current, { ...settings, admin_users: [alice.user] });
  const client = await pooler.connect({ ...alice, database: 'pgsluice' });
  await client.end();
  await expect(pooler.connect({ ...alice, password: 'wrong' })).rejects.toMatchObject(REFUSED);
});

test('password_file: of a users: entry it holds the secret, without the newline at its end', async () => {
  const settings = { users: { [alice.user]: { password_file: fileWith(`${alice.password}\n`) } } };
  const { port } = await poolerFor(db.current, settings);
  expect(await whoIs(port, alice)).toBe(alice.user);
  await expect(whoIs(port, { ...alice, password: `${alice.password}\n` })).rejects.toMatchObject(REFUSED);
});

describe('the console', () => {
  const consoleOf = async (settings: Record<string, unknown>) => {
    const pooler = await poolerFor(db.current, { users, admin_users: [], ...settings });
    return { pooler, connect: (database: string) => pooler.connect({ ...alice, database }) };
  };

  test('admin_users: they may run every command, under both names of the console', async () => {
    for (const database of ['pgsluice', 'pgbouncer']) {
      const { pooler, connect } = await consoleOf({ admin_users: [alice.user] });
      const client = await connect(database);
      await client.rows('PAUSE');
      expect(pooler.app.control.state).toBe('paused');
      await client.rows('RESUME');
      await client.end();
    }
  });

  test('admin_users: nobody else gets in', async () => {
    const { connect } = await consoleOf({ admin_users: ['somebody'] });
    await expect(connect('pgsluice')).rejects.toMatchObject({ code: '42501' });
  });

  test('stats_users: they may run SHOW and nothing else', async () => {
    const { pooler, connect } = await consoleOf({ stats_users: [alice.user] });
    const client = await connect('pgsluice');
    expect(await client.rows('SHOW VERSION')).toHaveLength(1);
    expect((await errorOf(client.rows('PAUSE'))).code).toBe('42501');
    expect(pooler.app.control.state).toBe('running');
    await client.end();
  });
});

describe('application_name_add_host', () => {
  const seenBy = async (settings: Record<string, unknown>, params: Record<string, string>) => {
    const pooler = await poolerFor(db.current, settings);
    const client = await pooler.connect({ params });
    const [row] = await client.rows("SELECT current_setting('application_name')");
    const [{ applicationName: own } = { applicationName: null }] = pooler.app.clients;
    return { client, pooler, name: row?.[0], own, address: `127.0.0.1:${client.socket.localPort}` };
  };

  test('application_name_add_host: Postgres sees where a client comes from, and here it keeps its own name', async () => {
    const on = { application_name_add_host: true };
    const named = await seenBy(on, { application_name: 'shop' });
    expect([named.name, named.own]).toEqual([`shop - ${named.address}`, 'shop']);
    const nameless = await seenBy(on, {});
    expect([nameless.name, nameless.own]).toEqual([`app - ${nameless.address}`, '']);
    const off = await seenBy({}, { application_name: 'shop' });
    expect([off.name, off.own]).toEqual(['shop', 'shop']);
  });

  test('application_name_add_host: a long name is cut, and not the address', async () => {
    const { name, address } = await seenBy({ application_name_add_host: true }, { application_name: 'x'.repeat(80) });
    expect(name).toHaveLength(63);
    expect(name).toMatch(/^x+ - /);
    expect(name?.endsWith(` - ${address}`)).toBe(true);
  });

  test('application_name_add_host: a name that the client sets later stays as it is', async () => {
    const { client, pooler } = await seenBy({ application_name_add_host: true }, { application_name: 'shop' });
    await client.rows("SET application_name = 'other'");
    expect(await client.rows("SELECT current_setting('application_name')")).toEqual([['other']]);
    expect([...pooler.app.clients][0]?.applicationName).toBe('other');
  });
});
