// The real command as a process of its own, for what has to be measured from outside.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { queryOn } from './postgres.ts';
import { waitUntil } from './wait-until.ts';

const COMMAND = fileURLToPath(new URL('../../src/cli/pgsluice.ts', import.meta.url));

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export interface RunningCommand extends Target {
  readonly child: ChildProcess;
  /** Memory of the process in use, in bytes. */
  rss(): number;
  /** Other settings from now on: all of its file but what startCommand adds by itself. */
  reload(settings: Record<string, unknown>): Promise<void>;
  stop(): Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/**
 * `pgsluice run` in front of one database; resolves when a query goes through. `onLine` gets its log, which else is shown.
 * command: that of another checkout.
 */
export async function startCommand(
  target: Target,
  settings: Record<string, unknown> = {},
  onLine: ((line: string) => void) | null = null,
  command: string = COMMAND,
): Promise<RunningCommand> {
  const port = await freePort();
  const { host, user, password, database } = target;
  const dir = mkdtempSync(join(tmpdir(), 'pgsluice-command-'));
  const file = join(dir, 'pgsluice.yaml');
  const treeOf = (more: Record<string, unknown>) => ({
    listen_port: port,
    http_listen_port: 0,
    log_level: 'error',
    databases: { [database]: { host, port: target.port } },
    users: { [user]: { password } },
    admin_users: [user],
    ...more,
  });
  writeFileSync(file, stringify(treeOf(settings)));
  const child = spawn(process.execPath, ['--disable-sigusr1', command, 'run', '--config', file], {
    stdio: ['ignore', onLine === null ? 'inherit' : 'pipe', 'inherit'],
  });
  if (onLine !== null && child.stdout !== null) createInterface(child.stdout).on('line', onLine);
  const address = { host: '127.0.0.1', port, user, password, database };
  await waitUntil(() => queryOn(address, 'SELECT 1'), { timeoutMs: 15_000, what: 'a query through the command' });
  return {
    ...address,
    child,
    rss: () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024,
    reload: async (more) => {
      writeFileSync(file, stringify(treeOf(more)));
      await queryOn({ ...address, database: 'pgbouncer' }, 'RELOAD');
    },
    stop: async () => {
      const ended = new Promise((done) => child.once('exit', done));
      if (child.exitCode === null && child.kill('SIGQUIT')) await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
