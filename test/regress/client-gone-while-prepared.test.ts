// A client that left while a server was being given its parameters: the answer found a closed client that asked for a server again, and the server was kept from everybody for cancel_wait_timeout.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
let proxy: TcpProxy;
let pooler: TestPooler;
beforeAll(async () => {
  proxy = await startTcpProxy(db.current);
  pooler = await startPooler({ ...db.current, port: proxy.port }, { default_pool_size: 1, auth_type: 'trust' });
});
afterAll(async () => {
  await pooler.stop();
  await proxy.close();
});

test.each(['in its login', 'in front of its statement'])(
  'a client that leaves %s leaves a server that is used at once',
  async (when) => {
    const ordinary = await pooler.connect();
    const client =
      when === 'in its login' ? await connect(pooler.port) : await pooler.connect({ params: { work_mem: '7MB' } });
    await ordinary.rows('SELECT 1');
    const { servers } = pooler.pool();
    const [server] = servers.idle;
    proxy.delayMs = 30;
    const startup = { user: pooler.user, database: pooler.database, statement_timeout: '7s' };
    client.send(when === 'in its login' ? build.startup(startup) : build.query('SELECT 1'));
    await waitUntil(() => servers.active.length === 1);
    const logins = pooler.pool().stats.clientLoginCount;
    client.destroy();
    await waitUntil(() => servers.active.length === 0);
    proxy.delayMs = 0;
    await waitUntil(() => servers.idle.length === 1, { timeoutMs: 2_000 });
    expect([...servers.idle]).toEqual([server]);
    expect(pooler.pool().stats.clientLoginCount).toBe(logins);
    const shown = await ordinary.rows("SELECT current_setting('work_mem'), current_setting('statement_timeout')");
    expect(shown).toEqual([['4MB', '0']]);
    await ordinary.end();
    await pooler.expectInvariants();
  },
);

test('a startup parameter that Postgres refuses costs no server', async () => {
  const ordinary = await pooler.connect();
  await ordinary.rows('SELECT 1');
  const logins = pooler.pool().stats.serverLoginCount;
  for (let i = 0; i < 5; i += 1) {
    await expect(pooler.connect({ params: { TimeZone: 'Nowhere/Land' } })).rejects.toMatchObject({ code: '22023' });
  }
  expect(await ordinary.rows('SHOW TimeZone')).toEqual([['UTC']]);
  expect(pooler.pool().stats.serverLoginCount).toBe(logins);
  await ordinary.end();
});
