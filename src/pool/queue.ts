// The clients of a pool that wait: one list in order of arrival, which is their state, and the queues of their applications,
// which say who is next. Whoever leaves the list leaves its application's queue with it.

import { List } from '../util/list.ts';
import type { PoolClient } from './pool-client.ts';
import { type Share, Shares } from './shares.ts';

export class Queue extends List<PoolClient> {
  readonly shares = new Shares<PoolClient>();

  /** Somebody waits whom any server can serve: those that wait for one of their own stand in no share. */
  get hasNext(): boolean {
    return this.shares.waiting.head !== null;
  }

  override append(client: PoolClient): void {
    super.append(client);
    if (client.dedicated === null) this.shares.enter(client.ticket);
  }

  override prepend(_client: PoolClient): void {
    throw new Error('queue: nobody overtakes');
  }

  override remove(client: PoolClient): void {
    super.remove(client);
    if (client.ticket.list !== null) this.shares.leave(client.ticket);
  }

  /** Among the shares that wait, the one with most clients for its weight. */
  longestShare(): Share<PoolClient> | null {
    let longest: Share<PoolClient> | null = null;
    for (const share of this.shares.waiting) {
      if (longest === null || share.waiting.length * longest.weight > longest.waiting.length * share.weight)
        longest = share;
    }
    return longest;
  }
}
