// The incident in short, on a Postgres of its own: the replay notices a pool that gets stuck. Long forms: `npm run incident`.
import { expect, test } from 'vitest';
import { figures } from '../incident/figures.ts';
import { findLanes, type LaneKey } from '../incident/lanes.ts';
import { play } from '../incident/play.ts';
import { scenario } from '../incident/scenarios.ts';
import { findPgbouncer } from '../support/pgbouncer.ts';
import { usePrivatePostgres } from '../support/postgres.ts';
import { skipBecause } from '../support/tools.ts';

const postgres = usePrivatePostgres({ settings: { max_connections: '40' } });

/** Six clients and a report on twelve servers: stuck in three seconds. */
const size = { healthy: 6, reports: 1, leaks: 4 };
const options = { poolSize: 12, seed: 1, phases: { settle: 1_000, warm: 2_000, window: 6_000, after: 500 } };

async function leakThrough(key: LaneKey) {
  const [lane] = findLanes([key], { pgsluice: { guard: 'off' } });
  return figures(await play(postgres.current, lane!, scenario('leak', size)!, options));
}

test('without the guard the leaking application takes the whole pool, and nobody says so', async () => {
  const { calm, kept, keptLate, groups, firstAlert } = await leakThrough('d');
  expect(calm).toBeGreaterThan(50);
  expect(kept).toBeLessThan(0.7);
  expect(keptLate).toBeLessThan(0.3);
  expect(groups['cart-worker']!.done).toBeGreaterThan(8);
  expect(groups['cart-worker']!.unfinished).toBeGreaterThan(0);
  expect(firstAlert).toBeNull();
});

test('a pooler that ends every idle transaction after a second keeps its goodput and kills the honest ones', async (context) => {
  if (findPgbouncer() === null) skipBecause(context, 'pgbouncer: neither in PGBOUNCER= nor on PATH');
  const { kept, groups } = await leakThrough('c');
  expect(kept).toBeGreaterThan(0.8);
  expect(groups.reports!.done).toBe(0);
  expect(groups.reports!.killed).toBeGreaterThan(0);
});
