// What undoes that a server is held by its client: the smallest statement for each set of pins. Pure.

import { Suspect } from '../session/suspect.ts';

/** What undoes a pin, and nothing else. */
const RESETS: readonly (readonly [pin: number, sql: string])[] = [
  [Suspect.Temp, 'DISCARD TEMP'],
  [Suspect.AdvisoryLock, 'SELECT pg_catalog.pg_advisory_unlock_all()'],
  [Suspect.HoldCursor, 'CLOSE ALL'],
  [Suspect.Listen, 'UNLISTEN *'],
  [Suspect.Sequence, 'DISCARD SEQUENCES'],
];
const SMALL_RESETS = RESETS.reduce((mask, [pin]) => mask | pin, 0);
/** A loaded library, the seed of random(). */
const NOT_UNDOABLE = Suspect.Load | Suspect.Seed;

/** A server_reset_query without it leaves what was set: the next client's session is made from there. */
const RESETS_ALL = /\b(discard|reset)\s+all\b/i;

/** No statement undoes all of these. */
export function isForGood(pins: number): boolean {
  return (pins & NOT_UNDOABLE) !== 0;
}

/** The smallest that undoes these, or null. */
export function resetOf(pins: number): string | null {
  if (isForGood(pins)) return null;
  if ((pins & ~SMALL_RESETS) !== 0) return 'DISCARD ALL';
  return RESETS.filter(([pin]) => (pins & pin) !== 0)
    .map(([, sql]) => sql)
    .join(';');
}

/** The statement leaves nothing of a session, parameters included. */
export function resetsAll(sql: string): boolean {
  return RESETS_ALL.test(sql);
}
