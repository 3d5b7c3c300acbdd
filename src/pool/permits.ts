// What a pool asks where several workers share its limits: a server is opened with a permit, and permits are given elsewhere.

import type { Dial } from '../net/dial.ts';
import type { LimitVerdict } from './limits.ts';
import type { Pool } from './pool.ts';

export interface Permits {
  /** A permit lies ready for this pool. If not, it is asked for, and the pool's grow() follows when it comes. */
  mayOpen(pool: Pool): boolean;
  /** The same for its connection that listens. */
  mayListen(pool: Pool): LimitVerdict;
  /** A connection is opened with the permit: the way that it is dialed on, so that the permit goes back when its socket is closed. */
  use(pool: Pool, isListener: boolean, dial: Dial): Dial;
  /** A server of the pool has logged in, or is gone. */
  onCapacity(pool: Pool): void;
  /** Clients of other workers that wait for what a server of this pool would make room for. */
  waitingElsewhere(pool: Pool): number;
}
