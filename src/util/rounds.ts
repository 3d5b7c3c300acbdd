// Looks at all of many a part at a time, so that no tick of the timer takes long because there are many.

/** So few are no work: they are looked at each time. */
const FEW = 250;

export class Rounds<T> {
  readonly #parts: number;
  /** Those of this round, and how far it has come. */
  #all: readonly T[] = [];
  #next = 0;

  /** parts: after so many calls of next() each has had its turn. */
  constructor(parts: number) {
    this.#parts = parts;
  }

  /** The next part. Some of these may have gone since the round began, and who came since then has to wait for the next one. */
  next(all: Iterable<T>): readonly T[] {
    if (this.#next >= this.#all.length) {
      this.#all = [...all];
      this.#next = 0;
    }
    const from = this.#next;
    this.#next += Math.max(Math.ceil(this.#all.length / this.#parts), FEW);
    const part = this.#all.slice(from, this.#next);
    // Those that are gone should not be kept for a round.
    if (this.#next >= this.#all.length) this.#all = [];
    return part;
  }
}
