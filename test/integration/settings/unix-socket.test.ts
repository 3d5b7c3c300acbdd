// Settings of the Unix socket for clients: where it is, who may connect, and what becomes of one that was left behind.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { needTool, skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { cancel, connectAndLogin } from '../../support/wire.ts';
import { begin, errorOf, fakeFor, poolerFor, targetOf } from './for-settings.ts';
import { freePort } from './free-port.ts';
import { commandWith } from './the-command.ts';

const login = { user: 'app', password: 'secret', database: 'app' };

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'pgs-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function withSocket(settings: Record<string, unknown> = {}, unix_socket_dir = directory()) {
  const pooler = await poolerFor(targetOf(await fakeFor()), { unix_socket_dir, ...settings });
  const { port } = pooler;
  const path = join(unix_socket_dir, `.s.PGSQL.${port}`);
  const connect = (options = login) => connectAndLogin(port, options, unix_socket_dir);
  return { pooler, port, path, dir: unix_socket_dir, connect };
}

describe('unix_socket_dir', () => {
  test('unix_socket_dir: clients are served over a socket that is named as libpq expects it, and it is gone at the end', async () => {
    const { pooler, path, dir, connect } = await withSocket();
    const client = await connect();
    expect(await client.rows('SELECT 1')).toHaveLength(1);
    const up = pooler.log.find((line) => line.msg === 'pgsluice is up');
    expect(up?.addresses).toEqual([`127.0.0.1:${pooler.port}`, path]);
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe(`${process.pid}\npgsluice\n`);
    await client.end();
    await pooler.stop();
    expect(readdirSync(dir)).toEqual([]);
  });

  test('unix_socket_dir: without a TCP address nobody else can connect', async () => {
    const [dir, port] = [directory(), await freePort()];
    const settings = { unix_socket_dir: dir, listen_addr: [], listen_port: port };
    const pooler = await poolerFor(targetOf(await fakeFor()), settings);
    const client = await connectAndLogin(port, login, dir);
    expect(await client.rows('SELECT 1')).toHaveLength(1);
    await client.end();
    await expect(connectAndLogin(port, login)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(pooler.port).toBe(0);
  });

  test('unix_socket_dir: a directory that is not there, or a path that is too long, is told', async () => {
    const target = targetOf(await fakeFor());
    await expect(poolerFor(target, { unix_socket_dir: '/no/such/directory' })).rejects.toMatchObject({
      code: 'ENOENT',
    });
    const long = await errorOf(poolerFor(target, { unix_socket_dir: `/tmp/${'x'.repeat(100)}` }));
    expect(long.message).toContain('is longer than the 107 bytes');
  });

  test('unix_socket_dir: a cancel request finds its statement over the socket', async () => {
    const dir = directory();
    const pooler = await poolerFor(targetOf(await fakeFor()), { unix_socket_dir: dir, default_pool_size: 1 });
    const [first, second] = [
      await connectAndLogin(pooler.port, login, dir),
      await connectAndLogin(pooler.port, login, dir),
    ];
    await begin(first);
    const waiting = errorOf(second.rows('SELECT 2'));
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    await cancel(pooler.port, second.session.pid, second.session.key, dir);
    expect((await waiting).code).toBe('57014');
    for (const client of [first, second]) client.destroy();
  });

  test('unix_socket_dir: SHOW CLIENTS and the log say unix', async () => {
    const { pooler, connect } = await withSocket({ admin_users: ['app'] });
    const client = await connect();
    const rows = await pooler.console<{ addr: string; database: string }>('SHOW CLIENTS');
    expect(rows.filter(({ database }) => database === 'app')).toMatchObject([{ addr: 'unix' }]);
    expect(JSON.stringify(pooler.log.find(({ msg }) => msg === 'client login'))).toContain('unix');
    await client.end();
  });

  test('unix_socket_dir: psql connects as to Postgres', async (context) => {
    const psql = needTool(context, 'psql');
    const { port, dir } = await withSocket();
    const env = { ...process.env, PGPASSWORD: 'secret', PGSSLMODE: 'require' };
    const args = ['-h', dir, '-p', String(port), '-U', 'app', '-d', 'app', '-Atc', 'SELECT 1'];
    expect((await promisify(execFile)(psql, args, { env })).stdout).toMatch(/^\d+\n$/);
  });

  test('unix_socket_dir: @ is a name in the abstract namespace, for clients and for Postgres', async (context) => {
    if (process.platform !== 'linux') skipBecause(context, 'linux: only Linux has an abstract namespace');
    const name = `@pgsluice-${randomBytes(6).toString('hex')}`;
    const { pooler, port } = await withSocket({}, name);
    const front = await poolerFor(
      { ...targetOf({ host: name, port }), user: 'app', password: 'secret', database: 'app' },
      {},
    );
    const client = await front.connect();
    expect(await client.rows('SELECT 1')).toHaveLength(1);
    await client.end();
    await front.stop();
    const up = pooler.log.find((line) => line.msg === 'pgsluice is up');
    expect(up?.addresses).toContain(`${name}/.s.PGSQL.${port}`);
  });

  test('unix_socket_dir: psql finds an abstract one', async (context) => {
    const psql = needTool(context, 'psql');
    if (process.platform !== 'linux') skipBecause(context, 'linux: only Linux has an abstract namespace');
    const { port, dir } = await withSocket({}, `@pgsluice-${randomBytes(6).toString('hex')}`);
    const args = ['-h', dir, '-p', String(port), '-U', 'app', '-d', 'app', '-Atc', 'SELECT 1'];
    const env = { ...process.env, PGPASSWORD: 'secret' };
    expect((await promisify(execFile)(psql, args, { env })).stdout).toMatch(/^\d+\n$/);
  });
});

describe('a socket that is there already', () => {
  test('left behind by a process that is gone, it is replaced', async () => {
    const [dir, port] = [directory(), await freePort()];
    const first = await commandWith({ unix_socket_dir: dir, listen_port: port });
    await first.line('pgsluice is up');
    first.signal('SIGKILL');
    await first.exit();
    expect(existsSync(join(dir, `.s.PGSQL.${port}`))).toBe(true);
    const second = await commandWith({ unix_socket_dir: dir, listen_port: port });
    await second.line('pgsluice is up');
    expect(readFileSync(join(dir, `.s.PGSQL.${port}.lock`), 'utf8')).toBe(`${second.process.pid}\npgsluice\n`);
  });

  test('a lock file that names this very number, as of a container that was restarted, is no obstacle', async () => {
    const [dir, port] = [directory(), await freePort()];
    writeFileSync(join(dir, `.s.PGSQL.${port}.lock`), `${process.pid}\npgsluice\n`);
    const { connect } = await withSocket({ listen_port: port }, dir);
    await (await connect()).end();
  });

  test('while somebody listens there, another one does not start, and leaves everything alone', async () => {
    const { port, path, dir, connect } = await withSocket();
    const lock = readFileSync(`${path}.lock`, 'utf8');
    const settings = { unix_socket_dir: dir, listen_port: port, listen_addr: [] };
    const error = await errorOf(poolerFor(targetOf(await fakeFor()), settings));
    expect(error.message).toContain(`process ${process.pid} listens on ${path} already`);
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe(lock);
    await (await connect()).end();
  });

  test('one of another program is not taken over, not even with so_reuseport', async () => {
    const [dir, port] = [directory(), await freePort()];
    const path = join(dir, `.s.PGSQL.${port}`);
    const other = createServer().listen(path);
    onTestFinished(() => void other.close());
    for (const lock of [null, `${process.ppid}\n/var/lib/postgresql\n`]) {
      if (lock !== null) writeFileSync(`${path}.lock`, lock);
      const settings = { unix_socket_dir: dir, listen_port: port, so_reuseport: true };
      const error = await errorOf(poolerFor(targetOf(await fakeFor()), settings));
      expect(error.message).toContain(`listens on ${path} already`);
      expect(existsSync(`${path}.lock`)).toBe(lock !== null);
    }
  });

  test('with so_reuseport a new process takes it over without a moment in which nobody listens', async () => {
    const old = await withSocket({ so_reuseport: true, shutdown_idle: '50ms' });
    const client = await old.connect();
    let isOver = false;
    const logins = (async () => {
      let count = 0;
      for (; !isOver; count += 1) await (await old.connect()).end();
      return count;
    })();
    const next = await withSocket({ so_reuseport: true, listen_port: old.port }, old.dir);
    await client.end();
    old.pooler.app.control.shutdown('wait_for_clients');
    await old.pooler.app.stopped;
    await waitUntil(() => next.pooler.app.observer.clientLogins > 20);
    isOver = true;
    expect(await logins).toBeGreaterThan(20);
    expect(existsSync(old.path)).toBe(true);
    await next.pooler.stop();
    expect(readdirSync(old.dir)).toEqual([]);
  });
});

test('unix_socket_mode: the socket has it from the moment that it can be seen', async () => {
  const { path } = await withSocket({ unix_socket_mode: '0710' });
  expect((statSync(path).mode & 0o777).toString(8)).toBe('710');
  const usual = await withSocket();
  expect((statSync(usual.path).mode & 0o777).toString(8)).toBe('777');
});

test('unix_socket_group: the socket belongs to this group, by name or number; one that does not exist is told', async (context) => {
  if (process.getuid?.() !== 0) skipBecause(context, 'root: only root can give a file to any group');
  const byName = await withSocket({ unix_socket_group: 'daemon', unix_socket_mode: '0770' });
  const { gid } = statSync(byName.path);
  expect(gid).not.toBe(process.getgid?.());
  const byNumber = await withSocket({ unix_socket_group: String(gid) });
  expect(statSync(byNumber.path).gid).toBe(gid);
  const dir = directory();
  const settings = { unix_socket_dir: dir, unix_socket_group: 'no such group' };
  const error = await errorOf(poolerFor(targetOf(await fakeFor()), settings));
  expect(error.message).toContain('there is no such group');
  expect(readdirSync(dir)).toEqual([]);
});

describe('the console without a password', () => {
  test.each(['pgbouncer', 'pgsluice'])(
    'user %s is let in over a socket whose directory is ours alone',
    async (user) => {
      const { port, dir } = await withSocket();
      expect(statSync(dir).mode & 0o777).toBe(0o700);
      const client = await connectAndLogin(port, { user, database: 'pgbouncer' }, dir);
      expect((await client.query('PAUSE')).at(0)).toMatchObject({ type: 'C', tag: 'PAUSE' });
      await client.query('RESUME');
      await client.end();
    },
  );

  test('nobody is let in over TCP, as another user, to another database, or where others may enter the directory', async () => {
    const { port, dir, connect } = await withSocket();
    const owner = { user: 'pgbouncer', password: '', database: 'pgbouncer' };
    expect((await errorOf(connectAndLogin(port, owner))).code).toBe('28P01');
    expect((await errorOf(connect({ ...owner, user: 'postgres' }))).code).toBe('28P01');
    expect((await errorOf(connect({ ...owner, database: 'app' }))).code).toBe('28P01');
    for (const mode of [0o710, 0o701, 0o750, 0o755]) {
      chmodSync(dir, mode);
      expect((await errorOf(connect(owner))).code).toBe('28P01');
    }
    chmodSync(dir, 0o700);
    await (await connect(owner)).end();
  });

  test('nobody is let in over an abstract socket, which anybody can reach', async (context) => {
    if (process.platform !== 'linux') skipBecause(context, 'linux: only Linux has an abstract namespace');
    const { connect } = await withSocket({}, `@pgsluice-${randomBytes(6).toString('hex')}`);
    const error = await errorOf(connect({ user: 'pgbouncer', password: '', database: 'pgbouncer' }));
    expect(error.code).toBe('28P01');
  });
});
