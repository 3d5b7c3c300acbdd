// SaltedPassword: the expensive step of SCRAM, off the event loop, once per (password, salt, iterations).
// RFC 5802 section 3 (Hi), RFC 4013 (SASLprep), RFC 7677. Postgres: scram_SaltedPassword (scram-common.c), pg_saslprep (saslprep.c).
import { createHmac, createSecretKey, pbkdf2, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { saslprep } from '@mongodb-js/saslprep';
import { maxScramIterations } from './scram.ts';

const defaultCacheSize = 1_000; // about 200 bytes each

/**
 * Keys that are derived at a time: one core is left to the event loop, and a thread of Node's pool to what else needs one. With
 * four on two cores the loop came 4 ms late at p99, with one 1 ms, and the keys were ready as soon.
 */
const MAX_DERIVATIONS = Math.min(Math.max(availableParallelism() - 1, 1), 3);

/**
 * Derives and remembers. A key that was derived is served from memory, one that is being derived is waited for, and the
 * least recently used is forgotten first. Entries are found by a keyed hash: no password is kept.
 */
export class SaltedPasswords {
  readonly #maxEntries: number;
  readonly #hashKey = createSecretKey(randomBytes(32));
  readonly #derived = new Map<string, Buffer>();
  readonly #deriving = new Map<string, Promise<Buffer>>();

  constructor(maxEntries: number = defaultCacheSize) {
    this.#maxEntries = maxEntries;
  }

  /** How many keys are remembered. */
  get size(): number {
    return this.#derived.size;
  }

  /**
   * The 32 bytes of SaltedPassword; treat them as read-only, they are shared. Rejects with a RangeError when iterations is
   * not 1 to 1,000,000 (both machines check it first).
   */
  async saltPassword(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
    if (!Number.isInteger(iterations) || iterations < 1 || iterations > maxScramIterations) {
      throw new RangeError(`SCRAM iterations out of range: ${iterations}`);
    }
    const key = this.#keyOf(password, salt, iterations);
    const known = this.#derived.get(key);
    if (known !== undefined) {
      this.#remember(key, known);
      return known;
    }
    const running = this.#deriving.get(key);
    if (running !== undefined) return running;
    const work = derive(preparePassword(password), salt, iterations);
    this.#deriving.set(key, work);
    try {
      const salted = await work;
      this.#remember(key, salted);
      return salted;
    } finally {
      this.#deriving.delete(key);
    }
  }

  #keyOf(password: string, salt: Buffer, iterations: number): string {
    const lengths = `${iterations}:${salt.length}:`;
    return createHmac('sha256', this.#hashKey).update(lengths).update(salt).update(password).digest('base64');
  }

  #remember(key: string, salted: Buffer): void {
    this.#derived.delete(key);
    this.#derived.set(key, salted);
    if (this.#derived.size <= this.#maxEntries) return;
    const oldest = this.#derived.keys().next();
    if (!oldest.done) this.#derived.delete(oldest.value);
  }
}

/**
 * The bytes that are salted: SASLprep's, or the password as it is where SASLprep refuses it.
 * Postgres: unassigned code points are refused too, so a password with an emoji is taken as it is, not normalised. It looks
 * for them before NFKC and the package after it, so a SCRAM login fails with a password that holds a character which NFKC
 * rewrites and which is younger than Unicode 3.2 (such as U+1F130) or prohibited (U+0340, U+0341).
 */
export function preparePassword(password: string): Buffer {
  const raw = Buffer.from(password);
  if (raw.length === password.length) return raw; // pure ASCII, which Postgres leaves alone
  try {
    return Buffer.from(saslprep(password));
  } catch {
    return raw;
  }
}

let running = 0;
const waiting: (() => void)[] = [];

async function derive(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
  if (running >= MAX_DERIVATIONS) await new Promise<void>((turn) => waiting.push(turn));
  else running += 1;
  try {
    return await deriveNow(password, salt, iterations);
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

function deriveNow(password: Buffer, salt: Buffer, iterations: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, 32, 'sha256', (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

const shared = new SaltedPasswords();

/** SaltedPasswords.saltPassword of the process. A pure function with a memory, so one memory serves every pool. */
export function saltPassword(password: string, salt: Buffer, iterations: number): Promise<Buffer> {
  return shared.saltPassword(password, salt, iterations);
}
