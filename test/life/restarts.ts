// Restarts of the real command under load, with shutdown_mode drain: one process after the other, or each beside the next.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { freePort } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
import { PoolerProcess } from './process.ts';
import { newTally, type Tally } from './tally.ts';
import { Worker } from './worker.ts';

export interface RestartsOptions {
  /** Straight to Postgres. */
  readonly postgres: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  readonly restarts: number;
  readonly clients: number;
  readonly tps: number;
  readonly seed: number;
  /** The next process is up before the old one is told to go. */
  readonly overlap: boolean;
  /** Over a Unix socket instead of TCP. */
  readonly unix?: boolean;
  readonly onProgress?: (tally: Tally) => void;
}

/** Load between two restarts. */
const CALM_MS = 400;

export async function runRestarts(options: RestartsOptions): Promise<Tally> {
  const { postgres, clients, tps, seed } = options;
  const tally = newTally();
  const dir = mkdtempSync(join(tmpdir(), 'pgsluice-restarts-'));
  const port = await freePort();
  const file = join(dir, 'pgsluice.yaml');
  writeFileSync(file, stringify(configuration(options, port, options.unix === true ? dir : '')));
  await queryOn(postgres, 'DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (token text)');
  const host = options.unix === true ? dir : '127.0.0.1';
  const { user, password, database } = postgres;
  const address = { host, port, user, password, database };
  const began = performance.now();
  let isOver = false;
  let pooler = await PoolerProcess.start(file);
  try {
    const everyMs = (clients / tps) * 1000;
    const crowd = Array.from({ length: clients }, (_, id) =>
      new Worker({ id, address, everyMs, seed: seed * 1_000_003 + id }, tally).run(() => isOver),
    );
    await delay(CALM_MS);
    while (tally.restarts < options.restarts) {
      pooler = await restart(pooler, file, options.overlap, tally);
      options.onProgress?.(tally);
      await delay(CALM_MS);
    }
    isOver = true;
    await Promise.all(crowd);
  } finally {
    isOver = true;
    await leave(pooler, tally);
    rmSync(dir, { recursive: true, force: true });
  }
  tally.seconds = (performance.now() - began) / 1000;
  await checkLedger(options, tally);
  return tally;
}

function configuration({ postgres, overlap }: RestartsOptions, port: number, unix_socket_dir: string) {
  const { host, user, password, database } = postgres;
  return {
    listen_port: port,
    unix_socket_dir,
    http_listen_port: 0,
    default_pool_size: 10,
    log_level: 'info',
    log_format: 'json',
    log_connections: false,
    log_disconnections: false,
    shutdown_mode: 'drain',
    so_reuseport: overlap,
    databases: { [database]: { host, port: postgres.port } },
    users: { [user]: { password } },
  };
}

async function restart(old: PoolerProcess, file: string, overlap: boolean, tally: Tally): Promise<PoolerProcess> {
  const next = overlap ? await PoolerProcess.start(file) : null;
  await leave(old, tally);
  tally.restarts += 1;
  return next ?? (await PoolerProcess.start(file));
}

async function leave(pooler: PoolerProcess, tally: Tally): Promise<void> {
  const from = performance.now();
  const code = await pooler.leave();
  tally.slowestEndMs = Math.max(tally.slowestEndMs, Math.round(performance.now() - from));
  if (code !== 0) tally.complaints.push(`exit code ${code}`);
  tally.complaints.push(...pooler.complaints);
}

/** What was acknowledged is there, once; what was refused is not. */
async function checkLedger({ postgres }: RestartsOptions, tally: Tally): Promise<void> {
  const rows = await queryOn<{ token: string; count: number }>(
    postgres,
    'SELECT token, count(*)::int AS count FROM ledger GROUP BY token',
  );
  const counts = new Map(rows.map(({ token, count }) => [token, count]));
  for (const token of tally.committed) if (!counts.has(token)) tally.lost.push(token);
  for (const token of tally.refused) if (counts.has(token)) tally.ghosts.push(token);
  for (const [token, count] of counts) if (count > 1) tally.ghosts.push(`${token}: ${count} times`);
}
