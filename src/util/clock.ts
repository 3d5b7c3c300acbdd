// The clock that stamps are taken from. Tests use a manual one.

export interface Clock {
  /** Milliseconds from an arbitrary point, never going back. */
  now(): number;
}

/**
 * Monotonic time that leaves out the spells in which this process did not run. When everything stood still (a stopped
 * container, a blocked loop), all stamps are equally old afterwards, and no timeout fires for time that nobody had.
 */
export class SteadyClock implements Clock {
  #skippedMs = 0;

  now(): number {
    return performance.now() - this.#skippedMs;
  }

  /** Leaves out this many milliseconds that have just passed. */
  skip(milliseconds: number): void {
    this.#skippedMs += milliseconds;
  }
}
