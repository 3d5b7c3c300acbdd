// Twice the load that the pool can carry, in short: the bars are those that a busy machine keeps. Long form, with figures: `npm run overload`.
import { beforeAll, expect, test } from 'vitest';
import { usePrivatePostgres } from '../support/postgres.ts';
import { type OverloadFigures, type PhaseFigures, QUIET, runOverload } from './overload-run.ts';

const postgres = usePrivatePostgres({ settings: { max_connections: '40' } });
let figures: OverloadFigures;
let over: PhaseFigures;

beforeAll(async () => {
  const { host, port, user, password } = postgres.current;
  const target = { host, port, user, password, database: 'postgres' };
  figures = await runOverload(target, {
    milliseconds: 5_000,
    peakMs: 3_000,
    times: 2,
    poolSize: 6,
    seed: 1,
    parts: ['over', 'noisy'],
  });
  over = figures.over!;
});

test('goodput stays near its peak, and who is let in is served in time', () => {
  const { capacity, peak } = figures;
  expect(over.offered).toBeGreaterThan(1.7 * capacity);
  expect(over.goodput).toBeGreaterThan(0.6 * Math.max(capacity, peak.goodput));
  expect(over.inTime).toBeGreaterThan(0.8);
});

test('who is refused is told in one of the words for it, and can ask again on the same connection', () => {
  const { ok = 0, query_wait_timeout = 0, queue_full = 0, shed = 0, ...others } = over.outcomes;
  expect(ok).toBeGreaterThan(0);
  expect(query_wait_timeout + queue_full + shed).toBeGreaterThan(0);
  expect(others).toEqual({});
});

test('a noisy application takes nothing from three others that ask for less than their share', () => {
  const { applications } = figures.noisy!;
  for (const name of QUIET) expect(applications[name]!.served, name).toBeGreaterThan(0.8);
  expect(applications.shop!.served).toBeLessThan(0.6);
});
