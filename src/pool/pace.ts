// How fast the waiting clients of one application get servers while its queue stands, and what that means for one more. Pure.
//
// CoDel (RFC 8289): a queue that drains now and then is doing its work. One stands when nobody was served sooner than a
// target for a whole interval; only then is anything measured, and anybody refused.

/** RFC 8289: the interval is to be longer than the bursts that a queue is there for. */
const INTERVAL_MS = 1_000;
/** What is older counts for less and less: the rate is that of the last 2 to 4 seconds. */
const WINDOW_MS = 4_000;

/** Who arrives is promised a server only within this part of the limit: the rate of the past is an estimate of what comes. */
const PROMISED = 0.8;
/** Who waits is told that it is hopeless only when it is by more than the same error. */
const SURE = 1 / PROMISED;

export class Pace {
  /** Since when everybody has waited for longer than the target; -1: somebody has not. */
  #since = -1;
  /** How many got a server since then. */
  #served = 0;

  /** A client got a server after so long. */
  served(waitedMs: number, targetMs: number, now: number): void {
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
    if (elapsedMs < WINDOW_MS) return;
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
  rate(now: number): number {
    const elapsedMs = now - this.#since;
    return this.#since < 0 || elapsedMs < INTERVAL_MS ? 0 : this.#served / elapsedMs;
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
