// npm run build && node bench/pod-size.ts [--tps 500] [--seconds 20] [--tls]: what pgsluice needs of memory and CPU at 100 and 1,000 clients, for the requests and limits of a pod.
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../test/support/command.ts';
import { login, query, tlsSettings } from './raw-client.ts';
import { cpuOf } from './side-by-side/cpu.ts';

const { values } = parseArgs({
  options: {
    tps: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '20' },
    tls: { type: 'boolean', default: false },
  },
});
const tps = Number(values.tps);
const seconds = Number(values.seconds);
const TURN_MS = 20;
/** As in the image: sources would have the compiler in memory, too. */
const COMMAND = fileURLToPath(new URL('../dist/cli/pgsluice.js', import.meta.url));
const SETTINGS = {
  auth_type: 'trust',
  default_pool_size: 10,
  max_client_conn: 2000,
  ...(values.tls ? await tlsSettings() : {}),
};

const server = await startEmbeddedPostgres();
const { host, port, user, password } = server;
const target = { host, port, user, password, database: 'postgres' };

/** Transactions at an even rate, each of the next client that has none open; those that found no client are not done. */
async function load(sockets: Socket[], forMs: number): Promise<number> {
  const free = [...sockets];
  let done = 0;
  const one = async (socket: Socket): Promise<void> => {
    await query(socket, 'SELECT 1');
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
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => login(pooler, values.tls)))));
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
