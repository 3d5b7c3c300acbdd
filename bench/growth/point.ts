// What is measured at each point of a line.

/** Clients that ask, beside the idle ones. */
export const BUSY = 32;

/** What somebody asks for that looks at everything. */
export interface Look {
  /** Until its answer was there, as who asked saw it. */
  readonly ms: number;
  /** Of the event loop's thread. */
  readonly cpuMs: number;
  /** The longest that everybody else waited for it meanwhile. */
  readonly blockMs: number;
  readonly bytes: number;
}

export interface Point {
  /** Beside the busy ones. */
  readonly idleClients: number;
  readonly pools: number;
  /** Transactions a second of the busy clients, and what the event loop's thread used for each, in microseconds. */
  readonly rate: number;
  readonly cpuUs: number;
  /** Event-loop delay while they were busy. */
  readonly delayP99Ms: number;
  /** Processor time of the janitor's ticks: of the usual one, of those that have more to do, and of the longest, behind which the collector may be. */
  readonly tickMs: number;
  readonly tickP95Ms: number;
  readonly longestTickMs: number;
  readonly scrape: Look;
  readonly showPools: Look;
  readonly showClients: Look;
  /** Bytes of the whole process. */
  readonly memory: number;
}

export interface Length {
  /** Of the time in which clients are busy, and of the time in which nothing happens. */
  readonly busySeconds: number;
  readonly quietSeconds: number;
  readonly looks: number;
}
