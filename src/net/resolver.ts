// Looks up the names of hosts, remembers them for a while, and looks again: a name that moves is followed.
//
// Node: dns.lookup asks the system (getaddrinfo), which knows /etc/hosts and search domains and tells no time to live.

import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from '../util/clock.ts';

type Found = (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void;

/** Asks for all addresses of a name. */
export type AskSystem = (name: string, found: Found) => void;

/** getaddrinfo. */
export const askSystem: AskSystem = (name, found) => systemLookup(name, { all: true }, found);

export interface ResolverOptions {
  readonly clock: Clock;
  /** dns_max_ttl and dns_nxdomain_ttl, in ms. */
  readonly ttls: () => { readonly found: number; readonly failed: number };
  /** A name that was known has other addresses now. */
  readonly onChange: (name: string, addresses: readonly string[]) => void;
  readonly ask: AskSystem;
}

interface Name {
  addresses: readonly LookupAddress[];
  /** Why it could not be looked up the last time; null: it could. */
  error: NodeJS.ErrnoException | null;
  expiresAt: number;
  /** Those that wait for the lookup under way; null: there is none. */
  waiting: Found[] | null;
  /** Whose turn it is among its addresses. */
  turn: number;
}

/** What is known of a name, for those who look. */
export interface KnownName {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Until it is looked up again. */
  readonly ttlMs: number;
}

export class Resolver {
  readonly #options: ResolverOptions;
  readonly #names = new Map<string, Name>();

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** For net.connect. Of several addresses each is the first one in turn; Node tries the next when one does not answer. */
  readonly lookup: LookupFunction = (name, options, callback) => {
    const family = options.family === 4 || options.family === 6 ? options.family : null;
    this.#find(name, (error, addresses) => {
      const fitting = family === null ? addresses : addresses.filter((address) => address.family === family);
      const [first] = fitting;
      if (first === undefined) callback(error ?? notFound(name), '', 0);
      else if (options.all === true) callback(null, fitting);
      else callback(null, first.address, first.family);
    });
  };

  /** What is known without asking; null: nothing, or not for this moment. */
  addressesOf(name: string): readonly string[] | null {
    const known = this.#names.get(name);
    return known === undefined || known.addresses.length === 0 ? null : known.addresses.map(({ address }) => address);
  }

  /** The janitor's moment. inUse: those are kept up to date, and all others forgotten. */
  tick(inUse: ReadonlySet<string>): void {
    const now = this.#options.clock.now();
    for (const [name, known] of this.#names) {
      if (!inUse.has(name) && known.waiting === null) this.#names.delete(name);
      else if (known.waiting === null && now >= known.expiresAt && known.addresses.length > 0)
        this.#lookUp(name, known);
    }
  }

  *[Symbol.iterator](): Iterator<KnownName> {
    const now = this.#options.clock.now();
    for (const [name, { addresses, expiresAt }] of this.#names) {
      yield { name, addresses: addresses.map(({ address }) => address), ttlMs: Math.max(expiresAt - now, 0) };
    }
  }

  /** Lookups under way, and those that wait for them. */
  get pending(): { readonly lookups: number; readonly waiting: number } {
    let [lookups, waiting] = [0, 0];
    for (const { waiting: list } of this.#names.values()) {
      if (list === null) continue;
      lookups += 1;
      waiting += list.length;
    }
    return { lookups, waiting };
  }

  #find(name: string, found: Found): void {
    const family = isIP(name);
    if (family !== 0) {
      process.nextTick(found, null, [{ address: name, family }]);
      return;
    }
    let known = this.#names.get(name);
    if (known === undefined) {
      known = { addresses: [], error: null, expiresAt: Number.NEGATIVE_INFINITY, waiting: null, turn: 0 };
      this.#names.set(name, known);
    }
    if (known.waiting !== null) known.waiting.push(found);
    else if (this.#options.clock.now() < known.expiresAt) process.nextTick(found, ...answerOf(known));
    else {
      this.#lookUp(name, known);
      known.waiting!.push(found);
    }
  }

  #lookUp(name: string, known: Name): void {
    const waiting: Found[] = [];
    known.waiting = waiting;
    this.#options.ask(name, (error, addresses) => {
      const { found, failed } = this.#options.ttls();
      known.waiting = null;
      known.error = error;
      known.expiresAt = this.#options.clock.now() + (error === null ? found : failed);
      const before = known.addresses;
      // What it had is better than nothing: a resolver that is away must not take Postgres away with it.
      if (error === null) known.addresses = addresses;
      for (const one of waiting) one(...answerOf(known));
      if (error === null && before.length > 0 && !isSame(before, addresses))
        this.#options.onChange(
          name,
          addresses.map(({ address }) => address),
        );
    });
  }
}

function answerOf(known: Name): [NodeJS.ErrnoException | null, LookupAddress[]] {
  const { addresses, error } = known;
  if (addresses.length === 0) return [error, []];
  const first = known.turn % addresses.length;
  known.turn = first + 1;
  return [null, [...addresses.slice(first), ...addresses.slice(0, first)]];
}

function isSame(before: readonly LookupAddress[], now: readonly LookupAddress[]): boolean {
  const known = new Set(before.map(({ address }) => address));
  return (
    known.size === new Set(now.map(({ address }) => address)).size && now.every(({ address }) => known.has(address))
  );
}

function notFound(name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND', hostname: name });
}
