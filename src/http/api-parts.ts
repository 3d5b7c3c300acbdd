// What the API is made from: app.ts plugs it together.

import type { Control } from '../control.ts';
import type { EventRing } from '../observe/event-ring.ts';
import type { History } from '../observe/history.ts';
import type { Logger } from '../observe/log.ts';
import type { Observer } from '../observe/observer.ts';
import type { Sources } from '../observe/snapshot.ts';
import type { Team } from '../observe/team.ts';
import type { Verbs } from '../orders.ts';

export interface ApiParts {
  readonly control: Control;
  readonly verbs: Verbs;
  readonly events: EventRing;
  readonly history: History;
  readonly log: Logger;
  readonly observer: Observer;
  readonly version: string;
  /** null: the pooler is this process alone. */
  readonly team: Team | null;
  uptimeMs(): number;
  snapshot(): Sources;
}
