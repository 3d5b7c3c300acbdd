// What Postgres said of users' secrets: who waits for an answer, and the answers that may be used again.
//
// A login must see what was true when it began: it joins no question that was on its way before, only the one behind that.
// So a password that was just changed is never held against its old secret, and a crowd costs two questions a user.

import { Joined } from '../util/joined.ts';

/** What auth_query found. */
export interface FoundSecret {
  /** There is such a user, and it may log in. */
  readonly isKnown: boolean;
  /** As stored; null: it has none, or one that is not valid any more. */
  readonly secret: string | null;
}

/** problem: for the log, not for the client. */
export type SecretAnswer =
  | { readonly ok: true; readonly found: FoundSecret }
  | { readonly ok: false; readonly problem: string };

export interface SecretAnswersOptions {
  /** Asks Postgres. Never rejects. isPatient: there is nothing to fall back on, so it is worth waiting for Postgres a while. */
  readonly ask: (user: string, isPatient: boolean) => Promise<SecretAnswer>;
  /** In ms. */
  readonly now: () => number;
  /** So long an answer is used again without asking. */
  readonly ttlMs: () => number;
  readonly maxEntries?: number;
  readonly maxQuestions?: number;
}

interface Remembered {
  readonly found: FoundSecret;
  readonly at: number;
}

/** An answer serves for so long when Postgres can't be asked: clients may connect and wait while it restarts. */
const STALE_MS = 300_000;

export class SecretAnswers {
  readonly #options: SecretAnswersOptions;
  readonly #maxEntries: number;
  readonly #maxQuestions: number;
  /** Of users that there are, the least recently used first: names that somebody makes up push out nobody's. */
  readonly #remembered = new Map<string, Remembered>();
  readonly #asking = new Joined<string, SecretAnswer>((user) => this.#ask(user));

  constructor(options: SecretAnswersOptions) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? 10_000;
    this.#maxQuestions = options.maxQuestions ?? 1_000;
  }

  get size(): number {
    return this.#remembered.size;
  }

  find(user: string): Promise<SecretAnswer> {
    const known = this.#remembered.get(user);
    if (known !== undefined && this.#ageOf(known) < this.#options.ttlMs()) {
      this.#remember(user, known);
      return Promise.resolve({ ok: true, found: known.found });
    }
    if (!this.#asking.has(user) && this.#asking.size >= this.#maxQuestions)
      return Promise.resolve(this.#withoutAsking(user, 'too many users are asked for at a time'));
    return this.#asking.run(user);
  }

  /** The last answer about this user, however old; null: none. */
  known(user: string): FoundSecret | null {
    return this.#remembered.get(user)?.found ?? null;
  }

  /** A login has failed with the last answer: the next one asks. */
  forget(user: string): void {
    this.#remembered.delete(user);
  }

  async #ask(user: string): Promise<SecretAnswer> {
    return this.#took(user, await this.#options.ask(user, this.#stale(user) === null));
  }

  #took(user: string, answer: SecretAnswer): SecretAnswer {
    if (!answer.ok) return this.#withoutAsking(user, answer.problem);
    if (answer.found.isKnown) this.#remember(user, { found: answer.found, at: this.#options.now() });
    else this.#remembered.delete(user);
    return answer;
  }

  #withoutAsking(user: string, problem: string): SecretAnswer {
    const found = this.#stale(user);
    return found === null ? { ok: false, problem } : { ok: true, found };
  }

  #stale(user: string): FoundSecret | null {
    const known = this.#remembered.get(user);
    return known === undefined || this.#ageOf(known) >= STALE_MS ? null : known.found;
  }

  #ageOf({ at }: Remembered): number {
    return this.#options.now() - at;
  }

  #remember(user: string, answer: Remembered): void {
    this.#remembered.delete(user);
    this.#remembered.set(user, answer);
    if (this.#remembered.size <= this.#maxEntries) return;
    const oldest = this.#remembered.keys().next();
    if (!oldest.done) this.#remembered.delete(oldest.value);
  }
}
