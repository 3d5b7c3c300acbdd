// A PgBouncer in front of one database, to hold against: taken from PGBOUNCER= or PATH.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type Target } from './command.ts';
import { queryOn } from './postgres.ts';
import { findTool } from './tools.ts';
import { waitUntil } from './wait-until.ts';

export interface RunningPgbouncer extends Target {
  readonly pid: number;
  stop(): Promise<void>;
}

/** The user and group `nobody`: PgBouncer does not run as root. */
const NOBODY = 65_534;

/** Its path, or null: then a comparison is left out, with a word. */
export function findPgbouncer(): string | null {
  return process.env.PGBOUNCER || findTool('pgbouncer');
}

/** Transaction pooling, all else at its defaults unless given; resolves when a query goes through. otherUsers: passwords by name. */
export async function startPgbouncer(
  path: string,
  target: Target,
  settings: Readonly<Record<string, string | number>> = {},
  otherUsers: Readonly<Record<string, string>> = {},
): Promise<RunningPgbouncer> {
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'pgsluice-pgbouncer-'));
  const users = join(dir, 'users.txt');
  const ini = join(dir, 'pgbouncer.ini');
  const all = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: users,
    pool_mode: 'transaction',
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = ${value}`);
  const secrets = Object.entries({ [target.user]: target.password, ...otherUsers });
  writeFileSync(users, secrets.map(([name, secret]) => `"${name}" "${secret}"\n`).join(''));
  writeFileSync(
    ini,
    `[databases]\n${target.database} = host=${target.host} port=${target.port}\n[pgbouncer]\n${lines.join('\n')}\n`,
  );
  for (const [file, mode] of [
    [dir, 0o755],
    [users, 0o644],
    [ini, 0o644],
  ] as const)
    chmodSync(file, mode);
  const owner = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const child = spawn(path, ['-q', ini], { stdio: ['ignore', 'ignore', 'pipe'], ...owner });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors = (errors + String(chunk)).slice(-2_000);
  });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`PgBouncer ended with code ${code}: ${errors}`)));
  });
  failed.catch(() => {});
  const address = { ...target, host: '127.0.0.1', port: Number(all.listen_port) };
  const ready = waitUntil(() => queryOn(address, 'SELECT 1'), { timeoutMs: 15_000, what: 'a query through PgBouncer' });
  await Promise.race([ready, failed]);
  return {
    ...address,
    pid: child.pid!,
    stop: async () => {
      const ended = new Promise((done) => child.once('exit', done));
      if (child.exitCode === null && child.kill('SIGQUIT')) await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
