// pgsluice in PgBouncer's place: a pgbouncer.ini as it is, PgBouncer's command line, a daemon, systemd.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/command.ts';
import { queryOn, sharedPostgres, useDatabase } from '../support/postgres.ts';
import { findTool, skipBecause } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';
import { commandLine } from './settings/the-command.ts';

const db = useDatabase();
let dir: string;
let port: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-ini-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  port = await freePort();
});

/** A file as it stands beside a PgBouncer, in front of the shared Postgres. */
function ini(more = '', http = 0): string {
  const { host, port: postgresPort, user, password } = sharedPostgres();
  const { database } = db.current;
  writeFileSync(join(dir, 'userlist.txt'), `"${user}" "${password}"\n`);
  writeFileSync(join(dir, 'databases.ini'), `[databases]\n${database} = host=${host} port=${postgresPort}\n`);
  const text = `%include databases.ini
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_file = userlist.txt
admin_users = ${user}
unix_socket_dir = ${dir}
http_listen_port = ${http}
${more}
`;
  writeFileSync(join(dir, 'pgbouncer.ini'), text);
  return join(dir, 'pgbouncer.ini');
}

function query(sql: string, database = db.current.database): Promise<Record<string, string>[]> {
  const { user, password } = sharedPostgres();
  return queryOn({ host: '127.0.0.1', port, user, password, database }, sql);
}

async function settingsInForce(): Promise<Record<string, string>> {
  const rows = await query('SHOW CONFIG', 'pgbouncer');
  return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
}

test('run takes a pgbouncer.ini as it is, with what PgBouncer has as defaults', async () => {
  const command = commandLine(['run', '--config', ini()]);
  await command.line('pgsluice is up');
  expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await settingsInForce()).toMatchObject({ pool_mode: 'session', auth_type: 'md5', query_wait_timeout: '120' });
  const addresses = [`127.0.0.1:${port}`, join(dir, `.s.PGSQL.${port}`)];
  expect(command.log).toContainEqual(expect.objectContaining({ msg: 'pgsluice is up', addresses }));
});

test('a reload reads the ini again', async () => {
  const command = commandLine([ini()]);
  await command.line('pgsluice is up');
  ini('default_pool_size = 7');
  command.signal('SIGHUP');
  await command.line('reload: changed');
  expect(await settingsInForce()).toMatchObject({ default_pool_size: '7' });
});

test('-q keeps standard output empty, and logfile has the log', async () => {
  const command = commandLine(['-q', ini(`logfile = ${join(dir, 'p.log')}`)]);
  await waitUntil(() => query('SELECT 1'));
  command.signal('SIGQUIT');
  expect(await command.exit()).toBe(0);
  expect(command.output).toEqual([]);
  expect(readFileSync(join(dir, 'p.log'), 'utf8')).toContain('pgsluice is up');
});

test('-v logs what debugging needs, also after a reload', async () => {
  const command = commandLine(['-v', ini()]);
  await command.line('pgsluice is up');
  command.signal('SIGHUP');
  await command.line('reload');
  expect(await settingsInForce()).toMatchObject({ log_level: 'debug' });
});

test('-d comes back when the pooler serves, which goes on in the background until it is told to stop', async () => {
  const pidfile = join(dir, 'p.pid');
  // As in an init script: a relative name, and the working directory beside it.
  ini(`logfile = p.log\npidfile = p.pid`);
  const starter = commandLine(['-d', 'pgbouncer.ini'], { cwd: dir });
  expect([await starter.exit(), starter.output]).toEqual([0, []]);
  const pid = Number(readFileSync(pidfile, 'utf8'));
  onTestFinished(() => {
    if (existsSync(pidfile)) process.kill(pid, 'SIGKILL');
  });
  expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  // Its own session, and nothing of the terminal that it was started from.
  expect(readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[5]).toBe(String(pid));
  ini('default_pool_size = 8\nlogfile = p.log\npidfile = p.pid');
  process.kill(pid, 'SIGHUP');
  await waitUntil(async () => (await settingsInForce()).default_pool_size === '8');
  const again = commandLine(['-d', 'pgbouncer.ini'], { cwd: dir });
  expect(await again.exit()).toBe(1);
  expect(again.output.join()).toContain(`a pgsluice runs already as process ${pid}`);
  process.kill(pid, 'SIGINT');
  await waitUntil(() => !existsSync(pidfile));
  expect(readFileSync(join(dir, 'p.log'), 'utf8')).toContain('pgsluice is down');
});

