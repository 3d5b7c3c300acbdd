// The chaos run in short, on a Postgres of its own; the long form is `npm run chaos`.
import { afterEach, expect, test, vi } from 'vitest';
import type { EmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { ReplyQueue } from '../../src/server/reply-queue.ts';
import { startCommand } from '../support/command.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { queryOn, startPrivatePostgres } from '../support/postgres.ts';
import type { Address } from './connection.ts';
import { runChaos } from './run.ts';
import { FORBIDDEN, isClean, type Tally } from './tally.ts';

let server: EmbeddedPostgres | undefined;
let pooler: TestPooler | undefined;

afterEach(async () => {
  vi.restoreAllMocks();
  await pooler?.stop();
  await server?.stop();
  pooler = undefined;
});

async function startPostgres(): Promise<Address> {
  // A kill of the postmaster may lose what was not written to the log: what is acknowledged has to be.
  server = await startPrivatePostgres({ settings: { synchronous_commit: 'on' } });
  const { host, port, user, password } = server;
  await queryOn({ host, port, user, password, database: 'postgres' }, 'CREATE DATABASE chaos');
  return { host, port, user, password, database: 'chaos' };
}

async function start(): Promise<{ postgres: Address; address: Address }> {
  const postgres = await startPostgres();
  pooler = await startPooler(postgres, { default_pool_size: 5, log_level: 'error' });
  return { postgres, address: { ...postgres, host: '127.0.0.1', port: pooler.port } };
}

/** It did happen: a run in which nothing was disturbed proves nothing. */
function expectMuch(tally: Tally): void {
  expect(tally.problems).toEqual([]);
  expect(isClean(tally)).toBe(true);
  expect(tally.replies).toBeGreaterThan(2_000);
  for (const key of ['transactions', 'abandoned', 'cancels', 'killedBackends', 'restarts'] as const) {
    expect(tally[key], key).toBeGreaterThan(0);
  }
}

const SEED = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const SHORT = { clients: 60, milliseconds: 9_000, seed: SEED, killEveryMs: 500, restartEveryMs: 5_000 };

test(`nothing is lost, mixed up or left without an answer (CHAOS_SEED=${SEED})`, async () => {
  const { postgres, address } = await start();
  const tally = await runChaos({
    pooler: address,
    postgres,
    ...SHORT,
    server: server!,
  });
  expectMuch(tally);
  await pooler!.expectInvariants();
});

test(`the same with two workers (CHAOS_SEED=${SEED})`, async () => {
  const postgres = await startPostgres();
  const command = await startCommand(postgres, { default_pool_size: 6, workers: 2, log_level: 'error' });
  const tally = await runChaos({
    pooler: command,
    postgres,
    ...SHORT,
    server: server!,
  }).finally(() => command.stop());
  expectMuch(tally);
});

test('a server that is released at the first ReadyForQuery of a pipeline is caught', async () => {
  const { postgres, address } = await start();
  vi.spyOn(ReplyQueue.prototype, 'isIdle', 'get').mockReturnValue(true);
  const options = { clients: 30, milliseconds: 3_000, seed: 1, killEveryMs: 0, restartEveryMs: 0, server: null };
  const tally: Tally = await runChaos({ pooler: address, postgres, ...options });
  expect(FORBIDDEN.reduce((sum, key) => sum + tally[key], 0)).toBeGreaterThan(0);
});
