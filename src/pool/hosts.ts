// Which of a database's hosts the next server goes to: who can't be reached, who is what is wanted, whose turn it is. Pure.
//
// Hosts is what all pools know together; a HostChooser is one pool's own view, with the hosts that it has tried in vain.
// A round is over when each host was tried: only then does the pool wait before it tries again.

import type { EffectiveSettings } from '../config/effective.ts';
import { type Address, addressKey } from '../net/dial.ts';
import { isSocketDirectory } from '../net/socket-directory.ts';
import type { SessionAttrs } from '../server/session-attrs.ts';

export type HostSettings = Pick<EffectiveSettings, 'host_ban_time' | 'load_balance_hosts' | 'target_session_attrs'>;

/** Where there is another host to try, no login may take longer; twice as long when all were tried in vain, and so on. */
const PATIENCE_MS = 1_000;
/** Who was not what is wanted may have become it. */
const UNFIT_MS = 10_000;
/** A host is asked what it is no more often than this. */
const ASK_AGAIN_MS = 1_000;
/** Addresses come and go with DNS: beyond that many all are forgotten. */
const MAX_KNOWN = 10_000;

interface Known {
  /** Could not be reached: not the first choice before this stamp. */
  bannedUntil: number;
  /** It did not even refuse: a login to it keeps its client waiting. */
  isSilent: boolean;
  /** Something hints that it is a primary no more. */
  isDoubted: boolean;
  askedAt: number;
}

/** What is known of each address, by all pools. */
export class Hosts {
  readonly #known = new Map<string, Known>();
  readonly #resolved: (name: string) => readonly string[] | null;
  readonly #random: () => number;
  /** None is doubted: asked for each transaction, so it may cost nothing. */
  #isAnyDoubted = false;

  /** resolved: the addresses of a name, as far as they are known. */
  constructor(resolved: (name: string) => readonly string[] | null, random: () => number = Math.random) {
    this.#resolved = resolved;
    this.#random = random;
  }

