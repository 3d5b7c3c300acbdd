// When a worker that died is replaced: at once, and later and later where it dies again and again.

/** Whoever has lived for so long has started well. */
const STEADY_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;

export class Rebirth {
  deaths = 0;
  /** By worker: how often in a row it died young. */
  readonly #failures = new Map<number, number>();

  /** How long to wait, in ms. */
  died(livedMs: number, worker: number): number {
    this.deaths += 1;
    const failures = livedMs >= STEADY_MS ? 0 : (this.#failures.get(worker) ?? 0) + 1;
    this.#failures.set(worker, failures);
    return failures === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (failures - 1), LONGEST_DELAY_MS);
  }
}
