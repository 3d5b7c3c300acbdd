// The averages of SHOW STATS: over which time, and of what.
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { CONSOLE, DatabaseStats } from '../../../src/observe/database-stats.ts';
import { PoolStats } from '../../../src/pool/stats.ts';

const PERIOD_MS = 60_000;

/** Pools are read for their names and counters only. */
function statsOf(...databases: string[]) {
  const pools = databases.map((database) => ({ database, stats: new PoolStats() }));
  const settings = () => ({ stats_period: PERIOD_MS, log_stats: false });
  return { pools, stats: new DatabaseStats({ pools, settings, log: pino({ enabled: false }) }, 0) };
}

function rowOf(stats: DatabaseStats, now: number, database = 'app') {
  return stats.rows(now).find((row) => row.database === database)!;
}

test('pools of one database are added up, and the console is a database of its own', () => {
  const { pools, stats } = statsOf('app', 'other', 'app');
  pools.forEach(({ stats: counters }, index) => {
    counters.xactCount = index + 1;
  });
  stats.console.queryCount = 7;
  expect(stats.rows(0).map(({ database, totals }) => [database, totals.xactCount, totals.queryCount])).toEqual([
    ['app', 4, 0],
    ['other', 2, 0],
    [CONSOLE, 0, 7],
  ]);
  expect(stats.sum(0).totals).toMatchObject({ xactCount: 6, queryCount: 7 });
});

test('counts are per second since the period before began, at least of one second', () => {
  const { pools, stats } = statsOf('app');
  const { stats: counters } = pools[0]!;
  counters.xactCount = 30;
  expect(rowOf(stats, 10).averages.xactCount).toBe(30);
  expect(rowOf(stats, 30_000).averages.xactCount).toBe(1);
  stats.tick(PERIOD_MS - 1);
  stats.tick(PERIOD_MS);
  expect(rowOf(stats, PERIOD_MS).averages.xactCount).toBe(0.5);
  counters.xactCount = 630;
  stats.tick(2 * PERIOD_MS);
  // What was before the first period is forgotten.
  expect(rowOf(stats, 2 * PERIOD_MS).averages.xactCount).toBe(10);
  expect(stats.sum(2 * PERIOD_MS).averages.xactCount).toBe(10);
  stats.tick(3 * PERIOD_MS);
  expect(rowOf(stats, 3 * PERIOD_MS).averages.xactCount).toBe(0);
});

test('times are those of one transaction, one statement, one wait', () => {
  const { pools, stats } = statsOf('app');
  Object.assign(pools[0]!.stats, {
    xactCount: 4,
    xactTimeMs: 100,
    queryCount: 10,
    queryTimeMs: 50,
    serverAssignmentCount: 5,
    waitTimeMs: 5,
  });
  expect(rowOf(stats, 20_000).averages).toMatchObject({ xactTimeMs: 25, queryTimeMs: 5, waitTimeMs: 1 });
  expect(rowOf(stats, 20_000, CONSOLE).averages).toMatchObject({ xactTimeMs: 0, queryTimeMs: 0, waitTimeMs: 0 });
});

test('a pool that is gone leaves no negative rate', () => {
  const { pools, stats } = statsOf('app', 'app');
  for (const { stats: counters } of pools) counters.queryCount = 100;
  stats.tick(PERIOD_MS);
  stats.tick(2 * PERIOD_MS);
  pools.pop();
  expect(rowOf(stats, 2 * PERIOD_MS).averages.queryCount).toBe(0);
});
