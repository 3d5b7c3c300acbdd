// node bench/idle-clients.ts [--clients 10000] [--tls]: what an idle client costs in memory, and that all of them stay and are served.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../test/support/command.ts';
import { login, query, tlsSettings } from './raw-client.ts';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '10000' }, tls: { type: 'boolean', default: false } },
});
const count = Number(values.clients);
/** A handshake is work for both sides. */
const abreast = values.tls ? 20 : 100;

const server = await startEmbeddedPostgres();
const { host, port, user, password } = server;
const target = { host, port, user, password, database: 'postgres' };
const pooler = await startCommand(target, {
  auth_type: 'trust',
  max_client_conn: count + 100,
  client_login_timeout: 0,
  ...(values.tls ? await tlsSettings() : {}),
});

try {
  const come = () => login(pooler, values.tls);
  const sockets: Socket[] = [await come()];
  await delay(500);
  const before = pooler.rss();
  const started = performance.now();
  while (sockets.length <= count) sockets.push(...(await Promise.all(Array.from({ length: abreast }, come))));
  const loginSeconds = (performance.now() - started) / 1000;
  await delay(5_000);
  const idle = pooler.rss();
  let closed = 0;
  for (const socket of sockets) socket.on('close', () => (closed += 1));
  for (let at = 0; at < sockets.length; at += 200)
    await Promise.all(sockets.slice(at, at + 200).map((socket) => query(socket, 'SELECT 1')));
  await delay(2_000);
  const used = pooler.rss();
  const perClient = (bytes: number) => `${((bytes - before) / sockets.length / 1024).toFixed(1)} kB`;
  console.log(`${sockets.length} clients logged in in ${loginSeconds.toFixed(1)} s; ${closed} were closed`);
  console.log(
    `idle: ${perClient(idle)} each (RSS ${(before / 2 ** 20).toFixed(0)} -> ${(idle / 2 ** 20).toFixed(0)} MB)`,
  );
  console.log(`after a query of each: ${perClient(used)} each`);
  for (const socket of sockets) socket.destroy();
} finally {
  await pooler.stop();
  await server.stop();
}
