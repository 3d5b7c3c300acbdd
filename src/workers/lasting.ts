// Answers that have counters: those of a worker that is gone, or is late with its answer, stay in them.

import type { Row } from '../admin/merge.ts';
import { SHOWS } from '../admin/show.ts';
import { countersOf, lostCounters } from '../observe/aggregate.ts';
import { Counted } from '../observe/counted.ts';
import type { MetricTold, QuestionName, Questions, Told } from '../observe/team.ts';

type Answers = readonly Told<Questions[QuestionName]['answer']>[];

function lostOf(before: readonly MetricTold[], after: readonly MetricTold[]): readonly MetricTold[] | null {
  const lost = lostCounters(before, after);
  return lost.length === 0 ? null : lost;
}

export class Lasting {
  readonly #metrics = new Counted<readonly MetricTold[]>({ lasting: countersOf, lost: lostOf });
  readonly #shows = new Map<string, Counted<readonly Row[]>>();

  /** Before the workers are asked: what is to be done with their answers. */
  ask(name: QuestionName, argument: Questions[QuestionName]['argument']): (told: Answers) => Answers {
    const counted = this.#countedOf(name, argument) as Counted<Answers[number]['answer']> | null;
    if (counted === null) return (told) => told;
    const asked = counted.ask();
    return (told) => counted.complete(asked, told);
  }

  died(worker: number): void {
    this.#metrics.died(worker);
    for (const counted of this.#shows.values()) counted.died(worker);
  }

  /** null: nothing of it lasts. */
  #countedOf(name: QuestionName, argument: Questions[QuestionName]['argument']) {
    if (name === 'metrics') return this.#metrics;
    return name === 'show' ? this.#countedShow((argument as Questions['show']['argument']).name) : null;
  }

  #countedShow(name: string): Counted<readonly Row[]> | null {
    const known = this.#shows.get(name);
    if (known !== undefined) return known;
    const show = SHOWS.get(name);
    const { lasting } = show ?? {};
    if (show === undefined || lasting === undefined) return null;
    // Texts count as numbers when they are merged again.
    const counted = new Counted<readonly Row[]>({
      lasting: (all) =>
        show.merged(
          all.map((rows) => ({ worker: 0, answer: rows.map(lasting) })),
          null,
        ),
    });
    this.#shows.set(name, counted);
    return counted;
  }
}
