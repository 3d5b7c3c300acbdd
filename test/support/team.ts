// Workers without processes: several whole poolers inside the test process, that answer each other's questions as plain JSON.
import type { QuestionName, Questions, Respondent, Team, Told } from '../../src/observe/team.ts';

export class TestTeam {
  readonly #workers = new Map<number, Respondent>();
  /** Numbers of workers that do not answer. */
  readonly silent = new Set<number>();
  /** How often each question was asked. */
  readonly asked = new Map<QuestionName, number>();

  join(worker: number, respondent: Respondent): void {
    this.#workers.set(worker, respondent);
  }

  /** What worker number so and so has of it. */
  of(worker: number): Team {
    return { worker, deaths: 0, ask: (name, argument) => this.#ask(name, argument) };
  }

  async #ask<N extends QuestionName>(
    name: N,
    argument: Questions[N]['argument'],
  ): Promise<Told<Questions[N]['answer']>[]> {
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    const told = [...this.#workers]
      .filter(([worker]) => !this.silent.has(worker))
      .map(async ([worker, respondent]) => {
        const answer = await respondent.answer(name, overTheWire(argument));
        return { worker, answer: overTheWire(answer) };
      });
    const answers = (await Promise.allSettled(told)).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
    if (answers.length === 0) throw new Error('no worker answers');
    return answers.sort((a, b) => a.worker - b.worker);
  }
}

/** Processes send each other JSON: what it can't carry must be missed here, too. */
function overTheWire<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
