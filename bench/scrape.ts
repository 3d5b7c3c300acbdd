// node bench/scrape.ts [--clients 5000] [--seconds 20] [--every 1000] [--busy 50] [--applications 100] [--path /metrics]: what a scrape of /metrics takes while so many clients are
// connected, and what it does to the others: the delay of the event loop with scrapes against that without. Raise `ulimit -n` first.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { startApp } from '../src/app.ts';
import { startEmbeddedPostgres } from '../src/cli/demo/embedded-postgres.ts';
import { parseConfig } from '../src/config/load.ts';
import { freePort } from '../test/support/command.ts';
import * as build from '../test/support/wire-messages.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '20' },
    /** Milliseconds from one scrape to the next. */
    every: { type: 'string', default: '1000' },
    /** What is asked for instead of the metrics. */
    path: { type: 'string', default: '/metrics' },
    /** Clients that ask something ten times a second; the others are idle. */
    busy: { type: 'string', default: '50' },
    applications: { type: 'string', default: '100' },
    /** Set for the process that has the clients. */
    load: { type: 'string' },
  },
});
const clients = Number(values.clients);
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

interface Load {
  readonly port: number;
  readonly httpPort: number;
  readonly user: string;
}

/** Until a ReadyForQuery ends what came. */
async function ready(socket: Socket): Promise<void> {
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    if (chunk.subarray(-6).equals(READY)) return;
  }
}

async function login({ port, user }: Load, i: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  await once(socket, 'connect');
  const application_name = `application ${i % Number(values.applications)}`;
  socket.write(build.startup({ user, database: 'postgres', application_name }));
  await ready(socket);
  return socket;
}

/** In a process of its own, so that what it costs is not the pooler's. Scrapes when it is told to, and tells what each took. */
async function runLoad(load: Load): Promise<void> {
  const sockets: Socket[] = [];
  while (sockets.length < clients)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => login(load, sockets.length + i)))));
  const ask = async (socket: Socket) => {
    for (;;) {
      socket.write(build.query('SELECT 1'));
      await ready(socket);
      await delay(100);
    }
  };
  for (const socket of sockets.slice(0, Number(values.busy))) void ask(socket);
  process.once('disconnect', () => process.exit());
  process.on('message', async () => {
    const begun = performance.now();
    const response = await fetch(`http://127.0.0.1:${load.httpPort}${values.path}`);
    const { length } = await response.text();
    process.send!({ tookMs: performance.now() - begun, length });
  });
  process.send!('ready');
}

const at = (numbers: readonly number[], share: number) =>
  numbers.toSorted((a, b) => a - b)[Math.min(Math.floor(numbers.length * share), numbers.length - 1)] ?? 0;

async function run(): Promise<void> {
  const server = await startEmbeddedPostgres();
  const { host, port, user, password } = server;
  const httpPort = await freePort();
  const tree = {
    listen_port: 0,
    http_listen_port: httpPort,
    auth_type: 'trust',
    max_client_conn: clients + 100,
    databases: { postgres: { host, port } },
    users: { [user]: { password } },
  };
  const result = parseConfig(stringify(tree));
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
  const app = await startApp(result.config, { log: pino({ level: 'silent' }) });
  const load: Load = { port: app.port, httpPort, user };
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--load', JSON.stringify(load)]);
  child.once('exit', (code) => {
    if (code !== null) throw new Error(`the process with the clients has ended: ${code}`);
  });
  try {
    await once(child, 'message');
    await delay(3_000);
    const loop = monitorEventLoopDelay({ resolution: 1 });
    /** p99 of the delay, in ms, beyond the resolution of the timer itself. */
    const measure = async (scrape: boolean) => {
      const took: number[] = [];
      let length = 0;
      loop.reset();
      loop.enable();
      const until = performance.now() + Number(values.seconds) * 1_000;
      while (performance.now() < until) {
        if (scrape) {
          child.send('scrape');
          const [told] = (await once(child, 'message')) as [{ tookMs: number; length: number }];
          took.push(told.tookMs);
          length = told.length;
        }
        await delay(Number(values.every));
      }
      loop.disable();
      return { took, length, p99: loop.percentile(99) / 1e6 - 1, most: loop.max / 1e6 - 1 };
    };
    await measure(true);
    const calm = await measure(false);
    const scraped = await measure(true);
    const again = await measure(false);
    const { took, length } = scraped;
    console.log(
      `${app.clients.size} clients, ${values.busy} of them busy, ${took.length} scrapes of ${(length / 1024).toFixed(0)} kB`,
    );
    // On a machine that others use too, time is not what it costs.
    const before = process.threadCpuUsage();
    for (let i = 0; i < 20; i += 1) await app.metrics.text();
    const { user: own, system } = process.threadCpuUsage(before);
    console.log(`CPU of the event loop's thread for a scrape: ${((own + system) / 20_000).toFixed(1)} ms`);
    console.log(
      `a scrape: median ${at(took, 0.5).toFixed(1)} ms, p99 ${at(took, 0.99).toFixed(1)} ms, most ${Math.max(...took).toFixed(1)} ms`,
    );
    for (const [name, { p99, most }] of Object.entries({
      'without scrapes': calm,
      'with scrapes': scraped,
      'without again': again,
    }))
      console.log(`event loop delay ${name}: p99 ${p99.toFixed(2)} ms, most ${most.toFixed(1)} ms`);
  } finally {
    child.kill();
    await app.stop();
    await server.stop();
  }
}

if (values.load === undefined) await run();
else await runLoad(JSON.parse(values.load) as Load);
