// Plays a workload through a pooler of one size, and says how long clients had to wait for their answers.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { Random } from '../../src/cli/demo/random.ts';
import { startCommand, type Target } from '../../test/support/command.ts';
import type { Workload } from './workloads.ts';

export interface PlayOptions {
  readonly poolSize: number;
  /** The load grows for so long, and stays for so long. Only what comes then counts. */
  readonly rampSeconds: number;
  readonly seconds: number;
}

export interface Figures {
  readonly poolSize: number;
  /** Transactions a second. */
  readonly rate: number;
  /** From the moment when a transaction was to begin to its end. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export interface AdviceTold {
  readonly cause: string;
  readonly size: number | null;
  readonly confidence: string;
  readonly title: string;
  readonly arithmetic: string;
}

/** A block is as long as a burst and what lies between two. */
const BLOCK_MS = 4_000;

/** What was measured of each transaction that came after the ramp, by when it came. */
class Times {
  failed = 0;
  readonly #blocks: number[][] = [];

  add(cameMs: number, tookMs: number): void {
    const block = Math.floor(cameMs / BLOCK_MS);
    this.#blocks[block] ??= [];
    this.#blocks[block].push(tookMs);
  }

  /** Percentiles are the medians of those of the blocks: a machine that has something else to do for a moment spoils one of them. */
  figures(poolSize: number, seconds: number): Figures {
    const blocks = this.#blocks.filter((block) => block !== undefined).map((block) => block.toSorted((a, b) => a - b));
    const count = blocks.reduce((sum, block) => sum + block.length, 0);
    const of = (share: number) => median(blocks.map((block) => at(block, share)));
    return { poolSize, rate: count / seconds, p50Ms: of(0.5), p99Ms: of(0.99), failed: this.failed };
  }
}

const at = (sorted: readonly number[], share: number) =>
  sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0;
const median = (numbers: readonly number[]) =>
  at(
    numbers.toSorted((a, b) => a - b),
    0.5,
  );

export async function play(
  postgres: Target,
  workload: Workload,
  options: PlayOptions,
): Promise<{ figures: Figures; advice: AdviceTold }> {
  const { poolSize } = options;
  const pooler = await startCommand(postgres, {
    default_pool_size: poolSize,
    auth_type: 'trust',
    admin_users: [postgres.user],
    // What clients ask for is to be seen whole.
    query_wait_timeout: '60s',
  });
  const { host, port, user, password, database } = pooler;
  const clients = Array.from(
    { length: workload.clients },
    () => new pg.Client({ host, port, user, password, database, application_name: 'shop' }),
  );
  try {
    for (let at = 0; at < clients.length; at += 20)
      await Promise.all(clients.slice(at, at + 20).map((client) => client.connect()));
    const times = new Times();
    await (workload.rate === null ? playClosed : playOpen)(workload, clients, options, times);
    const advice = await adviceOf({ host, port, user, password });
    return { figures: times.figures(poolSize, options.seconds), advice };
  } finally {
    for (const client of clients) client.on('error', () => {});
    await pooler.stop();
  }
}

async function adviceOf(config: pg.ClientConfig): Promise<AdviceTold> {
  const client = new pg.Client({ ...config, database: 'pgsluice' });
  await client.connect();
  const { rows } = await client.query('SHOW ADVICE');
  await client.end();
  return rows.find(({ database }) => database !== 'pgsluice') as AdviceTold;
}

/** Transactions come when they come, whether the ones before are done or not. */
async function playOpen(workload: Workload, clients: pg.Client[], options: PlayOptions, times: Times): Promise<void> {
  const { rampSeconds, seconds } = options;
  // The same for every size.
  const random = new Random(1);
  const free = [...clients];
  const queue: { readonly due: number; readonly random: number; readonly counts: boolean }[] = [];
  const started = performance.now();
  let open = 0;
  const next = () => {
    while (queue.length > 0 && free.length > 0) {
      const { due, random: drawn, counts } = queue.shift()!;
      const client = free.shift()!;
      workload
        .run(client, drawn)
        .then(
          () => counts && times.add(due - rampSeconds * 1_000, performance.now() - started - due),
          () => (times.failed += 1),
        )
        .finally(() => {
          open -= 1;
          free.push(client);
          next();
        });
    }
  };
  for (let due = 0; ; ) {
    // The ramp begins at a tenth. Its arrivals are drawn as if it were a time of its own, so that what comes behind it is the same for all.
    const second = due / 1_000;
    const share = second < rampSeconds ? 0.1 + (0.9 * second) / rampSeconds : 1;
    due += (-Math.log(1 - random.next()) * 1_000) / (workload.rate!(second) * share);
    if (due > (rampSeconds + seconds) * 1_000) break;
    const waitMs = due - (performance.now() - started);
    if (waitMs > 1) await delay(waitMs);
    queue.push({ due, random: random.next(), counts: due >= rampSeconds * 1_000 });
    open += 1;
    next();
  }
  // What is still under way counts as well, but not for ever.
  for (let tries = 0; open > 0 && tries < 100; tries += 1) await delay(50);
}

/** Each client begins its next transaction when the last one is over; they come one by one. */
async function playClosed(workload: Workload, clients: pg.Client[], options: PlayOptions, times: Times): Promise<void> {
  const { rampSeconds, seconds } = options;
  const started = performance.now();
  const ends = (rampSeconds + seconds) * 1_000;
  await Promise.all(
    clients.map(async (client, i) => {
      const random = new Random(i + 1);
      await delay((i * rampSeconds * 1_000) / clients.length);
      for (;;) {
        const begins = performance.now() - started;
        if (begins >= ends) return;
        await workload.run(client, random.next()).catch(() => (times.failed += 1));
        const now = performance.now() - started;
        if (now >= rampSeconds * 1_000 && now < ends) times.add(now - rampSeconds * 1_000, now - begins);
      }
    }),
  );
}
