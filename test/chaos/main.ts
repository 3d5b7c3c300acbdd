// npm run chaos -- --minutes N --seed S: a long chaos run against the real command, and its figures. --record adds them to docs/correctness.md.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { queryOn } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { Address } from './connection.ts';
import { runChaos } from './run.ts';
import { FORBIDDEN, isClean, type Tally } from './tally.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const RECORD_FILE = join(root, 'docs', 'correctness.md');
const RECORD_MARK = '<!-- chaos runs: written by npm run chaos -- --record -->';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    clients: { type: 'string', default: '200' },
    'pool-size': { type: 'string', default: '10' },
    record: { type: 'boolean', default: false },
  },
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

async function startCommand(
  postgres: EmbeddedPostgres,
  dir: string,
): Promise<{ child: ChildProcess; address: Address }> {
  const port = await freePort();
  const { host, user, password } = postgres;
  const file = join(dir, 'pgsluice.yaml');
  writeFileSync(
    file,
    `listen_port: ${port}
http_listen_port: 0
log_connections: off
log_disconnections: off
log_level: error
default_pool_size: ${values['pool-size']}
databases: { chaos: { host: ${host}, port: ${postgres.port} } }
users: { ${user}: { password: ${password} } }
`,
  );
  const command = join(root, 'src', 'cli', 'pgsluice.ts');
  const child = spawn(process.execPath, ['--disable-sigusr1', command, 'run', '--config', file], { stdio: 'inherit' });
  const address = { host: '127.0.0.1', port, user, password, database: 'chaos' };
  await waitUntil(() => queryOn(address, 'SELECT 1'), { timeoutMs: 15_000, what: 'a query through the pooler' });
  return { child, address };
}

function printProgress(tally: Tally): void {
  const { replies, transactions, abandoned, killedBackends, restarts } = tally;
  const bad = FORBIDDEN.map((key) => `${key} ${tally[key]}`).join(', ');
  console.log(
    `${replies} replies, ${transactions} transactions, ${abandoned} abandoned, ${killedBackends} killed, ${restarts} restarts; ${bad}`,
  );
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

/** One row of the table under the mark. */
function recordRun(tally: Tally, seconds: number): void {
  const text = readFileSync(RECORD_FILE, 'utf8');
  const bad = FORBIDDEN.map((key) => tally[key]).join(' / ');
  const { replies, transactions, abandoned, canceled, killedBackends, restarts } = tally;
  const cells = [
    new Date().toISOString().slice(0, 10),
    commit(),
    values.seed,
    values.clients,
    Math.round(seconds),
    replies,
    transactions,
    abandoned,
    canceled,
    killedBackends,
    restarts,
    bad,
  ];
  if (!text.includes(RECORD_MARK)) throw new Error(`${RECORD_FILE} has no line ${RECORD_MARK}`);
  writeFileSync(RECORD_FILE, text.replace(RECORD_MARK, `| ${cells.join(' | ')} |\n${RECORD_MARK}`));
}

const dir = mkdtempSync(join(tmpdir(), 'pgsluice-chaos-'));
const server = await startEmbeddedPostgres({ settings: { max_connections: '60', synchronous_commit: 'on' } });
try {
  const { host, port, user, password } = server;
  await queryOn({ host, port, user, password, database: 'postgres' }, 'CREATE DATABASE chaos');
  const { child, address } = await startCommand(server, dir);
  const started = performance.now();
  console.log(
    `seed ${values.seed}, commit ${commit()}, ${values.clients} clients over a pool of ${values['pool-size']}`,
  );
  const tally = await runChaos({
    pooler: address,
    postgres: { host, port, user, password, database: 'chaos' },
    clients: Number(values.clients),
    milliseconds: Number(values.minutes) * 60_000,
    seed: Number(values.seed),
    killEveryMs: 1_000,
    restartEveryMs: 45_000,
    server,
    onProgress: printProgress,
  });
  const hasDied = child.exitCode !== null;
  child.kill('SIGQUIT');
  console.log(JSON.stringify(tally, null, 2));
  if (values.record) recordRun(tally, (performance.now() - started) / 1000);
  process.exitCode = isClean(tally) && !hasDied ? 0 : 1;
} finally {
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
}
