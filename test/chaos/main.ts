// npm run chaos -- --minutes N --seed S --workers 2: a long chaos run against the real command, and its figures. --record adds them to docs/correctness.md.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
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
    workers: { type: 'string', default: '1' },
    record: { type: 'boolean', default: false },
  },
});

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

const server = await startEmbeddedPostgres({ settings: { max_connections: '60', synchronous_commit: 'on' } });
try {
  const { host, port, user, password } = server;
  await queryOn({ host, port, user, password, database: 'postgres' }, 'CREATE DATABASE chaos');
  const postgres = { host, port, user, password, database: 'chaos' };
  const pooler = await startCommand(postgres, {
    default_pool_size: Number(values['pool-size']),
    workers: Number(values.workers),
  });
  const started = performance.now();
  console.log(
    `seed ${values.seed}, commit ${commit()}, ${values.clients} clients over a pool of ${values['pool-size']}`,
  );
  const tally = await runChaos({
    pooler,
    postgres,
    clients: Number(values.clients),
    milliseconds: Number(values.minutes) * 60_000,
    seed: Number(values.seed),
    killEveryMs: 1_000,
    restartEveryMs: 45_000,
    server,
    onProgress: printProgress,
  });
  const hasDied = pooler.child.exitCode !== null;
  await pooler.stop();
  console.log(JSON.stringify(tally, null, 2));
  if (values.record) recordRun(tally, (performance.now() - started) / 1000);
  process.exitCode = isClean(tally) && !hasDied ? 0 : 1;
} finally {
  await server.stop();
}
