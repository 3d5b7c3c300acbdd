// The shares that applications have in the servers of one pool: who holds how many, and whose turn it is. Pure.
//
// Max-min fair in servers held: a free server goes to the waiting application that holds the fewest, by its weight. Nothing
// is taken from one that has more, it only gets none until the others have theirs; and one that is alone gets everything.
// A difference of less than one server is none (a small pool has not one for each): there the one goes first that has had less
// server time, which is virtual time as in start-time fair queueing.

import type { Account } from '../server/hold.ts';
import type { ParameterSet } from '../session/parameters.ts';
import { List, type ListNode } from '../util/list.ts';
import { Pace } from './pace.ts';

/** Applications with a share of their own; those beyond it have one together. */
export const MAX_SHARES = 200;
/** Longer names are told apart by their beginning only. Postgres cuts at 63. */
const MAX_NAME = 64;

/** What a client is here. */
export interface Applicant {
  readonly parameters: ParameterSet;
  readonly accountName: string;
  readonly waitingSince: number;
}

/** A client's place in the queue of its application: made once, and used for each wait. */
export class Ticket<C extends Applicant> implements ListNode<Ticket<C>> {
  prev: Ticket<C> | null = null;
  next: Ticket<C> | null = null;
  list: object | null = null;
  readonly client: C;
  share: Share<C> | null = null;
  /** What the share was found by; null: it has to be looked up each time. */
  parameters: ParameterSet | null = null;

  constructor(client: C) {
    this.client = client;
  }
}

export class Share<C extends Applicant> implements ListNode<Share<C>>, Account {
  prev: Share<C> | null = null;
  next: Share<C> | null = null;
  /** That of the shares that wait. */
  list: object | null = null;
  readonly name: string;
  weight: number;
  /** Servers that its clients hold. */
  held = 0;
  /** In order of arrival. */
  readonly waiting = new List<Ticket<C>>();
  readonly pace = new Pace();
  /** Server time that it has had, by weight, in ms. */
  hadMs = 0;
  /** Its name was forgotten: tickets have to ask again. */
  isForgotten = false;

  constructor(name: string, weight: number) {
    this.name = name;
    this.weight = weight;
  }

  get isUnused(): boolean {
    return this.held === 0 && this.waiting.length === 0;
  }

  gaveBack(heldMs: number): void {
    this.held -= 1;
    this.hadMs += Math.max(heldMs, 0) / this.weight;
  }
}

export class Shares<C extends Applicant> implements Iterable<Share<C>> {
  /** Those that have waiting clients. */
  readonly waiting = new List<Share<C>>();
  readonly #byName = new Map<string, Share<C>>();
  readonly #other = new Share<C>('other', 1);
  #weightTexts: readonly string[] = [];
  #weights: ReadonlyMap<string, number> = new Map();
  /** Unused shares are looked for once in so many lookups in vain. */
  #missesUntilSweep = 0;
  /** Virtual time: what the share had that was served last. Who comes back begins there, and has saved nothing up. */
  #reachedMs = 0;

  *[Symbol.iterator](): Iterator<Share<C>> {
    yield* this.#byName.values();
    if (!this.#other.isUnused) yield this.#other;
  }

  /** texts: application_weights. */
  weigh(texts: readonly string[]): void {
    if (texts === this.#weightTexts) return;
    this.#weightTexts = texts;
    this.#weights = readWeights(texts);
    for (const share of this.#byName.values()) share.weight = this.#weights.get(share.name) ?? 1;
  }

  /** The client waits: behind the others of its application. */
  enter(ticket: Ticket<C>): void {
    const share = this.#of(ticket);
    this.#begin(share);
    share.waiting.append(ticket);
    if (share.list === null) this.waiting.append(share);
  }

  /** Its wait is over, however. */
  leave(ticket: Ticket<C>): void {
    const share = ticket.share!;
    share.waiting.remove(ticket);
    if (share.waiting.length > 0) return;
    this.waiting.remove(share);
    share.pace.reset();
  }

  /** The client gets a server: the account that this is on. */
  take(ticket: Ticket<C>): Share<C> {
    const share = ticket.list === null ? this.#of(ticket) : ticket.share!;
    this.#begin(share);
    share.held += 1;
    if (share.hadMs > this.#reachedMs) this.#reachedMs = share.hadMs;
    return share;
  }

  /** Who gets the next free server. */
  next(): C | null {
    const first = this.waiting.head;
    if (first === null || first.next === null) return first?.waiting.head?.client ?? null;
    // Nobody whom somebody else would not even reach with one more.
    let least = Number.POSITIVE_INFINITY;
    for (let share: Share<C> | null = first; share !== null; share = share.next) {
      const withOneMore = (share.held + 1) / share.weight;
      if (withOneMore < least) least = withOneMore;
    }
    let best: Share<C> | null = null;
    for (let share: Share<C> | null = first; share !== null; share = share.next)
      if (share.held / share.weight < least && (best === null || hasHadLess(share, best))) best = share;
    return best!.waiting.head!.client;
  }

  #begin(share: Share<C>): void {
    if (share.isUnused && share.hadMs < this.#reachedMs) share.hadMs = this.#reachedMs;
  }

  #of(ticket: Ticket<C>): Share<C> {
    const { client, share } = ticket;
    if (share !== null && ticket.parameters === client.parameters && !share.isForgotten) return share;
    const found = this.#find(nameOf(client));
    ticket.share = found;
    ticket.parameters = found === this.#other ? null : client.parameters;
    return found;
  }

  #find(name: string): Share<C> {
    let share = this.#byName.get(name);
    if (share !== undefined) return share;
    if (this.#byName.size >= MAX_SHARES) this.#sweep();
    if (this.#byName.size >= MAX_SHARES) return this.#other;
    share = new Share<C>(name, this.#weights.get(name) ?? 1);
    this.#byName.set(name, share);
    return share;
  }

  #sweep(): void {
    this.#missesUntilSweep -= 1;
    if (this.#missesUntilSweep > 0) return;
    this.#missesUntilSweep = MAX_SHARES;
    for (const share of this.#byName.values()) {
      if (!share.isUnused) continue;
      share.isForgotten = true;
      this.#byName.delete(share.name);
    }
  }
}

function hasHadLess(a: Share<Applicant>, b: Share<Applicant>): boolean {
  if (a.hadMs !== b.hadMs) return a.hadMs < b.hadMs;
  return a.waiting.head!.client.waitingSince < b.waiting.head!.client.waitingSince;
}

/** Strangers choose it, and it stands in errors. */
function nameOf(client: Applicant): string {
  return client.accountName
    .slice(0, MAX_NAME)
    .replace(/[\p{C}\p{Z}]+/gu, ' ')
    .trim();
}

/** Each "name=weight"; the last one for a name counts. */
function readWeights(texts: readonly string[]): ReadonlyMap<string, number> {
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf('=');
      return [text.slice(0, at).trim(), Number(text.slice(at + 1))];
    }),
  );
}
