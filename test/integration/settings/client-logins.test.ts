// Half-open connections: however many there are, who logs in properly gets in.
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { usePooler } from '../../support/pooler.ts';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import * as build from '../../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { max_client_logins: 200, max_client_conn: 400, default_pool_size: 2 });

async function halfOpen(): Promise<Socket> {
  const socket = netConnect({ port: pooler.current.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

test('max_client_logins: one more and the oldest connection in login is closed with 53300', async () => {
  const first = await halfOpen();
  let told = '';
  first.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await waitUntil(() => pooler.current.app.clients.lists.login.length === 1);
  const others = await Promise.all(Array.from({ length: 200 }, halfOpen));
  await waitUntil(() => first.closed || first.readableEnded);
  expect(told).toContain('53300');
  expect(told).toContain('max_client_logins = 200');
  expect(others.filter((socket) => socket.readableEnded)).toHaveLength(0);
  for (const socket of [first, ...others]) socket.destroy();
  await waitUntil(() => pooler.current.app.clients.size === 0);
});

test('max_client_logins: 10,000 half-open connections keep nobody out and cost nobody a reply', async () => {
  const steady = await pooler.current.connect();
  const sockets = new Set<Socket>();
  let slowest = 0;
  for (let round = 0; round < 50; round += 1) {
    const opened = await Promise.all(Array.from({ length: 200 }, halfOpen));
    for (const socket of opened) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.resume();
    }
    // Some say half of who they are.
    for (const socket of opened.slice(0, 50)) socket.write(build.startup({ user: 'somebody' }).subarray(0, 12));
    const started = performance.now();
    expect(await steady.rows(`SELECT ${round}`)).toEqual([[String(round)]]);
    const fresh = await pooler.current.connect();
    expect(await fresh.rows('SELECT 1')).toEqual([['1']]);
    slowest = Math.max(slowest, performance.now() - started);
    await fresh.end();
    expect(pooler.current.app.clients.lists.login.length).toBeLessThanOrEqual(200);
  }
  expect(slowest).toBeLessThan(2_000);
  for (const socket of sockets) socket.destroy();
  await steady.end();
  await waitUntil(() => pooler.current.app.clients.size === 0);
});
