// Counts what went wrong by step and SQLSTATE, and takes from one run what another one gives too.

export interface Mishap {
  step: string;
  /** A SQLSTATE, else what there is: the code of a socket's error, or the name of the error's class. */
  code: string;
  count: number;
  /** The first of them. */
  example: string;
}

/** A reply that is not the one that was asked for. */
export const WRONG_ANSWER = 'wrong answer';
export const NO_ANSWER = 'no answer';

const SQLSTATE = /^[0-9A-Z]{5}$/;
// Prisma's own codes look alike; Postgres' have a 0 there.
const PRISMA_CODE = /^P[1-9]\d{3}$/;
/** Where libraries keep the error of the driver. */
const WRAPPED = ['cause', 'original', 'parent', 'driverError', 'driverAdapterError', 'meta'];
const MAX_DEPTH = 6;
const HOPELESS_ERRORS = 200;

/** The code of an error and the message that it came with, however deep the library has wrapped it. */
export function describe(error: unknown): { code: string; message: string } {
  const found = findSqlstate(error, 0);
  if (found !== null) return found;
  if (!(error instanceof Error)) return { code: typeof error, message: String(error) };
  const { code } = error as { code?: unknown };
  return { code: typeof code === 'string' ? code : error.name, message: error.message || String(error) };
}

function findSqlstate(error: unknown, depth: number): { code: string; message: string } | null {
  if (typeof error !== 'object' || error === null || depth > MAX_DEPTH) return null;
  const fields = error as Record<string, unknown>;
  for (const name of WRAPPED) {
    const found = findSqlstate(fields[name], depth + 1);
    if (found !== null) return found;
  }
  for (const code of [fields.originalCode, fields.code]) {
    if (typeof code !== 'string' || !SQLSTATE.test(code) || PRISMA_CODE.test(code)) continue;
    return { code, message: String(fields.originalMessage ?? fields.message) };
  }
  return null;
}

export class Tally {
  readonly #mishaps = new Map<string, Mishap>();
  #inARow = 0;

  /** Nothing works any more: what comes would only be the same again. */
  get isHopeless(): boolean {
    return this.#inARow >= HOPELESS_ERRORS;
  }

  addSuccess(): void {
    this.#inARow = 0;
  }

  add(step: string, code: string, example: string): void {
    this.#inARow += 1;
    const key = `${step} ${code}`;
    const known = this.#mishaps.get(key);
    if (known) known.count += 1;
    else this.#mishaps.set(key, { step, code, count: 1, example: example.replaceAll(/\s+/g, ' ').slice(0, 300) });
  }

  addError(step: string, error: unknown): void {
    const { code, message } = describe(error);
    this.add(step, code, message);
  }

  get list(): Mishap[] {
    return [...this.#mishaps.values()].sort((a, b) => b.count - a.count);
  }
}

export function total(mishaps: Mishap[]): number {
  return mishaps.reduce((sum, mishap) => sum + mishap.count, 0);
}

/** Those of `through` whose step and SQLSTATE `direct` has not seen. */
export function extra(through: Mishap[], direct: Mishap[]): Mishap[] {
  return through.filter(({ step, code }) => !direct.some((mishap) => mishap.step === step && mishap.code === code));
}
