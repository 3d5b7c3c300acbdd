// A chaos run: many clients that misbehave over few servers that are killed, and the count of what went wrong.
import { setTimeout as delay } from 'node:timers/promises';
import type { EmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { Random } from '../../src/cli/demo/random.ts';
import { queryOn } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ChaosClient, type Ledger } from './client.ts';
import type { Address } from './connection.ts';
import { newTally, report, type Tally } from './tally.ts';

export interface ChaosOptions {
  /** The pooler. */
  readonly pooler: Address;
  /** Straight to Postgres: the same database, as a superuser. */
  readonly postgres: Address;
  readonly clients: number;
  readonly milliseconds: number;
  readonly seed: number;
  /** pg_terminate_backend of a random backend so often; 0: never. */
  readonly killEveryMs: number;
  /** Restarts so often; 0: never. */
  readonly restartEveryMs: number;
  readonly server: EmbeddedPostgres | null;
  /** Told once in a while. */
  readonly onProgress?: (tally: Tally) => void;
}

export async function runChaos(options: ChaosOptions): Promise<Tally> {
  const { pooler, postgres, clients, milliseconds, seed } = options;
  const tally = newTally();
  const ledger: Ledger = { committed: new Set(), refused: new Set() };
  await queryOn(
    postgres,
    'CREATE TABLE IF NOT EXISTS ledger (token text); CREATE TABLE IF NOT EXISTS copied (token text)',
  );
  const until = performance.now() + milliseconds;
  const crowd = Array.from({ length: clients }, (_, id) =>
    new ChaosClient(id, new Random(seed * 1_000_003 + id), pooler, tally, ledger).run(until),
  );
  await Promise.all([
    ...crowd,
    killBackends(options, tally, until),
    restart(options, tally, until),
    progress(options, tally, until),
  ]);
  await checkLedger(postgres, ledger, tally);
  return tally;
}

async function killBackends({ postgres, killEveryMs }: ChaosOptions, tally: Tally, until: number): Promise<void> {
  while (killEveryMs > 0 && performance.now() < until) {
    await delay(killEveryMs);
    const sql = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`;
    // Postgres may be away just now.
    const rows = await queryOn(postgres, sql).catch(() => []);
    tally.killedBackends += rows.length;
  }
}

async function restart({ server, restartEveryMs }: ChaosOptions, tally: Tally, until: number): Promise<void> {
  if (server === null || restartEveryMs === 0) return;
  while (performance.now() + restartEveryMs < until) {
    await delay(restartEveryMs);
    if (tally.restarts % 2 === 0) await server.kill();
    else await server.halt('immediate');
    await server.restart();
    tally.restarts += 1;
  }
}

async function progress({ onProgress }: ChaosOptions, tally: Tally, until: number): Promise<void> {
  while (onProgress !== undefined && performance.now() < until) {
    await delay(Math.min(15_000, Math.max(until - performance.now(), 1)));
    onProgress(tally);
  }
}

/** What was acknowledged is there; what was refused is not. */
async function checkLedger(postgres: Address, ledger: Ledger, tally: Tally): Promise<void> {
  const rows = await waitUntil(() => queryOn<{ token: string }>(postgres, 'SELECT token FROM ledger'), {
    timeoutMs: 30_000,
  });
  const found = new Set(rows.map((row) => row.token));
  for (const token of ledger.committed) if (!found.has(token)) report(tally, 'lostTransactions', token);
  for (const token of ledger.refused) if (found.has(token)) report(tally, 'ghostTransactions', token);
}
