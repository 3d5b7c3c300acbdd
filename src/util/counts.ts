// Counts by name, with a bound on the names: what comes from outside must not make them grow for ever.

const OTHER = 'other';

export class Counts implements Iterable<readonly [string, number]> {
  readonly #byName = new Map<string, number>();
  readonly #maxNames: number;

  /** Names beyond maxNames are counted as "other". */
  constructor(maxNames = 100) {
    this.#maxNames = maxNames;
  }

  [Symbol.iterator](): Iterator<readonly [string, number]> {
    return this.#byName.entries();
  }

  of(name: string): number {
    return this.#byName.get(name) ?? 0;
  }

  add(name: string, by = 1): void {
    const known = this.#byName.has(name) || this.#byName.size < this.#maxNames ? name : OTHER;
    this.#byName.set(known, this.of(known) + by);
  }
}
