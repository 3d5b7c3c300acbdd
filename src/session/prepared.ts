// Prepared statements of the protocol as clients share them: one for each text, parameter types and session that they
// mean the same in. Pure.

import { hash, randomBytes } from 'node:crypto';

/** What a server calls them: no client can guess it. */
export const SERVER_NAME_PREFIX = `pgsluice_${randomBytes(4).toString('hex')}_`;

export class PreparedStatement {
  readonly id: number;
  readonly key: string;
  /** Parse's body behind the name: the text, and the parameter types. */
  readonly body: Buffer;
  /** Names of clients that stand for it. */
  users = 0;
  /** Postgres has refused its plan: what it returns is no longer what clients were told. Who parses it anew gets another one. */
  isOutdated = false;
  readonly #owner: PreparedStatements;

  constructor(owner: PreparedStatements, id: number, key: string, body: Buffer) {
    this.#owner = owner;
    this.id = id;
    this.key = key;
    this.body = body;
  }

  outdate(): void {
    if (this.isOutdated) return;
    this.isOutdated = true;
    this.#owner.forget(this);
  }
}

let lastId = 0;

/** Those of a pool. Unused ones are kept as long as there is room: a client that comes back finds them. */
export class PreparedStatements {
  readonly #byKey = new Map<string, PreparedStatement>();
  /** Oldest first. */
  readonly #unused = new Set<PreparedStatement>();
  #bytes = 0;

  get size(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The one for this body, and one user more. session: where its meaning is the same (literals are evaluated and names
   * looked up when it is parsed). Null: there is no room for it within maxBytes.
   */
  take(body: Buffer, session: string, maxBytes: number): PreparedStatement | null {
    return this.#take(hash('sha256', body, 'base64') + session, body, maxBytes);
  }

  /** The one that an outdated one is now. */
  renew(outdated: PreparedStatement, maxBytes: number): PreparedStatement | null {
    return this.#take(outdated.key, outdated.body, maxBytes);
  }

  #take(key: string, body: Buffer, maxBytes: number): PreparedStatement | null {
    let statement = this.#byKey.get(key);
    if (statement === undefined) {
      if (!this.#makeRoom(sizeOf(key, body), maxBytes)) return null;
      lastId += 1;
      statement = new PreparedStatement(this, lastId, key, Buffer.from(body));
      this.#byKey.set(key, statement);
      this.#bytes += sizeOf(key, body);
    }
    statement.users += 1;
    this.#unused.delete(statement);
    return statement;
  }

  /** A name less stands for it. */
  give(statement: PreparedStatement): void {
    statement.users -= 1;
    if (statement.users === 0 && !statement.isOutdated) this.#unused.add(statement);
  }

  /** Nobody else gets this one. */
  forget(statement: PreparedStatement): void {
    this.#unused.delete(statement);
    if (this.#byKey.get(statement.key) !== statement) return;
    this.#byKey.delete(statement.key);
    this.#bytes -= sizeOf(statement.key, statement.body);
  }

  #makeRoom(wanted: number, maxBytes: number): boolean {
    for (const statement of this.#unused) {
      if (this.#bytes + wanted <= maxBytes) return true;
      this.forget(statement);
    }
    return this.#bytes + wanted <= maxBytes;
  }
}

/** An object, an entry of a map and a key each come to about this much. */
const OVERHEAD = 300;

function sizeOf(key: string, body: Buffer): number {
  return OVERHEAD + key.length + body.length;
}
