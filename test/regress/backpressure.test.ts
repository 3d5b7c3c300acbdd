// Bounded memory: bytes that one side does not take are not kept. The long form, with its figures, is `npm run backpressure`.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HEAVIES } from '../backpressure/heavy.ts';
import { measurePooler } from '../backpressure/run.ts';
import { type RunningCommand, startCommand } from '../support/command.ts';
import { useDatabase } from '../support/postgres.ts';

const MB = 1024 * 1024;
const db = useDatabase();
let pooler: RunningCommand | undefined;

beforeAll(async () => {
  pooler = await startCommand(db.current, { default_pool_size: 12 });
  await measurePooler(pooler, HEAVIES.oneValue, 32);
});
afterAll(() => pooler?.stop());

test.each([
  ['slowReader', 300],
  ['copyIn', 300],
  ['oneValue', 200],
] as const)('%s with %d MB makes the process grow by less than 64 MB', async (name, megabytes) => {
  const { bytes, rssGrowth, queries } = await measurePooler(pooler!, HEAVIES[name], megabytes);
  expect(bytes).toBeGreaterThanOrEqual(megabytes * MB);
  expect(rssGrowth).toBeLessThan(64 * MB);
  // The others went on meanwhile.
  expect(queries).toBeGreaterThan(20);
});
