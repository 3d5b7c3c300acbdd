// Makes guessing passwords slow, by user and address. Pure: the clock and the timer are given.
//
// A refusal is held back, longer each time; a right password never is. It is told after a time that only the number of
// failures says, counted from when the password came: so it is the same for users that there are and that there are not.
// Who hangs up instead of waiting gains nothing: so many refusals are held at a time, and behind them a password is looked
// at when its turn comes. Not on this machine: all clients of a sidecar share that address, and one that has a wrong
// password must not stand in the way of the others.

import { isIPv4 } from 'node:net';
import { isLoopback } from '../config/loopback.ts';

/** The first refusal; each further one is held twice as long. More than any check of a password takes. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
const MAX_LOCAL_DELAY_MS = 1_000;
/** Refusals of one user and address that are held at a time. */
const MAX_AT_A_TIME = 4;
/** A password is looked at after that, whoever else guesses: a right one always gets in. */
const MAX_WAIT_MS = 10_000;
/** Without a failure for so long, all is forgotten. */
const FORGET_MS = 300_000;
/** To push one out by making up names takes so many failures: more than could be won by it. */
const MAX_ENTRIES = 10_000;

export interface GuessingOptions {
  /** In ms. */
  readonly now: () => number;
  readonly after: (ms: number, callback: () => void) => void;
  readonly maxEntries?: number;
}

/** One user and address. */
interface Guesser {
  failures: number;
  failedAt: number;
  /** Passwords that are looked at, and refusals that are held. */
  held: number;
  readonly waiting: Set<Attempt>;
}

export class Guessing {
  readonly #options: GuessingOptions;
  readonly #maxEntries: number;
  /** Those who failed, the last one last. */
  readonly #guessers = new Map<string, Guesser>();

  constructor(options: GuessingOptions) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? MAX_ENTRIES;
  }

  get size(): number {
    return this.#guessers.size;
  }

  /** A password has come. address: null for a Unix socket. */
  attempt(user: string, address: string | null): Attempt {
    return new Attempt(this, this.#options, user, address);
  }

  /** From attempts only. */
  find(key: string): Guesser | null {
    if (this.#guessers.size === 0) return null;
    const guesser = this.#guessers.get(key);
    if (guesser === undefined) return null;
    if (!this.#isForgotten(guesser)) return guesser;
    this.#guessers.delete(key);
    return null;
  }

  /** From attempts only: counts a failure. */
  failed(key: string): Guesser {
    const guesser = this.find(key) ?? { failures: 0, failedAt: 0, held: 0, waiting: new Set() };
    guesser.failures += 1;
    guesser.failedAt = this.#options.now();
    this.#guessers.delete(key);
    this.#guessers.set(key, guesser);
    for (const [oldest, { failedAt }] of this.#guessers) {
      if (this.#guessers.size <= this.#maxEntries && guesser.failedAt - failedAt < FORGET_MS) break;
      this.#guessers.delete(oldest);
    }
    return guesser;
  }

  #isForgotten({ failedAt, held, waiting }: Guesser): boolean {
    return held === 0 && waiting.size === 0 && this.#options.now() - failedAt >= FORGET_MS;
  }
}

/** One password, until it was looked at and the answer was told. */
export class Attempt {
  /** When it may be looked at; null: now. */
  readonly turn: Promise<void> | null;
  readonly #guessing: Guessing;
  readonly #options: GuessingOptions;
  readonly #key: string;
  readonly #isLocal: boolean;
  /** Where it is counted; null: nobody has failed before, or it is over. */
  #guesser: Guesser | null;
  #startedAt: number;
  #go: () => void = () => {};

  constructor(guessing: Guessing, options: GuessingOptions, user: string, address: string | null) {
    this.#guessing = guessing;
    this.#options = options;
    const network = networkOf(address);
    this.#isLocal = network === null;
    this.#key = `${user}\0${network ?? ''}`;
    this.#startedAt = options.now();
    const guesser = guessing.find(this.#key);
    this.#guesser = guesser;
    if (guesser === null || this.#isLocal || guesser.held < MAX_AT_A_TIME) {
      if (guesser !== null) guesser.held += 1;
      this.turn = null;
      return;
    }
    guesser.waiting.add(this);
    this.turn = new Promise((go) => {
      this.#go = go;
    });
    options.after(MAX_WAIT_MS, () => this.start());
  }

  /** From attempts only: its turn has come. */
  start(): void {
    const guesser = this.#guesser;
    if (guesser?.waiting.delete(this) !== true) return;
    guesser.held += 1;
    this.#startedAt = this.#options.now();
    this.#go();
  }

  /** The password was right, or was none yet; or the client has gone before it was looked at. */
  end(): void {
    const guesser = this.#guesser;
    this.#guesser = null;
    if (guesser === null || guesser.waiting.delete(this)) return;
    leave(guesser);
  }

  /** The password was wrong. Resolves when the client may be told. */
  failed(): Promise<void> {
    const counted = this.#guesser;
    this.#guesser = null;
    const guesser = this.#guessing.failed(this.#key);
    if (counted !== guesser) {
      guesser.held += 1;
      if (counted !== null) leave(counted);
    }
    const most = this.#isLocal ? MAX_LOCAL_DELAY_MS : MAX_DELAY_MS;
    const delay = Math.min(FIRST_DELAY_MS * 2 ** Math.min(guesser.failures - 1, 20), most);
    const elapsed = this.#options.now() - this.#startedAt;
    // A check that took longer than the delay is told after twice the delay, and so on: how long it took shows roughly at most.
    const left = Math.max(Math.ceil(elapsed / delay), 1) * delay - elapsed;
    return new Promise((tell) => {
      this.#options.after(left, () => {
        leave(guesser);
        tell();
      });
    });
  }
}

function leave(guesser: Guesser): void {
  guesser.held -= 1;
  if (guesser.held >= MAX_AT_A_TIME) return;
  const [next] = guesser.waiting;
  next?.start();
}

/** What counts as one address; null: this machine. Whoever has one IPv6 address has all that begin with the same 64 bits. */
export function networkOf(address: string | null): string | null {
  if (address === null) return null;
  const plain = address.replace(/%.*$/, '');
  const mapped = plain.replace(/^::ffff:/i, '');
  if (isLoopback(mapped)) return null;
  if (isIPv4(mapped)) return mapped;
  const [front = '', back] = plain.toLowerCase().split('::');
  const groups = front === '' ? [] : front.split(':');
  const missing = back === undefined ? 0 : 8 - groups.length - (back === '' ? 0 : back.split(':').length);
  const all = [...groups, ...Array<string>(Math.max(missing, 0)).fill('0'), ...(back ? back.split(':') : [])];
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
