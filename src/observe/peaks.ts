// The most of something within the last day, ten minutes by ten minutes.

const SLOT_MS = 600_000;
const SLOTS = 144;
/** What is younger than the window in which it was measured is no memory yet. */
const YOUNG_MS = 60_000;

interface Peak {
  readonly servers: number;
  readonly at: number;
}

export class Peaks {
  /** One for each ten minutes, oldest first. */
  readonly #peaks: Peak[] = [];
  /** Those that are too young. */
  readonly #young: Peak[] = [];

  add(servers: number, now: number): void {
    this.#young.push({ servers, at: now });
    this.#settle(now);
  }

  /** null: nothing is old enough. The latest of those that are equal. */
  most(now: number): { readonly servers: number; readonly agoMs: number } | null {
    this.#settle(now);
    let most: Peak | null = null;
    for (const peak of this.#peaks)
      if (now - peak.at < SLOTS * SLOT_MS && peak.servers >= (most?.servers ?? 0)) most = peak;
    return most === null ? null : { servers: most.servers, agoMs: now - most.at };
  }

  #settle(now: number): void {
    while (this.#young.length > 0 && now - this.#young[0]!.at >= YOUNG_MS) {
      const peak = this.#young.shift()!;
      const last = this.#peaks.at(-1);
      if (last === undefined || Math.floor(last.at / SLOT_MS) !== Math.floor(peak.at / SLOT_MS)) this.#peaks.push(peak);
      else if (peak.servers >= last.servers) this.#peaks[this.#peaks.length - 1] = peak;
    }
    while (this.#peaks.length > SLOTS) this.#peaks.shift();
  }
}
