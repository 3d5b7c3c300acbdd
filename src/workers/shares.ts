// A worker's shares of the limits on clients: a block ahead of those that are in use, so that a login seldom waits for more.

import type { ClientShares } from '../client/gatekeeper.ts';

export interface SharesHost {
  /** Clients of this worker that count against the limit, those that may soon do so included. */
  used(key: string): number;
  /** Clients of this worker without those who wait outside for a share. */
  present(): number;
  /** max_client_conn. */
  maxClients(): number;
  /** How many of count the primary lends; needed: so many of them clients wait for, the others are ahead of need. */
  ask(key: string, count: number, needed: number, limit: number): Promise<number>;
}

/** max_client_conn. */
export const ALL = 'all';
/** Shares that are asked for at a time. */
const MOST_AT_A_TIME = 64;

/** A limit is shared in so many blocks at least, so that no worker sits on a great part of it. */
export function blockOf(limit: number, workers: number): number {
  return Math.max(Math.min(Math.floor(limit / (workers * 8)), MOST_AT_A_TIME), 1);
}

export class WorkerShares implements ClientShares {
  readonly #host: SharesHost;
  readonly #workers: number;
  readonly #lent = new Map<string, number>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(host: SharesHost, workers: number) {
    this.#host = host;
    this.#workers = workers;
  }

  get isFull(): boolean {
    return this.#host.present() > this.#of(ALL);
  }

  lent(of: 'database' | 'user', name: string): number {
    return this.#of(keyOf(of, name));
  }

  reserve(of: 'database' | 'user', name: string, limit: number): Promise<void> | null {
    if (limit === 0) return null;
    const key = keyOf(of, name);
    return this.#host.used(key) > this.#of(key) ? this.#ask(key, limit) : null;
  }

  /** One more client has come, and is counted as used. null: there is room; else resolves when there is an answer, whatever it is. */
  makeRoom(): Promise<void> | null {
    const used = this.#host.used(ALL);
    const lent = this.#of(ALL);
    const limit = this.#host.maxClients();
    if (used <= lent) {
      // Ahead of need.
      if (used + blockOf(limit, this.#workers) > lent) void this.#ask(ALL, limit);
      return null;
    }
    return this.#ask(ALL, limit);
  }

  /** What it begins with. */
  begin(clients: number): void {
    this.#lent.set(ALL, clients);
  }

  /** How many of so many it gives back. */
  giveBack(key: string, count: number): number {
    const spare = Math.max(Math.min(count, this.#of(key) - this.#host.used(key)), 0);
    this.#lent.set(key, this.#of(key) - spare);
    return spare;
  }

  /** One question at a time: whoever wants more meanwhile waits for the same answer. */
  #ask(key: string, limit: number): Promise<void> {
    const known = this.#asking.get(key);
    if (known !== undefined) return known;
    const asking = this.#askUntilEnough(key, limit).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  /** Others may have come while it was asked: until all of them have room, or there is none. Never rejects. */
  async #askUntilEnough(key: string, limit: number): Promise<void> {
    for (;;) {
      const needed = Math.max(this.#host.used(key) - this.#of(key), 0);
      const count = needed + blockOf(limit, this.#workers);
      // Where the primary is gone, this process goes, too.
      const granted = await this.#host.ask(key, count, needed, limit).catch(() => 0);
      this.#lent.set(key, this.#of(key) + granted);
      const isRefused = granted === 0 && needed > 0;
      if (isRefused || this.#host.used(key) <= this.#of(key)) return;
    }
  }

  #of(key: string): number {
    return this.#lent.get(key) ?? 0;
  }
}

export function keyOf(of: 'database' | 'user', name: string): string {
  return `${of}\0${name}`;
}
