// Finds servers behind a network that is silently gone, in the middle of a statement: tcp_user_timeout. Keepalive says nothing
// while something that was sent waits for its acknowledgement, and by itself the kernel tries for a quarter of an hour.

import { connectionKey, readUnacknowledged } from '../net/unacknowledged.ts';
import type { Pools } from '../pool/pools.ts';
import type { Server } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import { silentServerRule } from './rules.ts';

/** The table of the kernel is long where there are many connections. */
const LOOK_EVERY_MS = 1_000;

export class SilentPeers {
  readonly #pools: Pools;
  readonly #clock: Clock;
  readonly #read: () => Promise<ReadonlySet<string>>;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #isLooking = false;

  constructor(pools: Pools, clock: Clock, read: () => Promise<ReadonlySet<string>> = readUnacknowledged) {
    this.#pools = pools;
    this.#clock = clock;
    this.#read = read;
  }

  /** From the janitor. Looks only when a statement has been without a sign of life for long enough; most of those just take long. */
  async tick(): Promise<void> {
    const now = this.#clock.now();
    if (this.#isLooking || now - this.#lookedAt < LOOK_EVERY_MS || this.#suspects(now).length === 0) return;
    this.#lookedAt = now;
    this.#isLooking = true;
    const unacknowledged = await this.#read();
    this.#isLooking = false;
    // Meanwhile one may have been answered.
    for (const server of this.#suspects(this.#clock.now())) {
      if (server.state === 'closed' || !unacknowledged.has(connectionKey(server.stream))) continue;
      server.close('tcp_user_timeout', 'nothing was acknowledged for tcp_user_timeout');
    }
  }

  #suspects(now: number): readonly Server[] {
    const found: Server[] = [];
    for (const { settings, servers } of this.#pools) {
      if (settings.tcp_user_timeout === 0) continue;
      for (const list of [servers.active, servers.being_canceled, servers.tested])
        for (const server of list) if (silentServerRule(server, now, settings)) found.push(server);
    }
    return found;
  }
}
