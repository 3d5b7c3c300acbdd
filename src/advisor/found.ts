// What the model has come to, before it is put into words.

import type { Cause, Confidence } from './advice.ts';
import type { Knee } from './knee.ts';
import type { Measured } from './measured.ts';

/** Less than this is no sample. */
export const LEAST_MS = 5_000;
export const LEAST_HOLDS = 50;

/** What the numbers come to. */
export interface Sums {
  readonly seconds: number;
  readonly arrivals: number;
  /** Transactions that have ended. */
  readonly holds: number;
  readonly rate: number;
  readonly holdMs: number;
  /** Servers that are held on average if nobody has to wait. */
  readonly offered: number;
  readonly held: number;
  /** Of the time that servers are held: silent inside a transaction, kept beyond one. */
  readonly idleShare: number;
  readonly pinnedShare: number;
  readonly waiting: number;
  /** Nobody knows how many more would come if there were servers. */
  readonly isFull: boolean;
  readonly waitP99Ms: number;
  readonly statementMs: number;
}

/** What was found. */
export interface Found {
  readonly measured: Measured;
  readonly sums: Sums;
  readonly cause: Cause;
  /** What the wait asks for, before anything bounds it. */
  readonly needed: number;
  readonly sizeNow: number;
  readonly size: number;
  readonly sizeWithout: number | null;
  readonly knee: Knee | null;
  /** More is needed than can be told from here. */
  readonly isCapped: boolean;
  /** And more than was looked for. */
  readonly isBeyond: boolean;
  readonly confidence: Confidence;
}
