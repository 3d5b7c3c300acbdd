// What a SHOW may look at.

import type { Control } from '../control.ts';
import type { Sources } from '../observe/snapshot.ts';

export interface ShowContext {
  readonly control: Control;
  readonly version: string;
  readonly snapshot: Sources;
}
