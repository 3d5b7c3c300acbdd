// The replies that a server still owes, in order, and who gets each: the only authority on where a reply goes and on
// when a server owes nothing. ReadyForQuery alone says neither, because clients pipeline.
//
// One entry per frontend message that is answered. What completes an entry follows "Message Flow" of the protocol and
// PostgresMain (src/backend/tcop/postgres.c); PgBouncer keeps the same as outstanding_requests.

import { Backend, Frontend } from '../protocol/message-types.ts';

/** What to do with a reply. */
export const Route = {
  /** To the client that holds the server. */
  Forward: 0,
  /** Ours: the answer to a question of our own. */
  Swallow: 1,
  /** No one asked: the connection can't be trusted any more. */
  Violation: 2,
} as const;
export type Route = (typeof Route)[keyof typeof Route];

// Entry bytes. Copy end (CopyDone, CopyFail) owes no reply; it is kept to know which Syncs a COPY has eaten.
const PARSE = 1;
const BIND = 2;
const DESCRIBE = 3;
const EXECUTE = 4;
const CLOSE = 5;
const SYNC = 6;
const QUERY = 7;
const FUNCTION_CALL = 8;
const COPY_END = 9;
const KIND_MASK = 0x0f;
const OURS = 0x80;

const KIND_OF_TYPE = new Uint8Array(256);
KIND_OF_TYPE[Frontend.Parse] = PARSE;
KIND_OF_TYPE[Frontend.Bind] = BIND;
KIND_OF_TYPE[Frontend.Describe] = DESCRIBE;
KIND_OF_TYPE[Frontend.Execute] = EXECUTE;
KIND_OF_TYPE[Frontend.Close] = CLOSE;
KIND_OF_TYPE[Frontend.Sync] = SYNC;
KIND_OF_TYPE[Frontend.Query] = QUERY;
KIND_OF_TYPE[Frontend.FunctionCall] = FUNCTION_CALL;
KIND_OF_TYPE[Frontend.CopyDone] = COPY_END;
KIND_OF_TYPE[Frontend.CopyFail] = COPY_END;

const INITIAL_CAPACITY = 16;

export class ReplyQueue {
  #ring = new Uint8Array(INITIAL_CAPACITY);
  #head = 0;
  #length = 0;
  /** The server reads CopyData now: it answers neither Sync nor Flush until the copy ends. */
  #copyIn = false;
  /** A Sync was sent while a copy was on, so whether the server ate it is not sure if the copy fails. */
  #syncDuringCopy = false;
  /** After an error in an extended exchange the server ignores everything up to Sync. */
  #skipping = false;
  /** Extended messages were sent and no Sync yet: the server is inside an implicit transaction. */
  #openBatch = false;
  /** A Sync was sent that a failed copy may or may not have eaten: one ReadyForQuery more or less will come. */
  #unsure = false;
  /** Our own empty query is out, whose answer settles #unsure: what comes before its first byte is the stray one. */
  #probing = false;
  #both = false;

  /** Entries outstanding; bounds what a client may pipeline. */
  get length(): number {
    return this.#length;
  }

  /** Nothing is owed and no exchange is half sent: with tx status I the server could be released. */
  get isIdle(): boolean {
    return this.#length === 0 && !this.#openBatch && !this.#copyIn && !this.#skipping && !this.#unsure && !this.#both;
  }

  /** An extended exchange was begun and its Sync has not been sent. */
  get isBatchOpen(): boolean {
    return this.#openBatch || this.#skipping;
  }

  get isCopyIn(): boolean {
    return this.#copyIn;
  }

  /** Everything known was answered, but a stray ReadyForQuery may follow: ask an empty query, then call probeSent(). */
  get needsProbe(): boolean {
    return this.#unsure && !this.#probing && this.#length === 0 && !this.#openBatch && !this.#skipping && !this.#copyIn;
  }

  probeSent(): void {
    this.#probing = true;
    this.#push(QUERY, true);
  }

