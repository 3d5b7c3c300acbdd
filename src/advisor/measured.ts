// What was measured of one pool: all that the model knows. Whoever measures fills it in; nothing here looks at a clock.

import type { BucketCounts } from '../util/histogram.ts';

/** What happened in a pool within a tenth of a second or so. */
export interface Slot {
  readonly ms: number;
  /** Clients that asked for a server. */
  readonly arrivals: number;
  /** At its end: servers that clients held, those of them that were silent inside a transaction, those kept beyond one. */
  readonly held: number;
  readonly idleInTransaction: number;
  readonly pinned: number;
  readonly waiting: number;
}

/** How the pool did while so many servers were held: gathered for much longer than the window. */
export interface Level {
  readonly held: number;
  readonly seconds: number;
  readonly xacts: number;
  /** How long a transaction took on average. */
  readonly xactMs: number;
  /** How long one usually took: the median of each second, by how many transactions that had. */
  readonly medianMs: number;
}

/** More servers than this there can not be, whatever pool_size says, and who says so. */
export interface Ceiling {
  readonly servers: number;
  readonly because: string;
}

export interface Measured {
  readonly poolSize: number;
  readonly waitTargetMs: number;
  /** Oldest first. */
  readonly slots: readonly Slot[];
  /** Of the same time. */
  readonly waits: BucketCounts;
  readonly holds: BucketCounts;
  /** How long a server is held, on average. */
  readonly holdMs: number;
  readonly xacts: number;
  /** Of all those transactions, the time in which Postgres worked at statements. */
  readonly queryMs: number;
  /** Clients that were told that there would be no server for them. */
  readonly refused: number;
  /** That began, or are held now. */
  readonly leaks: number;
  readonly logins: number;
  /** Servers that were closed because of server_lifetime, and because of server_idle_timeout. */
  readonly endedByAge: number;
  readonly endedByIdleness: number;
  /** Who is silent inside transactions most; null: nobody is. */
  readonly idlest: { readonly application: string; readonly share: number } | null;
  readonly levels: readonly Level[];
  readonly ceiling: Ceiling | null;
  /** The most that was needed before, within the time that is remembered; null: nothing is known of before. */
  readonly peak: { readonly servers: number; readonly agoMs: number } | null;
}
