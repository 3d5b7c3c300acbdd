// Settings of the averages.
import { expect, test } from 'vitest';
import type { TestPooler } from '../../support/pooler.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { fakeFor, poolerFor, targetOf } from './for-settings.ts';

const statsLines = (pooler: TestPooler) => pooler.log.filter(({ msg }) => msg.startsWith('stats: '));

test('stats_period: averages are made of one to two periods, and those of a time in which nothing happened are zero', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { stats_period: '1s' });
  const client = await pooler.connect();
  for (let i = 0; i < 40; i += 1) await client.rows('SELECT 1');
  const { databaseStats, clock } = pooler.app;
  const average = () => databaseStats.rows(clock.now()).find(({ database }) => database === 'app')!.averages;
  await waitUntil(() => average().xactCount > 0, { everyMs: 20 });
  expect(average().xactCount).toBeGreaterThan(1);
  expect(average().xactCount).toBeLessThanOrEqual(41);
  expect(average().bytesReceived).toBeGreaterThan(average().xactCount * 10);
  expect(average().queryTimeMs).toBeGreaterThan(0);
  await waitUntil(() => average().xactCount === 0, { timeoutMs: 3000 });
});

test('stats_period: a second is the least, and a reload changes it', async () => {
  const target = targetOf(await fakeFor());
  await expect(poolerFor(target, { stats_period: '100ms' })).rejects.toThrow('below the minimum');
  const pooler = await poolerFor(target, { stats_period: '1h' });
  pooler.reload({ stats_period: '1s' });
  await waitUntil(() => statsLines(pooler).length > 0);
});

test('log_stats: each period is a line in the words of PgBouncer, and none when it is off', async () => {
  const target = targetOf(await fakeFor());
  const silent = await poolerFor(target, { stats_period: '1s', log_stats: false });
  const pooler = await poolerFor(target, { stats_period: '1s' });
  const client = await pooler.connect();
  await client.rows('SELECT 1');
  const line = await waitUntil(() => statsLines(pooler).find(({ xacts, received }) => Number(received) > 0 && xacts));
  const { xacts, queries, received, sent, xactUs, queryUs, waitUs } = line;
  expect(line.msg).toBe(
    `stats: ${xacts} xacts/s, ${queries} queries/s, in ${received} B/s, out ${sent} B/s, xact ${xactUs} us, query ${queryUs} us, wait ${waitUs} us`,
  );
  expect(statsLines(silent)).toEqual([]);
});
