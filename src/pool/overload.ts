// Who is not let into the queue, or told to leave it: when it is full, and when a client would wait in vain.

import type { EffectiveSettings } from '../config/effective.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import type { Clock } from '../util/clock.ts';
import { formatDuration } from '../util/duration.ts';
import { intervalMs, isHopeless, isTooLate, predictedWaitMs } from './pace.ts';
import type { PoolClient } from './pool-client.ts';
import type { Queue } from './queue.ts';
import type { Share } from './shares.ts';
import type { PoolState } from './states.ts';
import type { PoolStats } from './stats.ts';

/** What is looked at of a pool. */
export interface LoadedPool {
  readonly queue: Queue;
  readonly servers: { readonly login: { readonly length: number }; readonly active: { readonly length: number } };
  readonly serverCount: number;
  readonly settings: EffectiveSettings;
  readonly state: PoolState;
  readonly stats: PoolStats;
}

/** How the pool stands, for who is refused. */
export interface Explanation {
  readonly detail: string;
  readonly hint: string;
}

export class Overload {
  readonly #pool: LoadedPool;
  readonly #explain: () => Explanation;

  constructor(pool: LoadedPool, explain: () => Explanation) {
    this.#pool = pool;
    this.#explain = explain;
  }

  /** The client has just been put on the list: it, or another one, may have to go. */
  arrived(client: PoolClient, clock: Clock): void {
    if (this.#isFull) this.#refuseOne(client);
    const { share } = client.ticket;
    if (client.ticket.list === null || share === null || !share.pace.isMeasured || !this.#maySay) return;
    const limitMs = this.#pool.settings.query_wait_timeout;
    const rate = share.pace.rate(clock.now(), intervalMs(limitMs));
    const ahead = share.waiting.length - 1;
    if (isTooLate(ahead, rate, limitMs)) this.#shed(client, share, ahead, rate, 0);
  }

  /** Some of those that wait may have no hope any more. From the janitor. */
  tend(now: number): void {
    const { queue, settings } = this.#pool;
    const maySay = this.#maySay;
    const interval = intervalMs(settings.query_wait_timeout);
    for (const share of queue.shares.waiting) {
      if (!maySay) {
        share.pace.reset();
        continue;
      }
      const rate = share.pace.rate(now, interval);
      if (rate === 0) continue;
      // Those that go make room for those behind them.
      let ahead = 0;
      for (const { client } of share.waiting) {
        const waitedMs = now - client.waitingSince;
        if (isHopeless(ahead, rate, settings.query_wait_timeout - waitedMs))
          this.#shed(client, share, ahead, rate, waitedMs);
        else ahead += 1;
      }
    }
  }

  /** A pool that is not full yet has room for as many clients as it may have servers. */
  get #isFull(): boolean {
    const { queue, servers, settings } = this.#pool;
    const limit = settings.max_waiting_clients;
    if (limit === 0 || queue.length <= limit) return false;
    return queue.length > limit + Math.max(settings.pool_size - servers.active.length, 0);
  }

  /** The rate tells something: servers are there and given out, and there is a limit that may be missed. */
  get #maySay(): boolean {
    const { settings, serverCount, servers, state } = this.#pool;
    if (settings.queue_target === 0 || settings.query_wait_timeout === 0) return false;
    return state === 'running' && serverCount > servers.login.length;
  }

  /** The last one of the application that has most of the queue, so that a flood drives out nobody but itself. */
  #refuseOne(client: PoolClient): void {
    const { queue, settings, stats } = this.#pool;
    const own = client.ticket.list === null ? null : client.ticket.share;
    const longest = queue.longestShare();
    const isOwn =
      longest === null || own === null || longest.waiting.length * own.weight <= own.waiting.length * longest.weight;
    const refused = isOwn ? client : longest.waiting.tail!.client;
    stats.queueFullCount += 1;
    const { detail, hint } = this.#explain();
    refused.onRefused({ ...poolerError('queue_full', String(settings.max_waiting_clients), detail), hint });
  }

  #shed(client: PoolClient, share: Share<PoolClient>, ahead: number, rate: number, waitedMs: number): void {
    this.#pool.stats.shedCount += 1;
    client.onRefused(this.#shedError(share, ahead, rate, waitedMs));
  }

  #shedError(share: Share<PoolClient>, ahead: number, rate: number, waitedMs: number): PoolerError {
    const limit = formatDuration(this.#pool.settings.query_wait_timeout);
    const wait = formatDuration(Math.round(waitedMs + predictedWaitMs(ahead, rate)));
    const { detail, hint } = this.#explain();
    const numbers =
      `waiting before it ${ahead} of application "${share.name}", which gets ${(rate * 1000).toFixed(1)} servers a second; ` +
      `predicted wait ${wait}${waitedMs > 0 ? ` (${formatDuration(Math.round(waitedMs))} of it are over)` : ''}, query_wait_timeout ${limit}`;
    return { ...poolerError('shed', limit, `${numbers}; ${detail}`), hint };
  }
}
