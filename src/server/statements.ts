// The prepared statements that a server has, and what of them is under way. A statement that is parsed counts as there
// from the moment it is sent, because what follows in the pipeline may use it; if its Parse fails, that is taken back.

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
}

const NOTHING: readonly Buffer[] = [];

export class ServerStatements {
  /** By id of the statement: its name here, as the protocol's String. Least recently used first. */
  readonly #names = new Map<number, Buffer>();
  /** The one that was used last. */
  #newest = 0;
  #serial = 0;
  /** Names that are no longer used and still have to be closed. */
  readonly #orphans: Buffer[] = [];
  readonly #ops: StatementOp[] = [];

  get size(): number {
    return this.#names.size;
  }

  has(id: number): boolean {
    return this.#names.has(id);
  }

  /** Its name here; it is used. */
  use(id: number): Buffer | null {
    const name = this.#names.get(id);
    if (name === undefined) return null;
    if (id !== this.#newest) {
      this.#names.delete(id);
      this.#names.set(id, name);
      this.#newest = id;
    }
    return name;
  }

  /** A name of its own for each Parse: one that failed or was forgotten can't be in the way. */
  add(id: number): Buffer {
    this.#serial += 1;
    const name = Buffer.from(`${SERVER_NAME_PREFIX}${id}_${this.#serial}\0`, 'latin1');
    const before = this.#names.get(id);
    if (before !== undefined) this.#orphans.push(before);
    this.#names.delete(id);
    this.#names.set(id, name);
    this.#newest = id;
    return name;
  }

  /** It is not there after all. */
  remove(id: number, name: Buffer): void {
    if (this.#names.get(id) === name) this.#names.delete(id);
  }

  /** Names that have to be closed so that one more is not more than `limit`. */
  takeSurplus(limit: number): readonly Buffer[] {
    if (this.#orphans.length === 0 && this.#names.size < limit) return NOTHING;
    const surplus = this.#orphans.splice(0);
    for (const [id, name] of this.#names) {
      if (this.#names.size < limit) break;
      this.#names.delete(id);
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
    const name = this.#names.get(id);
    if (name === undefined) return;
    this.#names.delete(id);
    this.#orphans.push(name);
  }

  /** They are of no use any more, and are closed by and by. */
  abandonAll(): void {
    for (const name of this.#names.values()) this.#orphans.push(name);
    this.#names.clear();
  }

  /** DEALLOCATE ALL: there are none. */
  clear(): void {
    this.#names.clear();
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
