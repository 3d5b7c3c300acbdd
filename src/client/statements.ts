// A client's named prepared statements: its names for what its pool shares, and how Parse, Bind, Describe and Close are
// said to a server that calls them otherwise, or does not have them yet.

import type { Settings } from '../config/settings-table.ts';
import type { PoolStats } from '../pool/stats.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend, TxStatus } from '../protocol/message-types.ts';
import { closeStatement, describeStatement, flush, parseHead, renamed } from '../protocol/writer.ts';
import type { Server } from '../server/server.ts';
import type { Parsed, ServerStatements, StatementOp } from '../server/statements.ts';
import type { PreparedStatement, PreparedStatements } from '../session/prepared.ts';

const NO_REJECTION = null;

/** What a name stands for. */
export class Named implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly statement: PreparedStatement;
  /** What it may do to the session whenever it is bound: bits of Suspect. */
  readonly suspect: number;
  /** What its client was told that it takes and returns (result-shape.ts); null: it has not asked. */
  told: string | null = null;

  constructor(statement: PreparedStatement, suspect: number) {
    this.statement = statement;
    this.suspect = suspect;
  }

  /** For each Bind of it. */
  done(): void {}

  undo(): void {}
}

const FLUSH = flush();
/** CloseComplete without an effect: there is no statement of this name. */
const CLOSE_NOTHING = closeStatement(Buffer.from('pgsluice_none\0', 'latin1'));

export class ClientStatements {
  readonly #shared: PreparedStatements;
  readonly #limits: () => Limits;
  readonly #counts: ParseCounts;
  /** By name, as latin1. */
  readonly #names = new Map<string, Named>();
  /** DEALLOCATE ALL was sent, and may have worked. */
  #isDoubtful = false;
  #isClosed = false;
  /** It has asked what one of them takes and returns. */
  wasAsked = false;

  constructor(shared: PreparedStatements, limits: () => Limits, counts: ParseCounts) {
    this.#shared = shared;
    this.#limits = limits;
    this.#counts = counts;
  }

  get size(): number {
    return this.#names.size;
  }

  /** The name stands for what an outdated statement is now. Null: there is no room for it. */
  renew(name: string, { statement, suspect }: Named): Named | null {
    const renewed = this.#shared.renew(statement, this.#limits().max_prepared_bytes);
    if (renewed === null) return null;
    this.#shared.give(statement);
    const named = new Named(renewed, suspect);
    this.#names.set(name, named);
    return named;
  }

  find(name: string): Named | null {
    return this.#names.get(name) ?? null;
  }

  /** A name that is taken can't be given to another statement. Postgres: StorePreparedStatement. */
  isTaken(name: string): boolean {
    return !this.#isDoubtful && this.#names.has(name);
  }

  deallocateAll(): void {
    this.#isDoubtful = true;
  }

