// An application's connection under restarts: transactions at a pace, by a driver, and exact books of what came of each.
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { Random } from '../../src/cli/demo/random.ts';
import type { Tally } from './tally.ts';

export interface WorkerOptions {
  readonly id: number;
  readonly address: pg.ClientConfig;
  readonly everyMs: number;
  readonly seed: number;
}

/** Every fourth is one statement by itself. */
const ALONE_ONE_IN = 4;
/** Most work done inside a transaction between two statements. */
const THINK_MS = 10;
/** How long an application waits until it tries again to connect. */
const AGAIN_MS = 20;

export class Worker {
  readonly #options: WorkerOptions;
  readonly #tally: Tally;
  readonly #random: Random;
  #client: pg.Client | null = null;
  #count = 0;

  constructor(options: WorkerOptions, tally: Tally) {
    this.#options = options;
    this.#tally = tally;
    this.#random = new Random(options.seed);
  }

  /** Until isOver says so; what was begun is brought to its end. */
  async run(isOver: () => boolean): Promise<void> {
    const { everyMs } = this.#options;
    let at = performance.now() + this.#random.next() * everyMs;
    while (!isOver()) {
      await delay(Math.max(at - performance.now(), 0));
      // Who is late by more than a bit has waited for a restart: that is not caught up with.
      at = Math.max(at + everyMs, performance.now() - 5 * everyMs);
      const client = this.#client ?? (await this.#connect());
      if (client === null) await delay(AGAIN_MS);
      else if (this.#count++ % ALONE_ONE_IN === 0) await this.#statement(client);
      else await this.#transaction(client);
    }
    await this.#client?.end().catch(() => {});
  }

  async #connect(): Promise<pg.Client | null> {
    const client = new pg.Client(this.#options.address);
    // Told to go while it does nothing: the driver says so here, right behind the login even before connect() is resolved.
    let isOver = false;
    const onOver = () => {
      isOver = true;
      this.#drop(client);
    };
    client.on('error', onOver);
    client.on('end', onOver);
    try {
      await client.connect();
    } catch (error) {
      const { code = 'none' } = error as { code?: string };
      this.#tally.refusedConnects[code] = (this.#tally.refusedConnects[code] ?? 0) + 1;
      return null;
    }
    this.#tally.connects += 1;
    if (isOver) return null;
    this.#client = client;
    return client;
  }

  #drop(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
  }

  get #token(): string {
    return `${this.#options.id}-${this.#count}`;
  }

  async #statement(client: pg.Client): Promise<void> {
    const token = this.#token;
    try {
      await client.query('INSERT INTO ledger VALUES ($1)', [token]);
      this.#tally.committed.add(token);
    } catch (error) {
      this.#turnedAway(error, token, client);
    }
  }

  async #transaction(client: pg.Client): Promise<void> {
    const token = this.#token;
    try {
      await client.query('BEGIN');
    } catch (error) {
      this.#turnedAway(error, token, client);
      return;
    }
    try {
      await delay(this.#random.next() * THINK_MS);
      await client.query('INSERT INTO ledger VALUES ($1)', [token]);
      await delay(this.#random.next() * THINK_MS);
      await client.query('COMMIT');
      this.#tally.committed.add(token);
    } catch (error) {
      this.#tally.cut.push(`${token}: ${describe(error)}`);
      this.#drop(client);
    }
  }

  /** At the boundary, with nothing begun: fine when it was told so. */
  #turnedAway(error: unknown, token: string, client: pg.Client): void {
    this.#drop(client);
    this.#tally.refused.add(token);
    if ((error as { code?: string }).code === '57P01') this.#tally.turnedAway += 1;
    else this.#tally.untold.push(`${token}: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  const { code = '', message = String(error) } = error as { code?: string; message?: string };
  return `${code} ${message}`.trim();
}
