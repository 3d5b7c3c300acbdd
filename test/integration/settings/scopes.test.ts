// Which value holds where one setting stands in several places: users: wins over databases:, which wins over the top level.
import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../support/wait-until.ts';
import { begin, errorOf, expectNever, fakeFor, farewell, pidOf, poolerFor, targetOf, timed } from './for-settings.ts';

const password = 'secret';

/** A pooler with an entry of databases: and one of users: that override, beside those that don't. */
async function overriding(top: object, database: object, user: object) {
  const postgres = await fakeFor();
  const { host, port } = postgres;
  return poolerFor(targetOf(postgres), {
    ...top,
    databases: { app: { host, port }, special: { host, port, ...database } },
    users: { app: { password }, vip: { password, ...user } },
  });
}

test('query_wait_timeout: of users: wins over databases:, which wins over the top level', async () => {
  const pooler = await overriding(
    { query_wait_timeout: '20s', default_pool_size: 1 },
    { query_wait_timeout: '200ms' },
    { query_wait_timeout: '700ms' },
  );
  const waitOf = async (login: { database?: string; user?: string }) => {
    await begin(await pooler.connect(login));
    const { ms, value } = await timed(errorOf((await pooler.connect(login)).rows('SELECT 1')));
    expect(value.code).toBe('53300');
    return ms;
  };
  const [database, user] = await Promise.all([
    waitOf({ database: 'special' }),
    waitOf({ database: 'special', user: 'vip' }),
  ]);
  expect(database).toBeGreaterThan(180);
  expect(database).toBeLessThan(650);
  expect(user).toBeGreaterThan(680);
  await begin(await pooler.connect());
  void (await pooler.connect()).rows('SELECT 1').catch(() => {});
  await waitUntil(() => pooler.pool().clients.waiting.length === 1);
  await expectNever(() => pooler.pool().clients.waiting.length === 0, 900);
});

test('pool_mode: of users: wins over databases:, which wins over the top level', async () => {
  const pooler = await overriding({ pool_mode: 'transaction' }, { pool_mode: 'session' }, { pool_mode: 'transaction' });
  const held = async (database: string, user: string) => {
    await pidOf(await pooler.connect({ database, user }));
    return pooler.pool(database, user).servers.active.length;
  };
  expect(await held('app', 'app')).toBe(0);
  expect(await held('special', 'app')).toBe(1);
  expect(await held('special', 'vip')).toBe(0);
});

describe('time limits', () => {
  test('idle_transaction_timeout: an entry overrides it', async () => {
    const pooler = await overriding({}, { idle_transaction_timeout: '200ms' }, { idle_transaction_timeout: 0 });
    const [special, plain, vip] = [
      await pooler.connect({ database: 'special' }),
      await pooler.connect(),
      await pooler.connect({ database: 'special', user: 'vip' }),
    ];
    for (const client of [special, plain, vip]) await begin(client);
    expect((await farewell(special))?.C).toBe('25P03');
    await expectNever(() => plain.closed || vip.closed, 300);
  });

  test('client_idle_timeout: an entry overrides it', async () => {
    const pooler = await overriding({}, {}, { client_idle_timeout: '200ms' });
    const [plain, vip] = [await pooler.connect(), await pooler.connect({ user: 'vip' })];
    expect((await farewell(vip))?.C).toBe('57P05');
    expect(plain.closed).toBe(false);
  });
});
