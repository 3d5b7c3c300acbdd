// Keys of entries of databases: where a client is taken, and as what its servers begin.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createRole, useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { begin, errorOf, fakeFor, pidOf, poolerFor, show, targetOf } from './for-settings.ts';

const db = useDatabase();
const bob = { user: 'entry_bob', password: 'secret of bob' };

beforeAll(() => createRole(db.current, bob.user, bob.password));

/** A pooler in front of the real Postgres whose entry has these keys too. */
function poolerWith(more: Record<string, unknown>, settings = {}) {
  const { host, port, database } = db.current;
  return poolerFor(db.current, { ...settings, databases: { [database]: { host, port, ...more } } });
}

describe('where to', () => {
  test('host: it is where Postgres is reached, by address, by name, or by the directory of a Unix socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgsluice-socket-'));
    const { host, port } = db.current;
    const byPath = createServer((socket) => {
      const through = connect({ host, port });
      socket.pipe(through).pipe(socket);
      for (const end of [socket, through]) end.on('error', () => {});
    }).listen(join(directory, `.s.PGSQL.${port}`));
    await once(byPath, 'listening');
    onTestFinished(() => {
      byPath.close();
      rmSync(directory, { recursive: true, force: true });
    });
    for (const where of ['127.0.0.1', 'localhost', directory]) {
      const client = await (await poolerWith({ host: where })).connect();
      expect(await client.rows('SELECT inet_server_port() IS NOT NULL')).toEqual([['t']]);
    }
    expect(
      (await errorOf((await poolerWith({ host: '127.0.0.9' }, { query_wait_timeout: '200ms' })).connect())).code,
    ).toMatch(/^(08|53)/);
  });

  test('port: it is the port of Postgres, and a reload moves the servers to another', async () => {
    const [here, there] = [await fakeFor(), await fakeFor()];
    const entry = { host: here.host, port: here.port };
    const pooler = await poolerFor(targetOf(here), { databases: { app: entry } });
    const [idle, busy] = [await pooler.connect(), await pooler.connect()];
    await begin(busy);
    await pidOf(idle);
    pooler.reload({ databases: { app: { ...entry, port: there.port } } });
    await waitUntil(() => here.open.length === 1);
    await idle.rows('SELECT 1');
    expect(there.open).toHaveLength(1);
    await busy.rows('COMMIT');
    await waitUntil(() => here.open.length === 0);
    await busy.rows('SELECT 1');
  });

  test('dbname: it is the name in Postgres, whatever the client calls it', async () => {
    const { host, port, database } = db.current;
    const pooler = await poolerFor(db.current, {
      databases: { alias: { host, port, dbname: database }, '*': { host, port } },
    });
    for (const name of ['alias', database]) {
      const client = await pooler.connect({ database: name });
      expect(await client.rows('SELECT current_database()')).toEqual([[database]]);
    }
    await expect(pooler.connect({ database: 'nowhere' })).rejects.toMatchObject({ code: '3D000' });
  });
});

describe('as whom', () => {
  test('user: every client is this user in Postgres, and all share one pool', async () => {
    const { user, password } = db.current;
    const users = { [user]: { password }, carol: { password: 'c' }, [bob.user]: { password: bob.password } };
    const pooler = await poolerWith({ user: bob.user }, { users });
    for (const login of [{}, { user: 'carol', password: 'c' }]) {
      const client = await pooler.connect(login);
      expect(await client.rows('SELECT current_user')).toEqual([[bob.user]]);
    }
    expect(pooler.app.pools.size).toBe(1);
    expect(pooler.pool(db.current.database, bob.user).serverCount).toBe(1);
  });

  test('password: it opens Postgres for the forced user, and a wrong one is told to the client', async () => {
    const client = await (await poolerWith(bob)).connect();
    expect(await client.rows('SELECT current_user')).toEqual([[bob.user]]);
    const wrong = await poolerWith({ ...bob, password: 'wrong' });
    await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  test('password_file: it holds the password, without the newline at its end', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgsluice-password-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const password_file = join(directory, 'password');
    writeFileSync(password_file, `${bob.password}\n`);
    const client = await (await poolerWith({ user: bob.user, password_file })).connect();
    expect(await client.rows('SELECT current_user')).toEqual([[bob.user]]);
  });
});

describe('as what', () => {
  test('application_name: servers start with it, and the one that a client brings wins while it is served', async () => {
    const pooler = await poolerWith({ application_name: 'of the entry' }, { default_pool_size: 1 });
    const [plain, named] = [await pooler.connect(), await pooler.connect({ params: { application_name: 'own' } })];
    expect(await show(plain, 'application_name')).toBe('of the entry');
    expect(await show(named, 'application_name')).toBe('own');
    expect(await show(plain, 'application_name')).toBe('of the entry');
  });

  test('client_encoding: servers start with it, and clients are told', async () => {
    const client = await (await poolerWith({ client_encoding: 'LATIN1' })).connect();
    expect(client.session.parameters.client_encoding).toBe('LATIN1');
    const messages = await client.query('SELECT chr(228)');
    expect(messages.find(({ type }) => type === 'D')?.values).toEqual([Buffer.from([0xe4])]);
  });

  test('datestyle: servers start with it, and clients are told', async () => {
    const client = await (await poolerWith({ datestyle: 'German' })).connect();
    expect(client.session.parameters.DateStyle).toBe('German, DMY');
    expect(await client.rows(`SELECT date '2024-12-31'`)).toEqual([['31.12.2024']]);
  });

  test('timezone: servers start with it, clients are told, and a reload gives it to the servers that come', async () => {
    const pooler = await poolerWith({ timezone: 'Asia/Tokyo' });
    const client = await pooler.connect();
    expect(client.session.parameters.TimeZone).toBe('Asia/Tokyo');
    const pid = await begin(client);
    const { host, port, database } = db.current;
    pooler.reload({ databases: { [database]: { host, port, timezone: 'America/Lima' } } });
    expect(await show(client, 'TimeZone')).toBe('Asia/Tokyo');
    await client.rows('COMMIT');
    expect(await pidOf(client)).not.toBe(pid);
    expect(await show(client, 'TimeZone')).toBe('America/Lima');
    expect((await pooler.connect()).session.parameters.TimeZone).toBe('America/Lima');
  });

  test('connect_query: it runs on each new server before a client gets it', async () => {
    const connect_query = `SELECT set_config('my.mark', pg_backend_pid()::text, false)`;
    const pooler = await poolerWith({ connect_query });
    const [a, b] = [await pooler.connect(), await pooler.connect()];
    const pids = [await begin(a), await begin(b)];
    expect(new Set(pids).size).toBe(2);
    expect([await show(a, 'my.mark'), await show(b, 'my.mark')]).toEqual(pids);
  });

  test('connect_query: a server on which it fails is never used', async () => {
    const pooler = await poolerWith({ connect_query: 'SELECT 1/0' }, { query_wait_timeout: '300ms' });
    const error = await errorOf(pooler.connect());
    expect(error.message).toContain('division by zero');
    expect(pooler.app.observer.serverCloses.of('question_failed')).toBeGreaterThan(0);
  });
});
