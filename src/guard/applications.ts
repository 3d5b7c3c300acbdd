// Who has held how much: seconds of servers by application and route, sampled by the janitor, so that it costs no statement anything.

import type { Pool } from '../pool/pool.ts';
import { TxStatus } from '../protocol/message-types.ts';
import { holderState, isUnused } from './gaps.ts';
import { clientOf, type HolderRecord } from './holders.ts';
import { statementTags } from './tags.ts';

/** Names come from strangers: beyond so many pairs of application and route, the rest is one. */
const MAX_ROWS = 200;
const OTHER = 'other';
/** A stall counts for no more than this. */
const MAX_SAMPLE_MS = 1_000;

export interface ApplicationRow {
  readonly application: string;
  readonly route: string;
  /** Milliseconds of servers that it held, and of those in which it was silent inside a transaction. */
  heldMs: number;
  idleMs: number;
  /** Milliseconds that others waited while it held servers and was silent, shared out among all who did. */
  waitsCausedMs: number;
  leaks: number;
  reclaimed: number;
}

/** What counts of a leak. */
interface LeakTold {
  readonly life: string;
  readonly isEarly: boolean;
  readonly holder: HolderRecord;
}

export class Applications implements Iterable<ApplicationRow> {
  readonly #rows = new Map<string, ApplicationRow>();
  /** The last two times that pools were sampled, which they are all at a time. */
  #before = Number.NaN;
  #now = Number.NaN;

  [Symbol.iterator](): Iterator<ApplicationRow> {
    return this.#rows.values();
  }

  /** What has happened in a pool since the last sample, as far as one look tells. */
  sample(pool: Pool, now: number): void {
    if (now !== this.#now) {
      this.#before = this.#now;
      this.#now = now;
    }
    const sinceMs = Math.min(now - this.#before, MAX_SAMPLE_MS);
    if (!(sinceMs > 0) || !pool.settings.guard || pool.servers.active.length === 0) return;
    const unused: ApplicationRow[] = [];
    for (const server of pool.servers.active) {
      const client = clientOf(server);
      if (client === null) continue;
      const row = this.#row(client.applicationName, statementTags(server.hold.last.read().bytes).route ?? '');
      row.heldMs += sinceMs;
      const isOpen = server.txStatus !== TxStatus.Idle || server.replies.isBatchOpen;
      if (!isOpen || !isUnused(holderState(server, client))) continue;
      row.idleMs += sinceMs;
      unused.push(row);
    }
    const { length: waiting } = pool.clients.waiting;
    for (const row of unused) row.waitsCausedMs += (waiting * sinceMs) / unused.length;
  }

  /** One was found, or has ended. */
  leak({ life, holder, isEarly }: LeakTold): void {
    const row = this.#row(holder.applicationName, holder.tags.route ?? '');
    if (life === 'leaked' || (life === 'reclaimed' && isEarly)) row.leaks += 1;
    if (life === 'reclaimed') row.reclaimed += 1;
  }

  #row(application: string, route: string): ApplicationRow {
    const key = `${application}\0${route}`;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    if (this.#rows.size >= MAX_ROWS && application !== OTHER) return this.#row(OTHER, '');
    const row = { application, route, heldMs: 0, idleMs: 0, waitsCausedMs: 0, leaks: 0, reclaimed: 0 };
    this.#rows.set(key, row);
    return row;
  }
}
