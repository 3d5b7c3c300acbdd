// Something that is not well: what a verdict is made of, and the words that its parts share.

import { printable } from '../guard/exhaustion.ts';
import { formatDuration } from '../util/duration.ts';
import type { DatabaseStates } from './databases.ts';
import type { EventRing } from './event-ring.ts';
import type { History } from './history.ts';
import type { Sources } from './snapshot.ts';

export type Severity = 'critical' | 'warning' | 'notice';

/** Something that is not well. */
export interface Finding {
  readonly severity: Severity;
  readonly code:
    | 'bug'
    | 'closing'
    | 'leak'
    | 'login_failing'
    | 'loop_late'
    | 'paused'
    | 'pinned'
    | 'postgres_away'
    | 'refusals'
    | 'saturated'
    | 'stall';
  readonly title: string;
  /** The numbers. */
  readonly detail: string;
  /** What to do. */
  readonly advice: string;
  readonly database?: string;
  readonly user?: string;
  readonly applicationName?: string;
  readonly route?: string;
  readonly statement?: string;
  /** Servers that the application holds and does not use. */
  readonly held?: number;
  /** Within the last minute. */
  readonly leaks?: number;
  readonly reclaimed?: number;
}

export interface VerdictParts {
  readonly sources: Sources;
  readonly history: History;
  readonly events: EventRing;
  readonly states: DatabaseStates;
  /** As control says it. */
  readonly state: string;
}

export const MINUTE_MS = 60_000;
/** A leak that is over is told for so long, and a bug. */
export const REMEMBERED_MS = 15 * MINUTE_MS;

type Names = { readonly database: string; readonly user: string };
export const of = (pool: Names) => ({ database: pool.database, user: pool.user });
export const nameOfPool = (pool: Names) => `${printable(pool.database)}/${printable(pool.user)}`;
export const some = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
export const took = (ms: number) => formatDuration(ms < 1_000 ? Math.round(ms) : Math.round(ms / 100) * 100);

export function printableText(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').slice(0, 300);
}
