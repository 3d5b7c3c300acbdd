// A pooler in a process of its own, with its clients in another: what is measured at each point.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { stringify } from 'yaml';
import { type App, startApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config/load.ts';
import { freePort, type Target } from '../../test/support/command.ts';
import { collect } from '../micro/allocation.ts';
import { median } from '../side-by-side/report.ts';
import { Blocks, threadMs } from './blocks.ts';
import type { Crowd, Took } from './clients.ts';
import { BUSY, type Length, type Look, type Point } from './point.ts';
import { Remote, serve } from './remote.ts';

/** Of all pools together. */
const MAX_SERVERS = 100;
/** Behind a storm of logins. */
const SETTLE_MS = 1_500;
/** Not counted: code is compiled, memory has been asked for. */
const WARM_SECONDS = 1;

export interface StageSetting {
  readonly postgres: Target;
  /** Databases of so many names are one and the same behind it, and each name has a pool. */
  readonly pools: number;
}

class Stage {
  readonly #app: App;
  readonly #clients: Remote<Crowd>;
  readonly #pools: number;
  readonly #ticks: number[] = [];
  #idleClients = 0;

  constructor(app: App, clients: Remote<Crowd>, pools: number) {
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

  async stop(): Promise<void> {
    await this.#clients.stop();
    await this.#app.stop();
  }

  readonly tasks = {
    /** With so many idle clients, which only become more. */
    measure: async ({ idleClients, length }: { idleClients: number; length: Length }): Promise<Point> => {
      const clients = this.#clients;
      await clients.tell('connect', { count: idleClients - this.#idleClients, databases: this.#pools });
      this.#idleClients = idleClients;
      await this.#ask(WARM_SECONDS);
      collect();
      await delay(SETTLE_MS);
      const memory = process.memoryUsage.rss();
      this.#ticks.length = 0;
      const loop = monitorEventLoopDelay({ resolution: 1 });
      loop.enable();
      const before = threadMs();
      const { transactions, seconds } = await this.#ask(length.busySeconds);
      const cpuUs = ((threadMs() - before) * 1_000) / transactions;
      loop.disable();
      await delay(length.quietSeconds * 1_000);
      const ticks = this.#ticks.toSorted((a, b) => a - b);
      const command = (sql: string) => () => clients.tell('command', { sql });
      return {
        idleClients,
        pools: this.#app.pools.size,
        rate: transactions / seconds,
        cpuUs,
        delayP99Ms: Math.max(loop.percentile(99) / 1e6 - 1, 0),
        tickMs: median(ticks),
        tickP95Ms: ticks[Math.floor(ticks.length * 0.95)]!,
        longestTickMs: ticks.at(-1)!,
        scrape: await look(length.looks, () => clients.tell('get', { path: '/metrics' })),
        showPools: await look(length.looks, command('SHOW POOLS')),
        showClients: await look(length.looks, command('SHOW CLIENTS')),
        memory,
      };
    },
  };

  #ask(seconds: number) {
    return this.#clients.tell('ask', { count: BUSY, databases: this.#pools, seconds });
  }
}
export type Staged = Stage['tasks'];

/** Medians of so many looks; one before them is not counted. */
async function look(times: number, once: () => Promise<Took>): Promise<Look> {
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

async function open({ postgres, pools }: StageSetting): Promise<Stage> {
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
  return new Stage(app, new Remote('clients.ts', { port: app.port, httpPort, user }), pools);
}

await serve(open);
