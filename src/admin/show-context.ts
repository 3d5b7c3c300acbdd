// What a SHOW may look at.

import type { Control } from '../control.ts';
import type { EventRing } from '../observe/event-ring.ts';
import type { Sources } from '../observe/snapshot.ts';

export interface ShowContext {
  readonly control: Control;
  readonly version: string;
  readonly events: EventRing;
  /** How many rows are wanted; null: all of them. */
  readonly limit: number | null;
  readonly snapshot: Sources;
}
