// What a client's Parse, Bind, Describe and Close mean where prepared statements are shared: which of them go to the server
// as they are, which in other words, and which are refused. SQL that is about prepared statements belongs here too.

import type { Pool } from '../pool/pool.ts';
import { poolerError } from '../protocol/catalogue.ts';
import { errorResponse } from '../protocol/error-fields.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';
import { query } from '../protocol/writer.ts';
import type { Server } from '../server/server.ts';
import type { ServerHolder } from '../server/server-holder.ts';
import type { ParameterSet } from '../session/parameters.ts';
import type { SessionKeeper } from '../session/session-keeper.ts';
import { Suspect } from '../session/suspect.ts';
import { describes } from './batch.ts';
import { ClientStatements, NO_OP, type Verification } from './statements.ts';
import { UnnamedStatement } from './unnamed-statement.ts';

/** The client whose messages these are. */
export interface StatementClient extends ServerHolder {
  readonly id: number;
  readonly pool: Pool | null;
  readonly server: Server | null;
  readonly parameters: ParameterSet;
  /** Its session follows it from server to server. */
  readonly sharesSession: boolean;
  readonly session: SessionKeeper;
}

/** The message goes to the server as it is. */
export const AS_IS = -1;
/** All that there is to send was sent. */
export const SENT = -2;

/** Describe and Close: a statement, and no portal. */
const STATEMENT = 0x53;

/** Postgres' own words. Drivers look for the routine: RevalidateCachedQuery. */
const OUTDATED_PLAN = errorResponse({
  severity: 'ERROR',
  sqlstate: '0A000',
  message: 'cached plan must not change result type',
  routine: 'RevalidateCachedQuery',
});

const ABOUT_STATEMENTS = Suspect.Prepare | Suspect.Execute;
const DEALLOCATED = 'PREPARE "pgsluice_gone" AS SELECT 1';
const DEALLOCATE = query('DEALLOCATE "pgsluice_gone"');

export class StatementMessages {
  readonly #client: StatementClient;
  readonly #unnamed = new UnnamedStatement();
  /** Null until it has named one. */
  #named: ClientStatements | null = null;
  /** Of the Bind that waits, or that comes next. */
  #verification: Verification | null = null;

  constructor(client: StatementClient) {
    this.#client = client;
  }