  /** A frontend message was sent to the server. ours: its reply is swallowed. */
  sent(type: number, ours = false): void {
    const kind = KIND_OF_TYPE[type]!;
    if (kind === 0) return; // CopyData, Flush, Terminate: not answered
    if (this.#copyIn) {
      if (kind === COPY_END) this.#copyIn = false;
      else if (kind === SYNC)
        this.#syncDuringCopy = true; // Postgres: CopyGetData ignores Sync and Flush
      else this.#push(kind, ours); // fails the copy; the server answers with an error first
      return;
    }
    if (kind === COPY_END && this.#length === 0) return; // late end of a copy that failed: Postgres ignores it
    if (this.#skipping) {
      if (kind !== SYNC) return;
      this.#skipping = false;
    }
    this.#openBatch =
      kind === SYNC || kind === QUERY || kind === FUNCTION_CALL ? false : kind !== COPY_END || this.#openBatch;
    this.#push(kind, ours);
  }

  /** A backend message came. Asynchronous ones (Notice, ParameterStatus, Notification) are routed but complete nothing. */
  received(type: number): Route {
    if (this.#both) return Route.Forward;
    if (this.#length === 0) return this.#receivedUnasked(type);
    const entry = this.#ring[this.#head]!;
    const kind = entry & KIND_MASK;
    const route = (entry & OURS) === 0 ? Route.Forward : Route.Swallow;
    switch (type) {
      case Backend.DataRow:
      case Backend.CopyData:
      case Backend.CopyDone:
      case Backend.CopyOutResponse:
        return kind === QUERY || kind === EXECUTE ? route : Route.Violation;
      case Backend.RowDescription:
        if (kind === DESCRIBE) this.#pop();
        return kind === DESCRIBE || kind === QUERY ? route : Route.Violation;
      case Backend.EmptyQueryResponse:
        if (this.#probing && entry === (QUERY | OURS)) this.#settled();
        return this.#commandOver(kind, route);
      case Backend.CommandComplete:
        return this.#commandOver(kind, route);
      case Backend.ReadyForQuery:
        if (kind !== SYNC && kind !== QUERY && kind !== FUNCTION_CALL) return Route.Violation;
        if (this.#probing && entry === (QUERY | OURS)) {
          this.#settled(); // the stray one; the answer to the empty query follows
          return Route.Forward;
        }
        this.#pop();
        return route;
      case Backend.ParseComplete:
        return this.#complete(kind === PARSE, route);
      case Backend.BindComplete:
        return this.#complete(kind === BIND, route);
      case Backend.CloseComplete:
        return this.#complete(kind === CLOSE, route);
      case Backend.PortalSuspended:
        return this.#complete(kind === EXECUTE, route);
      case Backend.NoData:
        return this.#complete(kind === DESCRIBE, route);
      case Backend.ParameterDescription:
        return kind === DESCRIBE ? route : Route.Violation;
      case Backend.FunctionCallResponse:
        return kind === FUNCTION_CALL ? route : Route.Violation;
      case Backend.CopyInResponse:
        if (kind !== QUERY && kind !== EXECUTE) return Route.Violation;
        this.#beginCopyIn();
        return route;
      case Backend.CopyBothResponse:
        this.#both = true; // replication: the rest of the session is this client's
        return route;
      case Backend.ErrorResponse:
        this.#failed(kind);
        return route;
      case Backend.NoticeResponse:
      case Backend.ParameterStatus:
      case Backend.NotificationResponse:
        return route;
      default:
        return Route.Violation;
    }
  }

  #receivedUnasked(type: number): Route {
    switch (type) {
      case Backend.NoticeResponse:
      case Backend.ParameterStatus:
      case Backend.NotificationResponse:
        return Route.Forward;
      case Backend.ErrorResponse: // FATAL on its own account (57P01 and the like): the connection ends
        return Route.Forward;
      case Backend.ReadyForQuery:
        // The Sync that a failing copy may or may not have eaten.
        if (!this.#unsure) return Route.Violation;
        this.#unsure = false;
        this.#skipping = false;
        return Route.Forward;
      default:
        return Route.Violation;
    }
  }

  #commandOver(kind: number, route: Route): Route {
    if (kind === EXECUTE) this.#pop();
    return kind === EXECUTE || kind === QUERY ? route : Route.Violation;
  }

  #settled(): void {
    this.#unsure = false;
    this.#probing = false;
  }

  #complete(expected: boolean, route: Route): Route {
    if (!expected) return Route.Violation;
    this.#pop();
    return route;
  }

  /** Syncs sent between the COPY and its end were read by the copy and are never answered. */
  #beginCopyIn(): void {
    const ring = this.#ring;
    const mask = ring.length - 1;
    const head = this.#head;
    let read = 1;
    let kept = 1;
    let ended = false;
    for (; read < this.#length; read += 1) {
      const entry = ring[(head + read) & mask]!;
      const kind = entry & KIND_MASK;
      if (!ended && kind === COPY_END) {
        ended = true;
        continue;
      }
      if (!ended && kind === SYNC) {
        this.#syncDuringCopy = true;
        continue;
      }
      ring[(head + kept) & mask] = entry;
      kept += 1;
    }
    this.#length = kept;
    this.#copyIn = !ended;
    // An eaten Sync did not end the batch: one more will come behind the end of the copy.
    if ((ring[head]! & KIND_MASK) === EXECUTE && !this.#has(SYNC)) this.#openBatch = true;
  }

  #failed(kind: number): void {
    if (this.#syncDuringCopy) this.#unsure = true; // a trigger can fail the copy before it has read the Sync
    this.#copyIn = false;
    this.#syncDuringCopy = false;
    if (kind === QUERY || kind === FUNCTION_CALL || kind === SYNC) return; // ReadyForQuery follows by itself
    while (this.#length > 0 && (this.#ring[this.#head]! & KIND_MASK) !== SYNC) this.#drop();
    if (this.#length === 0) {
      this.#skipping = true;
      this.#openBatch = false;
    }
  }

  #has(kind: number): boolean {
    const mask = this.#ring.length - 1;
    for (let i = 0; i < this.#length; i += 1) {
      if ((this.#ring[(this.#head + i) & mask]! & KIND_MASK) === kind) return true;
    }
    return false;
  }

  #push(kind: number, ours: boolean): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = ours ? kind | OURS : kind;
    this.#length += 1;
  }

  #pop(): void {
    this.#syncDuringCopy = false;
    this.#drop();
    // Ends of copies that never began owe nothing.
    while (this.#length > 0 && (this.#ring[this.#head]! & KIND_MASK) === COPY_END) this.#drop();
  }

  #drop(): void {
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.#length -= 1;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#ring.length * 2);
    const mask = this.#ring.length - 1;
    for (let i = 0; i < this.#length; i += 1) larger[i] = this.#ring[(this.#head + i) & mask]!;
    this.#ring = larger;
    this.#head = 0;
  }
}
