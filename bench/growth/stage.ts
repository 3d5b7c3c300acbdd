// A pooler in this process, in front of a Postgres, with clients in another: what is measured at each point.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type App, startApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config/load.ts';
import { freePort, type Target } from '../../test/support/command.ts';
import { median } from '../side-by-side/report.ts';
import { Blocks, threadMs } from './blocks.ts';
import { Clients } from './clients.ts';

export const BUSY = 32;
/** Of all pools together. */
const MAX_SERVERS = 100;
/** Behind a storm of logins. */
const SETTLE_MS = 1_500;
/** Not counted: code is compiled, memory has been asked for. */
const WARM_SECONDS = 1;

/** What somebody asks for that looks at everything. */
export interface Look {
  /** Until its answer was there, as who asked saw it. */
  readonly ms: number;
  /** Of the event loop's thread. */
  readonly cpuMs: number;
  /** The longest that everybody else waited for it meanwhile. */
  readonly blockMs: number;
  readonly bytes: number;
}

export interface Point {
  /** Beside the busy ones. */
  readonly idleClients: number;
  readonly pools: number;
  /** Transactions a second of the busy clients, and what the event loop's thread used for each, in microseconds. */
  readonly rate: number;
  readonly cpuUs: number;
  /** Event-loop delay while they were busy. */
  readonly delayP99Ms: number;
  /** Processor time of the janitor's ticks: of the usual one, and of the longest. */
  readonly tickMs: number;
  readonly longestTickMs: number;
  readonly scrape: Look;
  readonly showPools: Look;
  readonly showClients: Look;
  /** Bytes of the whole process. */
  readonly memory: number;
}

export interface Length {
  /** Of the time in which clients are busy, and of the time in which nothing happens. */
  readonly busySeconds: number;
  readonly quietSeconds: number;
  readonly looks: number;
}

export class Stage {
  readonly #app: App;
  readonly #clients: Clients;
  readonly #pools: number;
  readonly #ticks: number[] = [];
  #idleClients = 0;

  private constructor(app: App, clients: Clients, pools: number) {
    this.#app = app;
    this.#clients = clients;
    this.#pools = pools;
    const tick = app.janitor.tick.bind(app.janitor);
    app.janitor.tick = () => {
      const before = threadMs();
      tick();
      this.#ticks.push(threadMs() - before);
    };
  }

  /** Databases of any name are one and the same behind it, and each name has a pool. */
  static async open(postgres: Target, pools: number): Promise<Stage> {
    const { host, port, user, password, database: dbname } = postgres;
    const httpPort = await freePort();
    const tree = {
      listen_port: 0,
      http_listen_port: httpPort,
      auth_type: 'trust',
      admin_users: [user],
      max_client_conn: 12_000,
      max_user_connections: MAX_SERVERS,
      max_parallel_logins: 16,
      log_connections: false,
      log_disconnections: false,
      databases: { '*': { host, port, dbname } },
      users: { [user]: { password } },
    };
    const result = parseConfig(stringify(tree));
    if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join('\n'));
    const app = await startApp(result.config, { log: pino({ level: 'silent' }) });
    const stage = new Stage(app, new Clients({ port: app.port, httpPort, user }), pools);
    await stage.#ask(WARM_SECONDS);
    return stage;
  }

  async close(): Promise<void> {
    this.#clients.stop();
    await this.#app.stop();
  }

  /** With so many idle clients, which only become more. */
  async measure(idleClients: number, { busySeconds, quietSeconds, looks }: Length): Promise<Point> {
    await this.#clients.tell('connect', { count: idleClients - this.#idleClients, databases: this.#pools });
    this.#idleClients = idleClients;
    await delay(SETTLE_MS);
    const memory = process.memoryUsage.rss();
    await this.#ask(WARM_SECONDS);
    this.#ticks.length = 0;
    const loop = monitorEventLoopDelay({ resolution: 1 });
    loop.enable();
    const before = threadMs();
    const { transactions, seconds } = await this.#ask(busySeconds);
    const cpuUs = ((threadMs() - before) * 1_000) / transactions;
    loop.disable();
    await delay(quietSeconds * 1_000);
    const ticks = this.#ticks.slice();
    const command = (sql: string) => () => this.#clients.tell('command', { sql });
    return {
      idleClients,
      pools: this.#app.pools.size,
      rate: transactions / seconds,
      cpuUs,
      delayP99Ms: Math.max(loop.percentile(99) / 1e6 - 1, 0),
      tickMs: median(ticks),
      longestTickMs: Math.max(...ticks),
      scrape: await look(looks, () => this.#clients.tell('get', { path: '/metrics' })),
      showPools: await look(looks, command('SHOW POOLS')),
      showClients: await look(looks, command('SHOW CLIENTS')),
      memory,
    };
  }

  #ask(seconds: number) {
    return this.#clients.tell('ask', { count: BUSY, databases: this.#pools, seconds });
  }
}

/** Medians of so many looks; one before them is not counted. */
async function look(
  times: number,
  once: () => Promise<{ readonly ms: number; readonly bytes: number }>,
): Promise<Look> {
  const blocks = new Blocks();
  const looks: Look[] = [];
  await once();
  for (let i = 0; i < times; i += 1) {
    await delay(20);
    const before = threadMs();
    const { ms, bytes } = await once();
    const cpuMs = threadMs() - before;
    // Again by itself: to time each turn keeps the processor busy.
    blocks.start();
    await once();
    looks.push({ ms, bytes, cpuMs, blockMs: blocks.stop() });
  }
  const of = (key: keyof Look) => median(looks.map((one) => one[key]));
  return { ms: of('ms'), cpuMs: of('cpuMs'), blockMs: of('blockMs'), bytes: of('bytes') };
}
