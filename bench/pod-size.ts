// npm run build && node bench/pod-size.ts [--tps 500] [--seconds 20]: what pgsluice needs of memory and CPU at 100 and 1,000 clients, for the requests and limits of a pod.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../test/support/command.ts';
import * as build from '../test/support/wire-messages.ts';
import { cpuOf } from './side-by-side/cpu.ts';

const { values } = parseArgs({
  options: { tps: { type: 'string', default: '500' }, seconds: { type: 'string', default: '20' } },
});
const tps = Number(values.tps);
const seconds = Number(values.seconds);
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const TURN_MS = 20;
/** As in the image: sources would have the compiler in memory, too. */
const COMMAND = fileURLToPath(new URL('../dist/cli/pgsluice.js', import.meta.url));
const SETTINGS = { auth_type: 'trust', default_pool_size: 10, max_client_conn: 2000 };

const server = await startEmbeddedPostgres();
const { host, port, user, password } = server;
const target = { host, port, user, password, database: 'postgres' };

async function login(at: number): Promise<Socket> {
  const socket = connect({ port: at, host: '127.0.0.1' });
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const ready = answer(socket);
  socket.write(build.startup({ user, database: 'postgres' }));
  await ready;
  return socket;
}

/** Until a ReadyForQuery outside a transaction ends what came. */
async function answer(socket: Socket): Promise<void> {
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (chunk.subarray(-6).equals(READY)) return;
  }
}

/** Transactions at an even rate, each of the next client that has none open; those that found no client are not done. */
async function load(sockets: Socket[], forMs: number): Promise<number> {
  const free = [...sockets];
  let done = 0;
  const one = async (socket: Socket): Promise<void> => {
    const answered = answer(socket);
    socket.write(build.query('SELECT 1'));
    await answered;
    done += 1;
    free.push(socket);
  };
  const started = performance.now();
  let begun = 0;
  for (let now = 0; now < forMs; now = performance.now() - started) {
    for (const due = (now / 1000) * tps; begun < due; begun += 1) {
      const socket = free.shift();
      if (socket !== undefined) void one(socket);
    }
    await delay(TURN_MS);
  }
  return done;
}

console.log(
  '| clients | tps | memory, idle | memory, busy | CPU, idle | CPU, busy |\n| --- | --- | --- | --- | --- | --- |',
);
try {
  for (const count of [0, 100, 1000]) {
    const pooler = await startCommand(target, SETTINGS, null, COMMAND);
    const pid = pooler.child.pid!;
    const used = () => Object.values(cpuOf(pid)).reduce((sum, one) => sum + one, 0);
    const milli = (cpuSeconds: number, ofSeconds: number) => `${Math.round((cpuSeconds / ofSeconds) * 1000)}m`;
    const megabytes = () => `${Math.round(pooler.rss() / 2 ** 20)} MB`;
    const sockets: Socket[] = [];
    while (sockets.length < count)
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => login(pooler.port)))));
    await delay(2_000);
    const before = used();
    await delay(5_000);
    const idle = [megabytes(), milli(used() - before, 5)];
    const start = used();
    const done = count === 0 ? 0 : await load(sockets, seconds * 1000);
    const busy = count === 0 ? ['', ''] : [megabytes(), milli(used() - start, seconds)];
    console.log(`| ${count} | ${Math.round(done / seconds)} | ${idle[0]} | ${busy[0]} | ${idle[1]} | ${busy[1]} |`);
    for (const socket of sockets) socket.destroy();
    await pooler.stop();
  }
} finally {
  await server.stop();
}
