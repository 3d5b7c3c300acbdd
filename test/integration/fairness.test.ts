// Applications share a pool fairly: on a real Postgres. What an overload does: test/incident/overload.test.ts.
import { expect, test } from 'vitest';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel, type WireError } from '../support/wire.ts';

const db = useDatabase();
const POOL_SIZE = 8;
/** Mostly asleep, so that servers are what is short, and not this machine. */
const STATEMENT = 'SELECT pg_sleep(0.02)';

async function withPooler(
  settings: Record<string, unknown>,
  use: (pooler: TestPooler) => Promise<void>,
): Promise<void> {
  const pooler = await startPooler(db.current, { default_pool_size: POOL_SIZE, ...settings });
  try {
    await use(pooler);
    await pooler.expectInvariants();
  } finally {
    await pooler.stop();
  }
}

/** Every client asks again as soon as it is answered. Answers a second, by application, once everybody is under way. */
async function closedLoop(pooler: TestPooler, clients: Record<string, number>, forMs = 2_000) {
  const answers = new Map<string, number>();
  const lines = await Promise.all(
    Object.entries(clients).flatMap(([application, count]) =>
      Array.from({ length: count }, async () => ({
        application,
        client: await pooler.connect({ params: { application_name: application } }),
      })),
    ),
  );
  const from = performance.now() + 300;
  const until = from + forMs;
  await Promise.all(
    lines.map(async ({ application, client }) => {
      while (performance.now() < until) {
        await client.rows(STATEMENT, 20_000);
        const now = performance.now();
        if (now >= from && now < until) answers.set(application, (answers.get(application) ?? 0) + 1);
      }
      await client.end();
    }),
  );
  const perSecond = (application: string) => ((answers.get(application) ?? 0) * 1000) / forMs;
  const all = Object.keys(clients).reduce((sum, application) => sum + perSecond(application), 0);
  return { perSecond, all };
}

test('a noisy application with 40 clients leaves three others with 4 each their quarter', async () => {
  await withPooler({}, async (pooler) => {
    const { perSecond, all } = await closedLoop(pooler, { noisy: 40, a: 4, b: 4, c: 4 });
    for (const application of ['a', 'b', 'c']) expect(perSecond(application) / (all / 4)).toBeGreaterThan(0.8);
    expect(perSecond('noisy') / (all / 4)).toBeGreaterThan(0.8);
  });
});

test('an application that is alone gets the whole pool', async () => {
  await withPooler({}, async (pooler) => {
    const { perSecond } = await closedLoop(pooler, { alone: 40 }, 1_500);
    expect(perSecond('alone')).toBeGreaterThan(0.4 * POOL_SIZE * 45);
  });
});

test('application_weights of 3 and 1 give about three times as much', async () => {
  await withPooler({ application_weights: { web: 3 } }, async (pooler) => {
    const { perSecond } = await closedLoop(pooler, { web: 24, batch: 24 });
    expect(perSecond('web') / perSecond('batch')).toBeGreaterThan(2.4);
    expect(perSecond('web') / perSecond('batch')).toBeLessThan(3.6);
  });
});

test('the share of a client follows application_name at its next checkout', async () => {
  await withPooler({}, async (pooler) => {
    const client = await pooler.connect({ params: { application_name: 'before' } });
    await client.rows("SET application_name = 'after'");
    await client.rows('BEGIN');
    const held = [...pooler.pool().queue.shares].map(({ name, held: count }) => [name, count]);
    expect(held).toContainEqual(['before', 0]);
    expect(held).toContainEqual(['after', 1]);
    await client.end();
  });
});

test('a waiting client that cancels or leaves is gone from the queue at once', async () => {
  await withPooler({ default_pool_size: 1 }, async (pooler) => {
    const [holder, canceled, leaver] = [await pooler.connect(), await pooler.connect(), await pooler.connect()];
    await holder.rows('BEGIN');
    const answer = canceled.rows('SELECT 1').catch((error: WireError) => error.code);
    const left = leaver.rows('SELECT 1').catch(() => null);
    const { queue } = pooler.pool();
    await waitUntil(() => queue.length === 2);
    leaver.destroy();
    await waitUntil(() => queue.length === 1);
    await cancel(pooler.port, canceled.session.pid, canceled.session.key);
    expect(await answer).toBe('57014');
    expect([queue.length, queue.hasNext]).toEqual([0, false]);
    await left;
    await holder.end();
  });
});
