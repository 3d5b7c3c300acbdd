// The flight recorder: the last few thousand things that happened, bounded in memory, for whoever asks afterwards why.
//
// A storm must not push out what caused it: repeated events of one kind, pool and application within a moment are one
// entry with a count, and a moment has so many entries at most.

import { clean, type EventEntry, type EventFacts, type EventKind, MAX_NAME, MAX_TEXT } from './event.ts';
import { COUNTED, type Sequence } from './sequence.ts';

export interface EventFilter {
  /** The newest so many. */
  readonly limit?: number;
  readonly kind?: EventKind;
  /** Only entries with a higher sequence. */
  readonly since?: number;
  /** Events of this pool, and those that concern it because they concern its database or everything. */
  readonly pool?: { readonly database: string; readonly user: string };
}

type Entry = { -readonly [Key in keyof EventEntry]: EventEntry[Key] };

/** Events alike within this time are one entry. */
const MOMENT_MS = 100;
/** Entries of one moment. What differs in more ways (names that a peer makes up) is folded by kind alone. */
const MAX_OF_A_MOMENT = 32;
/** Stands for the names of events that were folded by kind alone. */
export const SEVERAL = '(several)';

export class EventRing {
  #entries: Entry[] = [];
  /** Where the oldest is, once the ring is full. */
  #head = 0;
  #size: number;
  #sequence = 0;
  /** Those that the next event may be folded into. */
  #moment: Entry[] = [];
  #momentAt = 0;
  readonly #wallNow: () => number;
  readonly #numbers: Sequence;

  /** size: entries that are kept, 0 for none. */
  constructor(size: number, wallNow: () => number = Date.now, numbers: Sequence = COUNTED) {
    this.#size = size;
    this.#wallNow = wallNow;
    this.#numbers = numbers;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** Sequence of the newest entry; 0: there was none. */
  get last(): number {
    return this.#sequence;
  }

  /** Entries to come have a higher sequence. Alone it is that of the newest. */
  get reached(): number {
    return this.#numbers.reached(this.#sequence);
  }

  /** The newest are kept. */
  resize(size: number): void {
    if (size === this.#size) return;
    this.#entries = size === 0 ? [] : this.#inOrder().slice(-size);
    this.#moment = [];
    this.#head = 0;
    this.#size = size;
  }

  add(kind: EventKind, facts: EventFacts = {}): void {
    if (this.#size === 0) return;
    const now = this.#wallNow();
    // A wall clock that was set back begins a new moment, too.
    if (now - this.#momentAt >= MOMENT_MS || now < this.#momentAt) {
      this.#moment = [];
      this.#momentAt = now;
    }
    const cause = clean(facts.cause ?? '', MAX_NAME);
    const database = clean(facts.database ?? '', MAX_NAME);
    const user = clean(facts.user ?? '', MAX_NAME);
    const application = clean(facts.application ?? '', MAX_NAME);
    const durationMs = Math.round(facts.durationMs ?? 0);
    const known = this.#find(kind, cause, database, user, application);
    if (known !== null) {
      fold(known, durationMs);
      return;
    }
    const { client = 0, server = 0 } = facts;
    const text = clean(facts.text ?? '', MAX_TEXT);
    const isTooMany = this.#moment.length >= MAX_OF_A_MOMENT;
    const of = isTooMany
      ? { cause: SEVERAL, database: SEVERAL, user: SEVERAL, application: SEVERAL }
      : { cause, database, user, application };
    this.#sequence = this.#numbers.next(this.#sequence);
    this.#push({ sequence: this.#sequence, at: now, kind, ...of, client, server, durationMs, count: 1, text });
  }

  #find(kind: EventKind, cause: string, database: string, user: string, application: string): Entry | null {
    const isFull = this.#moment.length >= MAX_OF_A_MOMENT;
    let several: Entry | null = null;
    // In a ring smaller than a moment the first of them have gone already.
    for (let i = Math.max(this.#moment.length - this.#size, 0); i < this.#moment.length; i += 1) {
      const entry = this.#moment[i]!;
      if (entry.kind !== kind) continue;
      const isSame =
        entry.application === application &&
        entry.cause === cause &&
        entry.database === database &&
        entry.user === user;
      if (isSame) return entry;
      if (isFull && entry.application === SEVERAL) several = entry;
    }
    return several;
  }

  #push(entry: Entry): void {
    this.#moment.push(entry);
    if (this.#entries.length < this.#size) {
      this.#entries.push(entry);
      return;
    }
    this.#entries[this.#head] = entry;
    this.#head = (this.#head + 1) % this.#size;
  }

  /** Newest last. */
  list(filter: EventFilter = {}): readonly EventEntry[] {
    const { limit = Number.POSITIVE_INFINITY, kind, since = 0, pool } = filter;
    const found: EventEntry[] = [];
    // From the newest back: what is asked for is mostly there.
    for (let age = 1; age <= this.#entries.length && found.length < limit; age += 1) {
      const entry = this.#entries[(this.#head + this.#entries.length - age) % this.#entries.length]!;
      if (entry.sequence <= since) break;
      if (kind !== undefined && entry.kind !== kind) continue;
      if (pool !== undefined && !concerns(entry, pool)) continue;
      found.push({ ...entry });
    }
    return found.reverse();
  }

  #inOrder(): Entry[] {
    return [...this.#entries.slice(this.#head), ...this.#entries.slice(0, this.#head)];
  }
}

function fold(entry: Entry, durationMs: number): void {
  entry.count += 1;
  entry.durationMs = Math.max(entry.durationMs, durationMs);
}

function concerns({ database, user }: EventEntry, pool: { readonly database: string; readonly user: string }): boolean {
  if (database === '' || database === SEVERAL) return true;
  return database === clean(pool.database, MAX_NAME) && (user === '' || user === clean(pool.user, MAX_NAME));
}
