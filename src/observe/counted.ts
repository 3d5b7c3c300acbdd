// What workers have counted, for longer than they live. A sum that falls because one is missing would be a new beginning to whoever reads it: Prometheus then
// counts all that the others have counted once more. Whoever carries the answers of all of them keeps this.

import type { Told } from './team.ts';

export interface CountedRules<Answer> {
  /** What outlives a worker of these answers, one at least, as one. */
  lasting(answers: readonly Answer[]): Answer;
  /** What a worker that lives on has lost since; null: nothing. */
  lost?(before: Answer, after: Answer): Answer | null;
}

export class Counted<Answer> {
  readonly #rules: CountedRules<Answer>;
  readonly #last = new Map<number, { readonly asked: number; readonly answer: Answer }>();
  /** By worker: the newest question when one of that number died. */
  readonly #deaths = new Map<number, number>();
  #gone: Answer | null = null;
  #asked = 0;

  constructor(rules: CountedRules<Answer>) {
    this.#rules = rules;
  }

  /** The number of a question, to be said with its answers: they may come in another order than the questions. */
  ask(): number {
    this.#asked += 1;
    return this.#asked;
  }

  /** The answers to one question, and behind them the counters of those who did not answer and of those who are gone, as they were told last. */
  complete(asked: number, told: readonly Told<Answer>[]): Told<Answer>[] {
    const missing = new Map(this.#last);
    const answers = told
      // Who has died since is counted among the dead.
      .filter(({ worker }) => asked > (this.#deaths.get(worker) ?? 0))
      .map(({ worker, answer }) => {
        missing.delete(worker);
        return { worker, answer: this.#newest(worker, asked, answer) };
      });
    return [
      ...answers,
      ...[...missing].map(([worker, { answer }]) => ({ worker, answer: this.#rules.lasting([answer]) })),
      ...(this.#gone === null ? [] : [{ worker: 0, answer: this.#gone }]),
    ];
  }

  #newest(worker: number, asked: number, answer: Answer): Answer {
    const before = this.#last.get(worker);
    if (before !== undefined && before.asked > asked) return before.answer;
    const lost = before === undefined ? null : (this.#rules.lost?.(before.answer, answer) ?? null);
    if (lost !== null) this.#keep(lost);
    this.#last.set(worker, { asked, answer });
    return answer;
  }

  /** Its counters stay as far as anybody has been told of them. */
  died(worker: number): void {
    const last = this.#last.get(worker);
    if (last !== undefined) this.#keep(last.answer);
    this.#last.delete(worker);
    this.#deaths.set(worker, this.#asked);
  }

  #keep(answer: Answer): void {
    this.#gone = this.#rules.lasting(this.#gone === null ? [answer] : [this.#gone, answer]);
  }
}
