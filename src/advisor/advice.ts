// What the advisor says of one pool.

/** What stands out, in the order in which it is looked for. */
export const CAUSES = [
  'too_little_seen',
  'leak',
  'postgres_saturated',
  'idle_in_transaction',
  'pinned',
  'limited',
  'slow_statements',
  'too_small',
  'too_large',
  'lifetime_too_short',
  'login_churn',
  'fits',
] as const;
export type Cause = (typeof CAUSES)[number];

export const CONFIDENCES = ['none', 'low', 'medium', 'high'] as const;
export type Confidence = (typeof CONFIDENCES)[number];

export interface Advice {
  readonly cause: Cause;
  readonly poolSize: number;
  /** What pool_size should be; null: nothing is guessed. */
  readonly size: number | null;
  /** What the last minute alone asks for: size is larger where more was needed not long ago. */
  readonly sizeNow: number | null;
  /** What it could be if clients were not silent inside transactions, or did not keep servers beyond them; null: no different. */
  readonly sizeWithout: number | null;
  readonly confidence: Confidence;
  /** One sentence. */
  readonly title: string;
  /** How the size was found, in words and numbers. */
  readonly arithmetic: string;
  /** What to do. */
  readonly advice: string;
  /** The line of the configuration; null: none is to be changed. */
  readonly change: string | null;
}
