// Restarts under load in short, on a Postgres of its own; the long form is `npm run restarts`.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { queryOn, startPrivatePostgres } from '../support/postgres.ts';
import { runRestarts } from './restarts.ts';
import { refusedConnects } from './tally.ts';

let server: EmbeddedPostgres;
beforeAll(async () => {
  server = await startPrivatePostgres({ settings: { synchronous_commit: 'on' } });
});
afterAll(() => server?.stop());

const clean = { cut: [], untold: [], lost: [], ghosts: [], complaints: [] };

async function play(options: { overlap: boolean; unix?: boolean; restarts: number }) {
  const { host, port, user, password } = server;
  const database = `restarts_${options.overlap}_${options.unix === true}`;
  await queryOn({ host, port, user, password, database: 'postgres' }, `CREATE DATABASE ${database}`);
  const postgres = { host, port, user, password, database };
  const tally = await runRestarts({ postgres, clients: 20, tps: 200, seed: 7, ...options });
  // It did happen: a run in which nobody was told to go proves nothing.
  expect(tally.connects).toBeGreaterThan(options.restarts * 20 * 0.9);
  expect(tally.committed.size).toBeGreaterThan(options.restarts * 20);
  return tally;
}

test('5 restarts, each process beside the next: nothing begun is cut, nothing lost, and no connect refused', async () => {
  const tally = await play({ overlap: true, restarts: 5 });
  expect(tally).toMatchObject(clean);
  expect(refusedConnects(tally)).toBe(0);
});

test('2 restarts over a Unix socket that changes hands: the same', async () => {
  const tally = await play({ overlap: true, restarts: 2, unix: true });
  expect(tally).toMatchObject(clean);
  expect(refusedConnects(tally)).toBe(0);
});

test('2 restarts one after the other: nothing begun is cut and nothing lost, connects are refused in the gap', async () => {
  const tally = await play({ overlap: false, restarts: 2 });
  expect(tally).toMatchObject(clean);
  expect(refusedConnects(tally)).toBeGreaterThan(0);
});
