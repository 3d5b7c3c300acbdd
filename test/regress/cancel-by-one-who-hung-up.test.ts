// A cancel request that had to wait for its turn was dropped when its sender did not wait for the end: some drivers never do.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

test('a queued cancel request is carried though its sender is gone', async () => {
  const client = await pooler.current.connect();
  const running = client.query('SELECT pg_sleep(60)');
  const pool = pooler.current.pool();
  await waitUntil(() => pool.servers.active.length === 1);
  // The one that may be under way at a time gets stuck in a network that is silent.
  const proxy = await startTcpProxy(db.current);
  proxy.pause();
  const server = pool.servers.active.head!;
  const { address } = server;
  Object.assign(server, { address: { ...address, port: proxy.port } });
  const request = () => build.cancelRequest(client.session.pid, client.session.key);
  const stuck = await connect(pooler.current.port);
  stuck.send(request());
  await waitUntil(() => pool.clients.active_cancel.length === 1);
  Object.assign(server, { address });
  const hasty = await connect(pooler.current.port);
  hasty.socket.end(request());
  await waitUntil(() => pool.clients.waiting_cancel.length === 0 && pooler.current.app.clients.size === 2);
  proxy.cut();
  expect((await running).find((message) => message.type === 'E')?.fields?.C).toBe('57014');
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await proxy.close();
  await client.end();
});
