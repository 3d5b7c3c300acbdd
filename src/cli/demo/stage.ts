// Where the applications of a scenario play: what each of them tried and what came of it, and connections that come back when they were lost.
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { type Address, newClient } from './demo-database.ts';

/** One transaction that an application tried. */
export interface Attempt {
  /** Who tried: the scenario's name for it, which need not be its application_name. */
  readonly group: string;
  /** Milliseconds since 1970, with fractions. */
  readonly start: number;
  /** null: not over yet. */
  end: number | null;
  /** `ok`, `left` (never meant to commit), a SQLSTATE, `rolled_back` (by a COMMIT), `closed`; null: not over yet. */
  outcome: string | null;
  /** Statements of it that were answered: an attempt that failed at 0 was never let in. */
  steps: number;
  message?: string;
  detail?: string;
}

/** A statement, or a pause in milliseconds. */
export type Step = { readonly sql: string; readonly values?: readonly unknown[] } | number;

export interface RunOptions {
  /** The transaction is not meant to be over at the end. */
  readonly leave?: boolean;
  /** Pause behind an error. */
  readonly retryMs?: number;
  /** It goes on with what it left: a connection that is gone is not made again. */
  readonly goOn?: boolean;
}

const RETRY_MS = 100;

interface ServerError extends Error {
  readonly code?: string;
  readonly severity?: string;
  readonly detail?: string;
}

export class Stage {
  readonly address: Address;
  readonly attempts: Attempt[] = [];
  readonly #end = new AbortController();
  readonly #sessions = new Set<Session>();

  constructor(address: Address) {
    this.address = address;
  }

  get isOver(): boolean {
    return this.#end.signal.aborted;
  }

  /** Waits, not longer than the play lasts. */
  async pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal: this.#end.signal }).catch(() => {});
  }

  session(group: string, application: string): Session {
    const session = new Session(this, group, application);
    this.#sessions.add(session);
    return session;
  }

  /** Ends every connection, whatever it was doing. */
  end(): void {
    this.#end.abort();
    for (const session of this.#sessions) session.drop();
    this.#sessions.clear();
  }
}

/** Epoch milliseconds with fractions: the same clock in every process of the machine. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** One connection of an application. It is made when it is needed, and made again when it was lost. */
export class Session {
  readonly #stage: Stage;
  #group: string;
  readonly #application: string;
  #client: Client | null = null;
  /** What the connection was closed with. */
  #lostWith: ServerError | null = null;
  /** Ends a connect() under way. */
  #giveUp: ((error: Error) => void) | null = null;

  constructor(stage: Stage, group: string, application: string) {
    this.#stage = stage;
    this.#group = group;
    this.#application = application;
  }

  /** Plays the steps in turn; never rejects. */
  async run(steps: readonly Step[], options: RunOptions = {}): Promise<Attempt> {
    const { leave = false, retryMs = RETRY_MS, goOn = false } = options;
    const attempt: Attempt = { group: this.#group, start: now(), end: null, outcome: null, steps: 0 };
    this.#stage.attempts.push(attempt);
    try {
      if (goOn && this.#client === null) throw this.#lostWith ?? new Error('the connection is gone');
      const client = await this.#connected();
      for (const step of steps) {
        if (typeof step === 'number') {
          await this.#stage.pause(step);
          continue;
        }
        const { command } = await client.query(step.sql, step.values === undefined ? undefined : [...step.values]);
        attempt.steps += 1;
        // Postgres: COMMIT of a failed transaction is no error, it answers ROLLBACK.
        if (step.sql === 'COMMIT' && command === 'ROLLBACK') attempt.outcome = 'rolled_back';
      }
      attempt.outcome ??= leave ? 'left' : 'ok';
    } catch (error) {
      if (this.#stage.isOver) return attempt;
      const cause: ServerError = this.#lostWith ?? (error as ServerError);
      attempt.outcome = cause.code ?? 'closed';
      attempt.message = cause.message;
      if (cause.detail !== undefined) attempt.detail = cause.detail;
      attempt.end = now();
      if (cause.severity === 'FATAL') this.drop();
      await this.#recover(attempt.steps > 0, retryMs);
    }
    attempt.end ??= now();
    return attempt;
  }

  /** Connects ahead of the first statement, so that a crowd does not log in while it is measured. */
  async warm(): Promise<void> {
    await this.#connected();
  }

  /** The same connection, its further attempts noted for another group. */
  as(group: string): this {
    this.#group = group;
    return this;
  }

  /** Cuts the connection; the next run() makes another. */
  drop(): void {
    const client = this.#client;
    this.#client = null;
    // pg: a connect() that is cut short by end() is never settled.
    this.#giveUp?.(new Error('Connection dropped'));
    client?.end().catch(() => {});
  }

  async #connected(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    this.#lostWith = null;
    const client = await newClient({ ...this.#stage.address, application_name: this.#application });
    this.#client = client;
    client.on('error', (error: ServerError) => {
      if (this.#client === client && this.#lostWith?.code === undefined) this.#lostWith = error;
    });
    client.on('end', () => {
      if (this.#client === client) this.#client = null;
    });
    try {
      const { promise, reject } = Promise.withResolvers<never>();
      this.#giveUp = reject;
      await Promise.race([client.connect(), promise]);
      this.#giveUp = null;
    } catch (error) {
      if (this.#client === client) this.#client = null;
      throw error;
    }
    if (this.#stage.isOver) this.drop();
    return client;
  }

  /** As an application does: rolls back, or takes a new connection; then not at once again. */
  async #recover(hasBegun: boolean, retryMs: number): Promise<void> {
    const client = this.#client;
    if (this.#lostWith !== null) this.drop();
    else if (client !== null && hasBegun) await client.query('ROLLBACK').catch(() => this.drop());
    await this.#stage.pause(retryMs);
  }
}