  /** All names go: the client is closed. */
  close(): void {
    this.#isClosed = true;
    for (const { statement } of this.#names.values()) this.#shared.give(statement);
    this.#names.clear();
  }

  /** No name of it can stand for this again. */
  forget(before: Named | null): void {
    if (before !== null) this.#shared.give(before.statement);
  }

  /** A name stands again for what it did before. What it stood for last was given back when the client was closed. */
  takeBack(name: string, before: Named | null, after: PreparedStatement | null): void {
    if (this.#isClosed) {
      this.forget(before);
      return;
    }
    if (before === null) this.#names.delete(name);
    else this.#names.set(name, before);
    if (after !== null) this.#shared.give(after);
  }

  /** The whole Parse under the cursor. False: there is no room for it. */
  parse(server: Server, name: string, body: Buffer, session: string, suspect: number): boolean {
    const limits = this.#limits();
    const statement = this.#shared.take(body, session, limits.max_prepared_bytes);
    if (statement === null) return false;
    const before = this.#names.get(name) ?? null;
    this.#names.set(name, new Named(statement, suspect));
    this.#counts.clientParseCount += 1;
    const naming = new Naming(this, name, before, statement);
    // Inside a transaction nothing can be repeated that a plan out of date fails; and Parse fails in a failed one, Close would not.
    if (server.statements.has(statement.id) && server.txStatus === TxStatus.Idle) {
      server.statements.use(statement.id);
      server.trackParseAsClose(naming);
      server.stream.relay(CLOSE_NOTHING, 0, CLOSE_NOTHING.length);
      return true;
    }
    makeRoom(server, limits.max_prepared_statements);
    const { name: serverName } = server.statements.add(statement.id);
    server.track(Frontend.Parse, false, new Parsing(server.statements, statement.id, serverName, naming));
    this.#counts.serverParseCount += 1;
    relayParse(server, serverName, statement.body);
    return true;
  }

  /**
   * The Bind or Describe under the cursor names a statement at `nameStart` of the reader's buffer, up to the NUL at
   * nameEnd: all up to there is sent in the server's words.
   */
  use(server: Server, reader: FrameReader, named: Named, nameStart: number, nameEnd: number): void {
    const parsed = this.#onServer(server, named.statement);
    const head = renamed(reader, nameStart, nameEnd, parsed.name);
    server.stream.relay(head, 0, head.length);
    const isDescribe = reader.type === Frontend.Describe;
    this.wasAsked ||= isDescribe;
    if (!isDescribe) this.#counts.bindCount += 1;
    server.track(reader.type, false, isDescribe ? new Describing(parsed, named) : named);
  }

  /**
   * Asks whether the statement takes and returns on this server what the client was told: what was parsed before a table changed
   * may be parsed again behind it, and Postgres, which refuses such a plan, knows of no before. Null: it does, as far as known.
   */
  verify(server: Server, { statement, told }: Named): Verification | null {
    const known = server.statements.find(statement.id);
    if (known !== null && known.shape === told) return null;
    // One of the two is older: what it is now tells which.
    server.statements.abandon(statement.id);
    const parsed = this.#onServer(server, statement);
    const verification = new Verification(parsed, statement);
    server.track(Frontend.Describe, true, verification);
    const message = describeStatement(parsed.name);
    server.stream.relay(message, 0, message.length);
    server.stream.relay(FLUSH, 0, FLUSH.length);
    return verification;
  }

  /** The server has it, or gets it now. */
  #onServer(server: Server, statement: PreparedStatement): Parsed {
    const there = server.statements.use(statement.id);
    if (there !== null) return there;
    makeRoom(server, this.#limits().max_prepared_statements);
    const parsed = server.statements.add(statement.id);
    server.track(Frontend.Parse, true, new Parsing(server.statements, statement.id, parsed.name, null));
    this.#counts.serverParseCount += 1;
    relayParse(server, parsed.name, statement.body);
    return parsed;
  }

  /** The whole Close under the cursor. False: the name is not one of these. */
  closeName(server: Server, name: string): boolean {
    const before = this.#names.get(name);
    if (before === undefined) return false;
    this.#names.delete(name);
    server.track(Frontend.Close, false, new Naming(this, name, before, null));
    server.stream.relay(CLOSE_NOTHING, 0, CLOSE_NOTHING.length);
    return true;
  }

  /** DEALLOCATE of one name of these, and nothing else: which. */
  deallocated(text: string): string | null {
    const match = /^\s*deallocate\s+(?:prepare\s+)?(?:"((?:[^"]|"")+)"|([\w$]+))\s*;?\s*$/i.exec(text);
    if (match === null) return null;
    const name = match[1]?.replaceAll('""', '"') ?? match[2]!.toLowerCase();
    const key = Buffer.from(name).toString('latin1');
    return this.#names.has(key) ? key : null;
  }

  /** One name of it went with a statement of SQL. */
  drop(name: string): void {
    this.forget(this.#names.get(name) ?? null);
    this.#names.delete(name);
  }

  /** A text in SQL that may be about statements of these: by name, or all. */
  isMentionedIn(text: string): boolean {
    if (this.#names.size === 0) return false;
    if (/pg_prepared_statements?/i.test(text)) return true;
    for (const name of this.#names.keys()) if (text.toLowerCase().includes(name.toLowerCase())) return true;
    return false;
  }

  /** Has the server call all of them as the client does, and nothing else: it is this client's from now on. */
  bringTo(server: Server): void {
    for (const serverName of server.statements.takeSurplus(0)) {
      server.track(Frontend.Close, true, NO_OP);
      const message = closeStatement(serverName);
      server.stream.relay(message, 0, message.length);
    }
    for (const [name, { statement }] of this.#names) {
      server.track(Frontend.Parse, true, NO_OP);
      this.#counts.serverParseCount += 1;
      relayParse(server, Buffer.from(`${name}\0`, 'latin1'), statement.body);
    }
  }

  /** The client's own name for what a server calls so in an error. */
  nameOf(id: number): string | null {
    for (const [name, { statement }] of this.#names) if (statement.id === id) return name;
    return null;
  }
}

/** Of the pool's counters. */
export type ParseCounts = Pick<PoolStats, 'clientParseCount' | 'serverParseCount' | 'bindCount'>;

/** Settings that bound what is kept. */
export type Limits = Pick<Settings, 'max_prepared_bytes' | 'max_prepared_statements'>;

function relayParse(server: Server, serverName: Buffer, body: Buffer): void {
  const head = parseHead(serverName, body.length);
  server.stream.relay(head, 0, head.length);
  server.stream.relay(body, 0, body.length);
}

/** At most so many stay on a server: the one that was used least recently goes. */
function makeRoom(server: Server, limit: number): void {
  for (const name of server.statements.takeSurplus(limit)) {
    server.track(Frontend.Close, true, new Closing(server.statements, name));
    const message = closeStatement(name);
    server.stream.relay(message, 0, message.length);
  }
}

/** Nothing depends on it: its server is the client's own. */
export const NO_OP: StatementOp = { rejection: NO_REJECTION, done() {}, undo() {} };

/** A name of the client was given to a statement (or, after null, taken from it). */
class Naming implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly #client: ClientStatements;
  readonly #name: string;
  readonly #before: Named | null;
  readonly #after: PreparedStatement | null;

  constructor(client: ClientStatements, name: string, before: Named | null, after: PreparedStatement | null) {
    this.#client = client;
    this.#name = name;
    this.#before = before;
    this.#after = after;
  }

  done(): void {
    this.#client.forget(this.#before);
  }

  undo(): void {
    this.#client.takeBack(this.#name, this.#before, this.#after);
  }
}

/** The client asks what its statement takes and returns. */
class Describing implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly statement: PreparedStatement;
  readonly #parsed: Parsed;
  readonly #named: Named;

  constructor(parsed: Parsed, named: Named) {
    this.statement = named.statement;
    this.#parsed = parsed;
    this.#named = named;
  }

  described(shape: string): void {
    this.#parsed.shape = shape;
    this.#named.told = shape;
  }

  done(): void {}

  undo(): void {}
}

/** We ask, before the client's Bind goes out. */
export class Verification implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly statement: PreparedStatement;
  readonly #parsed: Parsed;
  /** The server has answered, or comes to no answer. */
  isOver = false;

  constructor(parsed: Parsed, statement: PreparedStatement) {
    this.statement = statement;
    this.#parsed = parsed;
  }

  /** Null: it has failed, and so will whatever follows in the batch. */
  get shape(): string | null {
    return this.#parsed.shape;
  }

  described(shape: string): void {
    this.#parsed.shape = shape;
  }

  done(): void {
    this.isOver = true;
  }

  undo(): void {
    this.isOver = true;
  }
}

class Parsing implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly #statements: ServerStatements;
  readonly #id: number;
  readonly #serverName: Buffer;
  readonly #naming: Naming | null;

  constructor(statements: ServerStatements, id: number, serverName: Buffer, naming: Naming | null) {
    this.#statements = statements;
    this.#id = id;
    this.#serverName = serverName;
    this.#naming = naming;
  }

  done(): void {
    this.#naming?.done();
  }

  undo(): void {
    this.#statements.remove(this.#id, this.#serverName);
    this.#naming?.undo();
  }
}

class Closing implements StatementOp {
  readonly rejection = NO_REJECTION;
  readonly #statements: ServerStatements;
  readonly #serverName: Buffer;

  constructor(statements: ServerStatements, serverName: Buffer) {
    this.#statements = statements;
    this.#serverName = serverName;
  }

  done(): void {}

  undo(): void {
    this.#statements.orphaned(this.#serverName);
  }
}
