// What workers have counted, for longer than they live. A sum that falls because one is missing would be a new beginning to whoever reads it: Prometheus then counts
// all that the others have counted once more. Whoever carries the answers of all of them keeps this.

import type { Told } from './team.ts';

export class Counted<Answer> {
  readonly #lasting: (answers: readonly Answer[]) => Answer;
  readonly #last = new Map<number, Answer>();
  #gone: Answer | null = null;

  /** lasting: what outlives a worker of these answers, one at least, as one. */
  constructor(lasting: (answers: readonly Answer[]) => Answer) {
    this.#lasting = lasting;
  }

  /** The answers to one question, and behind them the counters of those who did not answer and of those who are gone, as they were told last. */
  complete(told: readonly Told<Answer>[]): Told<Answer>[] {
    const missing = new Map(this.#last);
    for (const { worker, answer } of told) {
      this.#last.set(worker, answer);
      missing.delete(worker);
    }
    return [
      ...told,
      ...[...missing].map(([worker, answer]) => ({ worker, answer: this.#lasting([answer]) })),
      ...(this.#gone === null ? [] : [{ worker: 0, answer: this.#gone }]),
    ];
  }

  /** Its counters stay as far as anybody has been told of them. */
  died(worker: number): void {
    const last = this.#last.get(worker);
    if (last === undefined) return;
    this.#last.delete(worker);
    this.#gone = this.#lasting(this.#gone === null ? [last] : [this.#gone, last]);
  }
}
