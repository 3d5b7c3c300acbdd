// The prepared statements that a server has, and what of them is under way. A statement that is parsed counts as there
// from the moment it is sent, because what follows in the pipeline may use it; if its Parse fails, that is taken back.

import type { FrameReader } from '../protocol/frame-reader.ts';
import { Backend } from '../protocol/message-types.ts';
import { message } from '../protocol/writer.ts';
import { type PreparedStatement, SERVER_NAME_PREFIX } from '../session/prepared.ts';

/** Something sent that has to be taken back if the server does not do it. */
export interface StatementOp {
  /** The server failed before it, or at it. */
  undo(): void;
  /** It is done. */
  done(): void;
  /** What its holder is told when it fails, in the place of Postgres' own error. */
  readonly rejection: Buffer | null;
  /** The statement that it uses. */
  readonly statement?: PreparedStatement;
  /** A Describe was answered: see result-shape.ts. */
  described?(shape: string): void;
}

/** A statement as it was parsed here. */
export interface Parsed {
  /** Its name, as the protocol's String. */
  readonly name: Buffer;
  /** What it takes and returns; null: nobody has asked. Postgres lets no plan change that. */
  shape: string | null;
}

const SERVER_NAMES = new RegExp(`${SERVER_NAME_PREFIX}(\\d+)_\\d+`, 'g');

const NOTHING: readonly Buffer[] = [];

export class ServerStatements {
  /** By id of the statement. Least recently used first. */
  readonly #parsed = new Map<number, Parsed>();
  /** The one that was used last. */
  #newest = 0;
  #serial = 0;
  /** Names that are no longer used and still have to be closed. */
  readonly #orphans: Buffer[] = [];
  readonly #ops: StatementOp[] = [];

  get size(): number {
    return this.#parsed.size;
  }

  has(id: number): boolean {
    return this.#parsed.has(id);
  }

  find(id: number): Parsed | null {
    return this.#parsed.get(id) ?? null;
  }

  /** It is used. */
  use(id: number): Parsed | null {
    const parsed = this.#parsed.get(id);
    if (parsed === undefined) return null;
    if (id !== this.#newest) {
      this.#parsed.delete(id);
      this.#parsed.set(id, parsed);
      this.#newest = id;
    }
    return parsed;
  }

  /** A name of its own for each Parse: one that failed or was forgotten can't be in the way. */
  add(id: number): Parsed {
    this.#serial += 1;
    const parsed = { name: Buffer.from(`${SERVER_NAME_PREFIX}${id}_${this.#serial}\0`, 'latin1'), shape: null };
    const before = this.#parsed.get(id);
    if (before !== undefined) this.#orphans.push(before.name);
    this.#parsed.delete(id);
    this.#parsed.set(id, parsed);
    this.#newest = id;
    return parsed;
  }

  /** It is not there after all. */
  remove(id: number, name: Buffer): void {
    if (this.#parsed.get(id)?.name === name) this.#parsed.delete(id);
  }

  /** Names that have to be closed so that one more is not more than `limit`. */
  takeSurplus(limit: number): readonly Buffer[] {
    if (this.#orphans.length === 0 && this.#parsed.size < limit) return NOTHING;
    const surplus = this.#orphans.splice(0);
    for (const [id, { name }] of this.#parsed) {
      if (this.#parsed.size < limit) break;
      this.#parsed.delete(id);
      surplus.push(name);
    }
    return surplus;
  }

  /** It was not closed after all: later. */
  orphaned(name: Buffer): void {
    this.#orphans.push(name);
  }

  /** It is of no use any more, and is closed by and by. */
  abandon(id: number): void {
    const parsed = this.#parsed.get(id);
    if (parsed === undefined) return;
    this.#parsed.delete(id);
    this.#orphans.push(parsed.name);
  }

  /** They are of no use any more, and are closed by and by. */
  abandonAll(): void {
    for (const { name } of this.#parsed.values()) this.#orphans.push(name);
    this.#parsed.clear();
  }

  /** DEALLOCATE ALL: there are none. */
  clear(): void {
    this.#parsed.clear();
    this.#orphans.length = 0;
  }

  /** In the order in which the server will come to them. */
  sent(op: StatementOp): void {
    this.#ops.push(op);
  }

  /** The first one under way. */
  get first(): StatementOp | null {
    return this.#ops[0] ?? null;
  }

  /** The first ones are done. */
  ended(count: number): void {
    for (let index = 0; index < count; index += 1) this.#ops.shift()?.done();
  }

  /** The first ones were not done: taken back, the last one first. */
  dropped(count: number): void {
    for (const op of this.#ops.splice(0, count).reverse()) op.undo();
  }
}

/** An error that names a statement as the server does, with the holder's own name for it; holder null: left as it is. */
export function withHoldersNames(reader: FrameReader, holder: { nameOf(id: number): string | null } | null): Buffer {
  const body = reader.buffer
    .toString('latin1', reader.start + 5, reader.end)
    .replace(SERVER_NAMES, (name, id: string) => holder?.nameOf(Number(id)) ?? name);
  return message(Backend.ErrorResponse, Buffer.from(body, 'latin1'));
}
