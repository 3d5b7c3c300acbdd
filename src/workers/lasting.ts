// Answers that have counters: those of a worker that is gone, or is late with its answer, stay in them.

import type { Row } from '../admin/merge.ts';
import { SHOWS } from '../admin/show.ts';
import { countersOf } from '../observe/aggregate.ts';
import { Counted } from '../observe/counted.ts';
import type { MetricTold, QuestionName, Questions, Told } from '../observe/team.ts';

type Answers = readonly Told<Questions[QuestionName]['answer']>[];

export class Lasting {
  readonly #metrics = new Counted<readonly MetricTold[]>(countersOf);
  readonly #shows = new Map<string, Counted<readonly Row[]>>();

  complete(name: QuestionName, argument: Questions[QuestionName]['argument'], told: Answers): Answers {
    if (name === 'metrics') return this.#metrics.complete(told as readonly Told<readonly MetricTold[]>[]);
    if (name !== 'show') return told;
    const { name: what } = argument as Questions['show']['argument'];
    return this.#countedOf(what)?.complete(told as readonly Told<readonly Row[]>[]) ?? told;
  }

  died(worker: number): void {
    this.#metrics.died(worker);
    for (const counted of this.#shows.values()) counted.died(worker);
  }

  /** null: nothing of it lasts. */
  #countedOf(name: string): Counted<readonly Row[]> | null {
    const known = this.#shows.get(name);
    if (known !== undefined) return known;
    const show = SHOWS.get(name);
    const { lasting } = show ?? {};
    if (show === undefined || lasting === undefined) return null;
    // Texts count as numbers when they are merged again.
    const counted = new Counted<readonly Row[]>((all) =>
      show.merged(
        all.map((rows) => ({ worker: 0, answer: rows.map(lasting) })),
        null,
      ),
    );
    this.#shows.set(name, counted);
    return counted;
  }
}
