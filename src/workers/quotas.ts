// The limits on clients, shared by the workers: the primary lends shares of each in blocks, and asks unused ones back where none is left.

import { setImmediate as turn } from 'node:timers/promises';

/** Asks a worker to give back unused shares; how many it gave. 0 when it is gone. */
export type Recall = (worker: number, key: string, count: number) => Promise<number>;

export class Quotas {
  /** By limit, by worker. */
  readonly #lent = new Map<string, Map<number, number>>();
  readonly #recall: Recall;
  /** The last question to the others, by limit. */
  readonly #recalls = new Map<string, Promise<number>>();
  /** How often each has died: what one asked for or gave back is not its successor's, which has its number. */
  readonly #deaths = new Map<number, number>();

  constructor(recall: Recall) {
    this.#recall = recall;
  }

  lentOf(key: string): number {
    let sum = 0;
    for (const count of this.#lent.get(key)?.values() ?? []) sum += count;
    return sum;
  }

  /**
   * How many of count the worker gets, at once or when the others have answered; 0: there is none. needed: those without which a
   * client is refused. The others are asked for these only, one question about a limit after the other: what they give back must
   * not go to a worker that only wants some ahead.
   */
  async ask(worker: number, key: string, count: number, needed: number, limit: number): Promise<number> {
    const before = this.#recalls.get(key);
    if (before === undefined) {
      const now = this.lend(worker, key, count, limit);
      if (now > 0) return now;
    }
    if (needed === 0) return 0;
    const isAlive = this.#lifeOf(worker);
    const recall = (before ?? Promise.resolve()).then(() => this.#recallFor(worker, isAlive, key, needed, limit));
    this.#recalls.set(key, recall);
    const granted = await recall;
    if (this.#recalls.get(key) === recall) this.#recalls.delete(key);
    return granted;
  }

  async #recallFor(worker: number, isAlive: () => boolean, key: string, needed: number, limit: number) {
    const now = isAlive() ? this.lend(worker, key, needed, limit) : 0;
    if (now > 0 || !isAlive()) return now;
    await turn(); // what was lent before this has been told by then
    const others = [...(this.#lent.get(key) ?? [])].filter(([other, lent]) => other !== worker && lent > 0);
    await Promise.all(
      others.map(async ([other]) => {
        const isStillThere = this.#lifeOf(other);
        const given = await this.#recall(other, key, needed);
        if (isStillThere()) this.giveBack(other, key, given);
      }),
    );
    return isAlive() ? this.lend(worker, key, needed, limit) : 0;
  }

  #lifeOf(worker: number): () => boolean {
    const deaths = this.#deaths.get(worker);
    return () => this.#deaths.get(worker) === deaths;
  }

  lend(worker: number, key: string, count: number, limit: number): number {
    const granted = Math.max(Math.min(count, limit - this.lentOf(key)), 0);
    if (granted > 0) this.#add(worker, key, granted);
    return granted;
  }

  giveBack(worker: number, key: string, count: number): void {
    const lent = this.#lent.get(key)?.get(worker) ?? 0;
    this.#add(worker, key, -Math.min(count, lent));
  }

  died(worker: number): void {
    this.#deaths.set(worker, (this.#deaths.get(worker) ?? 0) + 1);
    for (const [key, lent] of [...this.#lent]) this.#add(worker, key, -(lent.get(worker) ?? 0));
  }

  #add(worker: number, key: string, change: number): void {
    const lent = this.#lent.get(key) ?? new Map<number, number>();
    const count = (lent.get(worker) ?? 0) + change;
    if (count > 0) lent.set(worker, count);
    else lent.delete(worker);
    if (lent.size > 0) this.#lent.set(key, lent);
    else this.#lent.delete(key);
  }
}
