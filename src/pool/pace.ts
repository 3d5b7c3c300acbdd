// How fast the waiting clients of one application get servers while its queue stands, and what that means for one more. Pure.
//
// CoDel (RFC 8289): a queue that drains now and then is doing its work. One stands when nobody was served sooner than a
// target for a whole interval; only then is anything measured, and anybody refused.

/** RFC 8289: the interval is to be longer than the bursts that a queue is there for. */
const SHORTEST_INTERVAL_MS = 1_000;

/**
 * Whoever may wait for so long is refused on the evidence of half of that: a disk that stalls for three seconds is no reason to
 * refuse clients that have ten. It delays nothing: the queue has to grow as long as that before anybody is too late.
 */
export function intervalMs(limitMs: number): number {
  return Math.max(SHORTEST_INTERVAL_MS, limitMs / 2);
}

/** Who arrives is promised a server only within this part of the limit: the rate of the past is an estimate of what comes. */
const PROMISED = 0.8;
/** Who waits is told that it is hopeless only when it is by more than the same error. */
const SURE = 1 / PROMISED;

export class Pace {
  /** Since when everybody has waited for longer than the target; -1: somebody has not. */
  #since = -1;
  /** How many got a server since then. */
  #served = 0;

  /** A client got a server after so long. What is older than two intervals counts for less and less. */
  served(waitedMs: number, targetMs: number, now: number, interval: number): void {
    if (waitedMs <= targetMs) {
      this.#since = -1;
      return;
    }
    if (this.#since < 0) {
      this.#since = now;
      this.#served = 0;
      return;
    }
    this.#served += 1;
    const elapsedMs = now - this.#since;
    if (elapsedMs < 2 * interval) return;
    this.#served /= 2;
    this.#since = now - elapsedMs / 2;
  }

  /** The queue was empty, or what was measured holds no more. */
  reset(): void {
    this.#since = -1;
  }

  /** Everybody has waited for longer than the target of late. */
  get isMeasured(): boolean {
    return this.#since >= 0;
  }

  /** Clients served per ms; 0 while the queue does not stand, or nobody knows. */
  rate(now: number, interval: number): number {
    const elapsedMs = now - this.#since;
    return this.#since < 0 || elapsedMs < interval ? 0 : this.#served / elapsedMs;
  }
}

/** When a client with so many before it gets its server, in ms from now. */
export function predictedWaitMs(ahead: number, rate: number): number {
  return rate > 0 ? (ahead + 1) / rate : 0;
}

/** Must a client that has just come be refused? */
export function isTooLate(ahead: number, rate: number, limitMs: number): boolean {
  return predictedWaitMs(ahead, rate) > limitMs * PROMISED;
}

/** Does a client wait in vain? leftMs: until its wait is too long. */
export function isHopeless(ahead: number, rate: number, leftMs: number): boolean {
  return predictedWaitMs(ahead, rate) > Math.max(leftMs, 0) * SURE;
}