test('-d tells why it can not start', async () => {
  const withoutLog = commandLine(['-d', ini(`pidfile = ${join(dir, 'p.pid')}`)]);
  expect(await withoutLog.exit()).toBe(1);
  expect(withoutLog.output.join()).toContain('-d needs logfile');
  const withoutPid = commandLine(['-d', ini(`logfile = ${join(dir, 'p.log')}`)]);
  expect(await withoutPid.exit()).toBe(1);
  expect(withoutPid.output.join()).toContain('-d needs pidfile');
  const both = `pidfile = ${join(dir, 'p.pid')}\nlogfile = ${join(dir, 'p.log')}`;
  const first = commandLine([ini()]);
  await first.line('pgsluice is up');
  const second = commandLine(['-d', ini(both)]);
  expect(await second.exit()).toBe(1);
  expect(second.output.join()).toContain('EADDRINUSE');
  expect(existsSync(join(dir, 'p.pid'))).toBe(false);
});

test('what is neither a command nor a file is said so', async () => {
  const command = commandLine(['/nonexistent/pgbouncer.ini']);
  expect(await command.exit()).toBe(1);
  expect(command.output.join()).toContain("'/nonexistent/pgbouncer.ini' is neither a command nor a file");
});

test('an ini with problems is refused with all of them, each with its file and line', async () => {
  const command = commandLine([ini('pool_mode = fast\nclient_tls_sslmode = require')]);
  expect(await command.exit()).toBe(1);
  expect(command.output).toEqual([
    `${join(dir, 'pgbouncer.ini')}:9:13: pool_mode: 'fast' is not one of session, transaction, statement`,
    `${join(dir, 'pgbouncer.ini')}:10:22: client_tls_sslmode: require needs client_tls_cert_file and client_tls_key_file`,
  ]);
});

test('an HTTP port that is taken keeps the pooler from starting only where the ini asks for HTTP', async () => {
  // Where another program has it, there is nothing to do; else this listener has it.
  const other = createServer();
  const hasPort = await new Promise((done) => {
    other.once('error', () => done(false));
    other.listen(6480, '127.0.0.1', () => done(true));
  });
  onTestFinished(() => void (hasPort && other.close()));
  const silent = commandLine([ini('', 6480)]);
  await silent.line('http_listen_port is taken');
  expect(await query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  const http = await freePort();
  port = await freePort();
  const first = commandLine([ini('', http)]);
  await first.line('pgsluice is up');
  port = await freePort();
  const second = commandLine([ini('', http)]);
  expect(await second.exit()).toBe(1);
  expect(second.output.join()).toContain('EADDRINUSE');
});

test('systemd is told when the pooler is up', async (context) => {
  const systemdNotify = findTool('systemd-notify') ?? skipBecause(context, 'systemd-notify: not found on PATH');
  const python = findTool('python3') ?? skipBecause(context, 'python3: needed for a datagram socket');
  expect(systemdNotify).not.toBe('');
  const { spawn } = await import('node:child_process');
  const socket = join(dir, 'notify');
  const script = `import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print(s.recv(4096).decode(), flush=True)`;
  const listener = spawn(python, ['-c', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => {
    listener.kill('SIGKILL');
  });
  let heard = '';
  listener.stdout.on('data', (chunk: Buffer) => {
    heard += String(chunk);
  });
  await waitUntil(() => existsSync(socket));
  const command = commandLine([ini()], { env: { NOTIFY_SOCKET: socket } });
  await waitUntil(() => heard.includes('READY=1'), { what: 'READY=1' });
  expect(heard).toContain(`MAINPID=${command.process.pid}`);
});
