// A conversation with a server as the queue of owed replies sees it, in type letters: for the tests of the queue.
import { expect } from 'vitest';
import { ReplyQueue, Route } from '../../../src/server/reply-queue.ts';

export class Talk {
  readonly queue = new ReplyQueue();

  /** Messages of the client go to the server. */
  sends(types: string): this {
    for (const type of types) this.queue.sent(type.charCodeAt(0));
    return this;
  }

  /** Messages of our own go to the server. */
  asks(types: string): this {
    for (const type of types) this.queue.sent(type.charCodeAt(0), true);
    return this;
  }

  probes(): this {
    expect(this.queue.needsProbe).toBe(true);
    this.queue.probeSent();
    expect(this.queue.needsProbe).toBe(false);
    return this;
  }

  /** Replies that the client gets; nothing is settled before the last of them. */
  gets(types: string): this {
    return this.#receives(types, Route.Forward);
  }

  /** Replies that nobody gets. */
  swallows(types: string): this {
    return this.#receives(types, Route.Swallow);
  }

  /** A reply that ends the connection. */
  refuses(type: string): this {
    return this.#receives(type, Route.Violation);
  }

  #receives(types: string, route: Route): this {
    for (const [i, type] of [...types].entries()) {
      expect(this.queue.received(type.charCodeAt(0)), `${type} in ${types}`).toBe(route);
      if (i < types.length - 1 && route !== Route.Violation)
        expect(this.queue.isIdle, `idle within ${types}`).toBe(false);
    }
    return this;
  }

  isIdle(): this {
    const { queue } = this;
    expect([queue.isIdle, queue.length, queue.isBatchOpen, queue.isCopyIn, queue.needsProbe]).toEqual([
      true,
      0,
      false,
      false,
      false,
    ]);
    return this;
  }

  owes(entries: number): this {
    expect(this.queue.isIdle).toBe(false);
    expect(this.queue.length).toBe(entries);
    return this;
  }
}

export function talk(): Talk {
  return new Talk();
}