  of(key: string): Known {
    let known = this.#known.get(key);
    if (known === undefined) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      const never = Number.NEGATIVE_INFINITY;
      known = { bannedUntil: never, isSilent: false, isDoubted: false, askedAt: never };
      this.#known.set(key, known);
    }
    return known;
  }

  chooser(): HostChooser {
    return new HostChooser(this, this.#resolved, this.#random);
  }

  /** A statement was refused as in a read-only transaction: the client's own doing, or the host is a primary no more. */
  doubt(address: Address, now: number): void {
    const known = this.of(addressKey(address));
    if (now - known.askedAt < ASK_AGAIN_MS) return;
    known.isDoubted = true;
    this.#isAnyDoubted = true;
  }

  /** True, once for each doubt: whoever asks this has to ask the host. */
  takeDoubt(address: Address, now: number): boolean {
    if (!this.#isAnyDoubted) return false;
    const known = this.of(addressKey(address));
    if (!known.isDoubted) return false;
    known.isDoubted = false;
    known.askedAt = now;
    this.#isAnyDoubted = [...this.#known.values()].some(({ isDoubted }) => isDoubted);
    return true;
  }
}

/** Why a login came to nothing. silent: within the time that it had there was no answer. */
export type Failure = 'away' | 'refused' | 'silent' | 'unfit';

/** Where the next server goes to, and as what it has to find itself there. */
export interface Choice {
  readonly address: Address;
  readonly wanted: SessionAttrs;
}

export class HostChooser {
  readonly #hosts: Hosts;
  readonly #resolved: (name: string) => readonly string[] | null;
  readonly #random: () => number;
  /** What a host was when it was last seen, and when that was. */
  readonly #seen = new Map<string, { readonly as: 'fit' | 'refused' | 'unfit'; readonly at: number }>();
  readonly #tried = new Set<string>();
  /** prefer-standby: there is no standby to be had, so anybody will do. */
  #isSecondPass = false;
  #turn = 0;
  #candidates: readonly Address[] = [];
  #settings: HostSettings | null = null;
  /** Rounds that have come to nothing since a server was ready to serve. */
  rounds = 0;

  constructor(hosts: Hosts, resolved: (name: string) => readonly string[] | null, random: () => number) {
    this.#hosts = hosts;
    this.#resolved = resolved;
    this.#random = random;
  }

  /** How long a login may take, of server_connect_timeout. */
  loginLimitMs(connectTimeoutMs: number): number {
    if (this.#candidates.length < 2) return connectTimeoutMs;
    const patience = PATIENCE_MS * 2 ** Math.min(this.rounds, 20);
    return connectTimeoutMs === 0 ? patience : Math.min(patience, connectTimeoutMs);
  }

  /** The caller opens a connection there, and tells what comes of it. */
  choose(addresses: readonly Address[], settings: HostSettings, now: number): Choice {
    this.#settings = settings;
    this.#candidates = this.#expand(addresses, settings);
    let untried = this.#untried(now);
    if (untried.length === 0) {
      this.#tried.clear();
      this.#isSecondPass = false;
      untried = this.#untried(now);
    }
    if (untried.length === 0) {
      this.#isSecondPass = true; // prefer-standby, and none is likely
      untried = this.#untried(now);
    }
    const wanted = this.#wanted;
    const tiers = untried.map((address) => this.#tier(address, wanted, now));
    const best = Math.min(...tiers);
    return { address: this.#pick(untried.filter((_, i) => tiers[i] === best)), wanted };
  }

  /** A login to it has worked. */
  loggedIn(address: Address, now: number): void {
    const key = addressKey(address);
    this.#hosts.of(key).bannedUntil = Number.NEGATIVE_INFINITY;
    if (!this.#isSecondPass) this.#seen.set(key, { as: 'fit', at: now });
    this.#tried.clear();
    this.#isSecondPass = false;
  }

  /** It serves: a login alone may still come to nothing. */
  proven(): void {
    this.rounds = 0;
  }

  /**
   * A login to it has failed: it is away, or it is there and not what is wanted, or it does not want us. True: there is
   * nobody left to try in this round.
   */
  failed(address: Address, why: Failure, now: number): boolean {
    const key = addressKey(address);
    if (why === 'refused' || why === 'unfit') this.#seen.set(key, { as: why, at: now });
    else {
      const known = this.#hosts.of(key);
      known.bannedUntil = now + (this.#settings?.host_ban_time ?? 0);
      known.isSilent = why === 'silent';
      this.#seen.delete(key);
    }
    this.#tried.add(key);
    if (this.#untried(now).length > 0) return false;
    this.#tried.clear();
    if (this.#settings?.target_session_attrs === 'prefer-standby' && !this.#isSecondPass) {
      this.#isSecondPass = true;
      return false;
    }
    this.#isSecondPass = false;
    this.rounds += 1;
    return true;
  }

  /** It has become something else. */
  isUnfit(address: Address, now: number): void {
    this.#seen.set(addressKey(address), { as: 'unfit', at: now });
  }

  get #wanted(): SessionAttrs {
    const wanted = this.#settings?.target_session_attrs ?? 'any';
    if (wanted !== 'prefer-standby') return wanted;
    return this.#isSecondPass ? 'any' : 'standby';
  }

  /** Where it matters which of them it is, each address of a name is a host of its own. Else Node tries one after the other. */
  #expand(addresses: readonly Address[], { target_session_attrs }: HostSettings): readonly Address[] {
    if (target_session_attrs === 'any') return addresses;
    return addresses.flatMap((address) => {
      const known = isSocketDirectory(address.host) ? null : this.#resolved(address.host);
      return known === null ? [address] : known.map((ip) => ({ ...address, ip }));
    });
  }

  #untried(now: number): readonly Address[] {
    const quick = this.#candidates.filter((address) => !this.#isSilent(address, now));
    const candidates = quick.length > 0 ? quick : this.#candidates;
    const untried = candidates.filter((address) => !this.#tried.has(addressKey(address)));
    if (this.#settings?.target_session_attrs !== 'prefer-standby' || this.#isSecondPass) return untried;
    return untried.filter((address) => this.#tier(address, 'standby', now) < 2);
  }

  /** One that refuses is tried again in each round, since that costs nothing: it may be starting. */
  #isSilent(address: Address, now: number): boolean {
    const { isSilent, bannedUntil } = this.#hosts.of(addressKey(address));
    return isSilent && now < bannedUntil;
  }

  /** The lower the better. */
  #tier(address: Address, wanted: SessionAttrs, now: number): number {
    const key = addressKey(address);
    if (now < this.#hosts.of(key).bannedUntil) return 3;
    const seen = this.#seen.get(key);
    const isRecent = seen !== undefined && now - seen.at < UNFIT_MS;
    if (isRecent && seen.as === 'refused') return 2;
    if (wanted === 'any' || seen?.as === 'fit') return 0;
    if (isRecent && seen.as === 'unfit') return 2;
    // There is one primary: who has it does not look for another. Of standbys there may be more.
    return wanted === 'primary' || wanted === 'read-write' ? 1 : 0;
  }

  #pick(addresses: readonly Address[]): Address {
    const balance = this.#settings?.load_balance_hosts ?? 'round-robin';
    if (balance === 'disable') return addresses[0]!;
    if (balance === 'random') return addresses[Math.floor(this.#random() * addresses.length)]!;
    const turn = this.#turn % addresses.length;
    this.#turn = turn + 1;
    return addresses[turn]!;
  }
}
