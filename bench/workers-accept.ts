// How several processes can share one listening socket: what a connection costs each way, how evenly 32 and 500 are spread, and what is
// lost when a worker is killed. node bench/workers-accept.ts
import cluster from 'node:cluster';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const WAYS = ['handed over', 'cluster, round robin', 'cluster, shared handle', 'SO_REUSEPORT'] as const;
type Way = (typeof WAYS)[number];

const CONNECTIONS = 6_000;
const AT_A_TIME = 24;

/** In a worker: says who it is to whoever connects. */
function serve(): void {
  const way = process.env.WAY as Way;
  const greet = (socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write(`${process.pid}\n`));
  };
  if (way === 'handed over') {
    process.on('message', ({ id }: { id: number }, socket?: Socket) => {
      process.send?.({ id });
      if (socket !== undefined) greet(socket);
    });
    process.send?.({ port: 0 });
    return;
  }
  const server = createServer({ noDelay: true }, greet);
  const port = Number(process.env.PORT);
  server.listen({ port, host: '127.0.0.1', backlog: 4096, reusePort: way === 'SO_REUSEPORT' }, () =>
    process.send?.({ port: (server.address() as AddressInfo).port }),
  );
}

interface Running {
  readonly port: number;
  readonly workers: ReturnType<typeof cluster.fork>[];
  close(): void;
}

async function start(way: Way): Promise<Running> {
  cluster.schedulingPolicy = way === 'cluster, shared handle' ? cluster.SCHED_NONE : cluster.SCHED_RR;
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const workers = [0, 1].map(() => cluster.fork({ WAY: way, PORT: String(port) }));
  await Promise.all(workers.map((worker) => new Promise((done) => worker.once('message', done))));
  if (way !== 'handed over') return { port, workers, close: () => {} };
  const load = new Map(workers.map((worker) => [worker, new Map<number, Socket>()]));
  const counts = new Map(workers.map((worker) => [worker, 0]));
  let next = 0;
  const hand = (socket: Socket) => {
    next += 1;
    const [[worker, count]] = [...counts].sort(([, a], [, b]) => a - b) as [[(typeof workers)[number], number]];
    counts.set(worker, count + 1);
    load.get(worker)!.set(next, socket);
    (socket as { server?: unknown }).server = null;
    worker.process.send({ id: next }, socket, { keepOpen: true }, () => {});
  };
  for (const worker of workers) {
    const pending = load.get(worker)!;
    worker.on('error', () => {});
    worker.on('message', ({ id }: { id: number }) => {
      pending.get(id)?.destroy();
      pending.delete(id);
    });
    worker.on('exit', () => {
      counts.delete(worker);
      for (const socket of pending.values()) hand(socket);
    });
  }
  const server = createServer({ pauseOnConnect: true, noDelay: true }, hand);
  await new Promise<void>((done) => server.listen({ port, host: '127.0.0.1', backlog: 4096 }, done));
  return { port, workers, close: () => server.close() };
}

/** Who served it; null: it was lost. */
function knock(port: number): Promise<{ pid: number; socket: Socket } | null> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write('?'));
    socket.once('data', (chunk) => done({ pid: Number(String(chunk)), socket }));
    socket.on('error', () => done(null));
    socket.once('close', () => done(null));
    socket.setTimeout(2_000, () => socket.destroy());
  });
}

async function cpuMs(pids: readonly number[]): Promise<number> {
  const { readFileSync } = await import('node:fs');
  let ticks = 0;
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}

async function balance(port: number, count: number): Promise<string> {
  const all: Socket[] = [];
  const counts = new Map<number, number>();
  for (let at = 0; at < count; at += AT_A_TIME) {
    const some = await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - at) }, () => knock(port)));
    for (const one of some) {
      if (one === null) continue;
      all.push(one.socket);
      counts.set(one.pid, (counts.get(one.pid) ?? 0) + 1);
    }
  }
  for (const socket of all) socket.destroy();
  await delay(50);
  return [...counts.values()].sort((a, b) => b - a).join(' : ');
}

async function measure(way: Way): Promise<void> {
  const running = await start(way);
  const { port, workers } = running;
  const pids = workers.map(({ process: { pid } }) => pid!);
  await balance(port, 500);
  const spread = `${await balance(port, 32)}, ${await balance(port, 500)}`;
  const before = (await cpuMs(pids)) + (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  const client = await runClient(port, CONNECTIONS, null);
  const after = (await cpuMs(pids)) + (process.cpuUsage().user + process.cpuUsage().system) / 1000;
  const killed = await runClient(port, 2_000, () => process.kill(pids[0]!, 'SIGKILL'));
  const us = ((after - before) * 1000) / CONNECTIONS;
  console.log(
    `${way.padEnd(24)} 32 and 500: ${spread.padEnd(26)} ${client.perSecond} connections/s, ${us.toFixed(0)} us of CPU each; lost at a kill: ${killed.lost}`,
  );
  running.close();
  for (const worker of workers) worker.process.kill('SIGKILL');
  await delay(100);
}

/** In a process of its own, so that its CPU is not counted. */
async function runClient(port: number, count: number, midway: (() => void) | null) {
  const { fork } = await import('node:child_process');
  const child = fork(process.argv[1]!, { env: { ...process.env, CLIENT: JSON.stringify({ port, count }) } });
  if (midway !== null) setTimeout(midway, 300);
  return new Promise<{ perSecond: number; lost: number }>((done) =>
    child.once('message', (told) => done(told as never)),
  );
}

async function client({ port, count }: { port: number; count: number }): Promise<void> {
  let lost = 0;
  let left = count;
  const begin = performance.now();
  const run = async () => {
    while (left > 0) {
      left -= 1;
      const one = await knock(port);
      if (one === null) lost += 1;
      one?.socket.destroy();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, run));
  const perSecond = Math.round(count / ((performance.now() - begin) / 1000));
  process.send?.({ perSecond, lost }, () => process.exit());
}

if (cluster.isWorker) serve();
else if (process.env.CLIENT !== undefined) await client(JSON.parse(process.env.CLIENT) as never);
else {
  for (let round = 0; round < 2; round += 1) for (const way of WAYS) await measure(way);
  process.exit();
}
