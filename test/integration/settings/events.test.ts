// Settings of the flight recorder.
import { expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, fakeFor, poolerFor, targetOf } from './for-settings.ts';

/** Each refused for another database: another event. */
async function refused(pooler: Awaited<ReturnType<typeof poolerFor>>, names: string): Promise<void> {
  for (const database of names) await errorOf(pooler.connect({ database }));
}

test('event_ring_size: so many events are kept, a reload changes it, and 0 keeps none', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { event_ring_size: 3 });
  const kept = async () => (await pooler.console('SHOW EVENTS')).map(({ kind, database }) => database || kind);
  await refused(pooler, 'abcd');
  expect(await kept()).toEqual(['b', 'c', 'd']);
  pooler.reload({ event_ring_size: 2 });
  expect(await kept()).toEqual(['d', 'reload']);
  await refused(pooler, 'ef');
  pooler.reload({ event_ring_size: 4 });
  await refused(pooler, 'ghi');
  expect(await kept()).toEqual(['reload', 'g', 'h', 'i']);
  pooler.reload({ event_ring_size: 0 });
  await refused(pooler, 'j');
  expect(await kept()).toEqual([]);
});

test('event_ring_size: 0 writes no events into the log when a pool is exhausted', async () => {
  for (const [event_ring_size, count] of [
    [0, 0],
    [10, 1],
  ] as const) {
    const settings = { event_ring_size, default_pool_size: 1, query_wait_timeout: '200ms' };
    const pooler = await poolerFor(targetOf(await fakeFor()), settings);
    const holder = await pooler.connect();
    await holder.rows('BEGIN');
    await errorOf((await pooler.connect()).rows('SELECT 1'));
    await waitUntil(() => pooler.app.observer.poolerErrors.of('query_wait_timeout') === 1);
    expect(pooler.log.filter(({ msg }) => msg === 'event ring')).toHaveLength(count);
    await holder.rows('COMMIT');
  }
});