  /** False: names go to the server as they are. */
  get #isShared(): boolean {
    const { pool, server, sharesSession } = this.#client;
    return sharesSession && pool!.settings.max_prepared_statements > 0 && server?.isOwn !== true;
  }

  /** Named ones. */
  get size(): number {
    return this.#named?.size ?? 0;
  }

  nameOf(id: number): string | null {
    return this.#named?.nameOf(id) ?? null;
  }

  /** The client is closed. */
  close(): void {
    this.#named?.close();
  }

  /** The chunk is the reader's no longer. */
  settle(): void {
    this.#unnamed.settle();
  }

  sync(): void {
    if (this.#unnamed.isOpen) this.#unnamed.synced();
  }

  /** A simple query ends the unnamed statement. */
  query(server: Server): void {
    server.unnamedOwner = null;
    this.#unnamed.drop();
  }

  /** AS_IS or SENT. */
  parse(server: Server, reader: FrameReader): number {
    const { buffer, start, end } = reader;
    const nameEnd = buffer.indexOf(0, start + 5);
    if (nameEnd === start + 5) {
      server.unnamedOwner = this.#client;
      this.#unnamed.parsed(reader);
    }
    if (nameEnd <= start + 5 || nameEnd >= end || !this.#isShared) return AS_IS;
    if (!reader.last) {
      server.pins |= Suspect.Held; // too long to be kept
      return AS_IS;
    }
    const { id, parameters, session } = this.#client;
    const pool = this.#client.pool!;
    this.#named ??= new ClientStatements(pool.prepared, () => pool.settings, pool.stats);
    const name = buffer.toString('latin1', start + 5, nameEnd);
    if (this.#named.isTaken(name)) {
      const shown = buffer.toString('utf8', start + 5, nameEnd);
      server.reject(Frontend.Parse, errorResponse(poolerError('prepared_statement_exists', shown)));
      return SENT;
    }
    // What its own transaction may have changed, or only its server has, is nothing for others.
    const isPrivate = server.suspect !== Suspect.None || (server.pins & ~Suspect.Listen) !== Suspect.None;
    const sameAs = isPrivate ? `client ${id}` : parameters.key;
    if (!this.#named.parse(server, name, buffer.subarray(nameEnd + 1, end), sameAs, session.found)) {
      const limit = String(pool.settings.max_prepared_bytes);
      server.reject(Frontend.Parse, errorResponse(poolerError('too_many_prepared', limit)));
    }
    return SENT;
  }

  /** A Bind, Describe or Close: AS_IS, SENT, or where in the reader's buffer the rest of it begins. */
  use(server: Server, type: number, reader: FrameReader): number {
    const verification = this.#verification;
    this.#verification = null;
    const { buffer, start, end } = reader;
    let nameStart = start + 6;
    if (type === Frontend.Bind) {
      nameStart = buffer.indexOf(0, start + 5) + 1;
      if (nameStart === 0 || nameStart >= end) return AS_IS;
    } else if (buffer[start + 5] !== STATEMENT) return AS_IS;
    const nameEnd = buffer.indexOf(0, nameStart);
    if (nameEnd < 0 || nameEnd >= end || !this.#client.sharesSession) return AS_IS;
    if (nameEnd === nameStart) return this.#useUnnamed(server, type, reader);
    const name = buffer.toString('latin1', nameStart, nameEnd);
    if (type === Frontend.Close) return this.#closeName(server, name);
    let named = this.#named?.find(name) ?? null;
    if (named === null || !this.#isShared) return AS_IS;
    if (verification !== null && verification.shape !== null && verification.shape !== named.told) {
      server.reject(type, OUTDATED_PLAN);
      return SENT;
    }
    if (named.statement.isOutdated) {
      // Who does not ask what it returns would take it for what it was.
      const renewed = describes(buffer, start, buffer.length) ? this.#named!.renew(name, named) : null;
      if (renewed === null) {
        server.reject(type, OUTDATED_PLAN);
        return SENT;
      }
      named = renewed;
    }
    if (type === Frontend.Bind) {
      if (!server.replies.isBatchOpen) {
        server.hold.statements += 1;
        server.hold.noteShared(named.statement.body);
      }
      this.#suspect(server, named.suspect, reader);
    }
    this.#named!.use(server, reader, named, nameStart, nameEnd);
    return nameEnd + 1;
  }

  /**
   * The Bind under the cursor has to wait: its client relies on what it was told of the statement, and does not know that this server says the
   * same. Postgres is asked; isVerified tells when it has answered.
   */
  mustVerify(server: Server, reader: FrameReader): boolean {
    if (this.#named?.wasAsked !== true || this.#verification !== null || !this.#isShared) return false;
    const { replies } = server;
    if (replies.isCopyIn || replies.isUntold || !server.isTransactionSound) return false;
    const { buffer, start, end } = reader;
    const nameStart = buffer.indexOf(0, start + 5) + 1;
    const nameEnd = buffer.indexOf(0, nameStart);
    if (nameStart === 0 || nameEnd <= nameStart || nameEnd >= end) return false;
    const named = this.#named.find(buffer.toString('latin1', nameStart, nameEnd));
    if (named === null || named.told === null || named.statement.isOutdated) return false;
    // Who asks again is told again.
    if (describes(buffer, start, buffer.length)) return false;
    this.#verification = this.#named.verify(server, named);
    return this.#verification !== null;
  }

  get isVerified(): boolean {
    return this.#verification?.isOver !== false;
  }

  #closeName(server: Server, name: string): number {
    if (this.#isShared && this.#named?.closeName(server, name) === true) return SENT;
    server.suspect |= Suspect.Prepare; // it may be one of SQL's PREPARE
    return AS_IS;
  }

  /** The unnamed statement is that of the client that parsed one on this server last. */
  #useUnnamed(server: Server, type: number, reader: FrameReader): number {
    if (type === Frontend.Close || !this.#isShared) return AS_IS;
    if (server.unnamedOwner !== this.#client) {
      const { text } = this.#unnamed;
      if (text === null) {
        server.reject(type, errorResponse(poolerError('prepared_statement_missing')));
        return SENT;
      }
      server.track(Frontend.Parse, true, NO_OP);
      server.stream.relay(text, 0, text.length);
      server.unnamedOwner = this.#client;
    }
    if (type === Frontend.Bind) {
      this.#unnamed.bound();
      this.#suspect(server, this.#client.session.unnamed, reader);
    }
    return AS_IS;
  }

  /** What a statement may do to the session, it may do each time that it is bound. */
  #suspect(server: Server, suspect: number, reader: FrameReader): void {
    if (suspect === Suspect.None) return;
    server.suspect |= this.#client.session.lookAtBind(reader, suspect, this.#client.pool!.customNames);
  }

  /** A Query or Parse that may do this: SQL may mean statements of the protocol. False: it was sent in other words. */
  look(server: Server, reader: FrameReader, found: number): boolean {
    const isOurs = this.#named === null || (found & ABOUT_STATEMENTS) === 0 || this.#lookCloser(server, reader, found);
    if (isOurs && (found & Suspect.DeallocateAll) !== 0) {
      server.statements.abandonAll();
      this.#named?.deallocateAll();
    }
    return isOurs;
  }

  #lookCloser(server: Server, reader: FrameReader, found: number): boolean {
    const named = this.#named!;
    if (!this.#isShared || !server.isTransactionSound) return true;
    const isQuery = reader.type === Frontend.Query;
    const from = isQuery ? reader.start + 5 : reader.buffer.indexOf(0, reader.start + 5) + 1;
    const text = reader.buffer.toString('utf8', from, reader.buffer.indexOf(0, from));
    const name = isQuery ? named.deallocated(text) : null;
    if (name !== null) {
      // One that we make goes in its place, so that the answer is Postgres' own.
      server.restore(DEALLOCATED);
      named.drop(name);
      server.replies.sent(Frontend.Query);
      server.stream.relay(DEALLOCATE, 0, DEALLOCATE.length);
      return false;
    }
    if ((found & Suspect.DeallocateAll) !== 0 || !named.isMentionedIn(text)) return true;
    const isAlone = isQuery && !server.replies.isBatchOpen;
    named.bringTo(server);
    if (isAlone) server.syncOurs();
    server.isOwn = true;
    server.pins |= Suspect.Held;
    return true;
  }
}
