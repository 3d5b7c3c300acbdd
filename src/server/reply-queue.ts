// The replies that a server still owes, in order, and who gets each: the only authority on where a reply goes and on
// when a server owes nothing. ReadyForQuery alone says neither, because clients pipeline.
//
// One entry per frontend message that is answered. What completes an entry follows "Message Flow" of the protocol and
// PostgresMain (src/backend/tcop/postgres.c); PgBouncer keeps the same as outstanding_requests.

import { Backend } from '../protocol/message-types.ts';
import {
  ATTEMPT,
  BIND,
  CLOSE,
  COPY_END,
  DESCRIBE,
  EXECUTE,
  endsItself,
  FUNCTION_CALL,
  isAsynchronous,
  KIND_MASK,
  KIND_OF_TYPE,
  OURS,
  PARSE,
  PARSE_AS_CLOSE,
  PROBE,
  QUERY,
  REJECTED,
  RESTORE,
  SYNC,
  staysOpen,
  TRACKED,
} from './reply-kinds.ts';

/** What to do with a reply. */
export const Route = {
  /** To the client that holds the server. */
  Forward: 0,
  /** Ours: the answer to a question of our own. */
  Swallow: 1,
  /** To the client, as an error of ours: the statement was not sent (session_policy). */
  Reject: 3,
  /** Ours, and of no interest. */
  Ignore: 5,
  /** To the client, as ParseComplete. */
  ParseComplete: 4,
  /** No one asked: the connection can't be trusted any more. */
  Violation: 2,
} as const;
export type Route = (typeof Route)[keyof typeof Route];

const INITIAL_CAPACITY = 16;

export class ReplyQueue {
  #ring = new Uint8Array(INITIAL_CAPACITY);
  #head = 0;
  #length = 0;
  /** The server reads CopyData now: it answers neither Sync nor Flush until the copy ends. */
  #copyIn = false;
  /** Syncs sent while a copy was on: whether the server ate them is not sure if the copy fails. */
  #syncsDuringCopy = 0;
  /** After an error in an extended exchange the server ignores everything up to Sync. */
  #skipping = false;
  /** Extended messages were sent and no Sync yet: the server is inside an implicit transaction. */
  #openBatch = false;
  /** Syncs that a failed copy may or may not have eaten: so many ReadyForQuery may come that no entry stands for. */
  #unsure = 0;
  /** A Query or a FunctionCall was sent into an open batch. */
  #mixed = false;
  /** And then Sync. Postgres 18: it commits but does not end its work, so the next statement, whosever it is, fails (XX000). */
  #stuck = false;
  /** A part of the first entry's reply has come. */
  #begun = false;
  /** Entries that are tracked and have ended, or were dropped, by what came last: for the server to take. */
  ended = 0;
  dropped = 0;
  /** The first of those dropped is what failed. */
  hasFailed = false;
  #isFailing = false;
  /** From here on nobody can tell what is owed: the server is its client's to the end, and never idle. */
  #untold = false;

  /** Entries outstanding; bounds what a client may pipeline. */
  get length(): number {
    return this.#length;
  }

  /** Nothing is owed and no exchange is half sent: with tx status I the server could be released. */
  get isIdle(): boolean {
    return (
      this.#length === 0 &&
      !this.#openBatch &&
      !this.#copyIn &&
      !this.#skipping &&
      this.#unsure === 0 &&
      !this.#stuck &&
      !this.#untold
    );
  }

  /** An extended exchange was begun and its Sync has not been sent (or nobody can tell). */
  get isBatchOpen(): boolean {
    return this.#openBatch || this.#skipping || this.#untold;
  }

  /** Nobody can tell any more what is owed: its client has it to the end. */
  get isUntold(): boolean {
    return this.#untold;
  }

  /** Something that may take its time is owed: a statement, and not only what prepares one. Looks at every entry. */
  get owesExecution(): boolean {
    for (let i = 0; i < this.#length; i += 1) {
      const kind = this.#ring[(this.#head + i) & (this.#ring.length - 1)]! & KIND_MASK;
      if (kind === EXECUTE || kind === QUERY || kind === FUNCTION_CALL || kind === SYNC) return true;
    }
    return false;
  }

  /** The server keeps an op for what is answered next. */
  get isFirstTracked(): boolean {
    return this.#length > 0 && (this.#ring[this.#head]! & TRACKED) !== 0;
  }

  get isCopyIn(): boolean {
    return this.#copyIn;
  }

  /** All is answered as far as known, but something may be left that an empty query settles: send one, and probeSent(). */
  get needsProbe(): boolean {
    const isDoubtful = this.#unsure > 0 || this.#stuck;
    return isDoubtful && this.#length === 0 && !this.#openBatch && !this.#skipping && !this.#copyIn && !this.#untold;
  }

  probeSent(): void {
    this.#stuck = false;
    this.#push(PROBE | OURS);
  }

  /** What was sent in the place of a client's message, and fails. */
  rejectedSent(type: number): void {
    this.#send(KIND_OF_TYPE[type]!, REJECTED | TRACKED);
  }

  /** A Parse or Close that the server keeps an op for. ours: the client does not see it, unless it fails. */
  trackedSent(type: number, ours: boolean): void {
    this.#send(KIND_OF_TYPE[type]!, ours ? TRACKED | OURS : TRACKED);
  }

  parseAsCloseSent(): void {
    this.#send(PARSE_AS_CLOSE, TRACKED);
  }

  attemptSent(): void {
    if (!this.#untold) this.#push(ATTEMPT | OURS);
  }

  restoreSent(): void {
    if (!this.#untold) this.#push(RESTORE | OURS);
  }

  /** A frontend message was sent to the server. ours: its reply is swallowed. */
  sent(type: number, ours = false): void {
    this.#send(KIND_OF_TYPE[type]!, ours ? OURS : 0);
  }

  #send(kind: number, flags: number): void {
    if (kind === 0 || this.#untold) return; // CopyData, Flush, Terminate: not answered
    if (this.#copyIn) {
      if (kind === COPY_END) this.#copyIn = false;
      else if (kind === SYNC)
        this.#syncsDuringCopy += 1; // Postgres: CopyGetData ignores Sync and Flush
      else this.#push(kind | flags); // fails the copy; the server answers with an error first
      return;
    }
    if (kind === COPY_END && this.#length === 0) return; // late end of a copy that failed: Postgres ignores it
    if (this.#skipping) {
      if (kind !== SYNC) {
        if ((flags & TRACKED) !== 0) this.dropped += 1;
        if (this.#unsure > 0) this.#lose(); // read after all, if an uneaten Sync stands before it
        return;
      }
      this.#skipping = false;
    }
    if (kind === SYNC) {
      this.#stuck ||= this.#mixed;
      this.#mixed = false;
    } else if (kind !== COPY_END) {
      this.#stuck = false;
      this.#mixed ||= this.#openBatch && (kind === QUERY || kind === FUNCTION_CALL);
    }
    this.#openBatch = staysOpen(kind, this.#openBatch);
    this.#push(kind | flags);
  }

  /** A backend message came. Asynchronous ones (Notice, ParameterStatus, Notification) are routed but complete nothing. */
  received(type: number): Route {
    if (this.#untold) return Route.Forward;
    if (this.#length === 0) return this.#receivedUnasked(type);
    const entry = this.#ring[this.#head]!;
    const kind = entry & KIND_MASK;
    const route = (entry & OURS) === 0 ? Route.Forward : Route.Swallow;
    // An empty query causes none.
    if (isAsynchronous(type)) return kind === PROBE || kind === RESTORE ? Route.Forward : route;
    if (type === Backend.ReadyForQuery) return this.#ready(kind, route);
    // Whatever it is, no stray ReadyForQuery follows: those would have come first.
    this.#unsure = 0;
    this.#begun = true;
    switch (type) {
      case Backend.DataRow:
      case Backend.CopyData:
      case Backend.CopyDone:
      case Backend.CopyOutResponse:
        return kind === QUERY || kind === EXECUTE ? route : Route.Violation;
      case Backend.RowDescription:
        if (kind === DESCRIBE) this.#pop();
        return kind === DESCRIBE || kind === QUERY ? route : Route.Violation;
      case Backend.CommandComplete:
        this.#syncsDuringCopy = 0; // a copy that succeeded has read every Sync before its end
        if (kind === EXECUTE) this.#pop();
        return kind === EXECUTE || kind === QUERY || kind === RESTORE || kind === ATTEMPT ? route : Route.Violation;
      case Backend.EmptyQueryResponse:
        if (kind === EXECUTE) this.#pop();
        return kind === EXECUTE || kind === QUERY || kind === PROBE ? route : Route.Violation;
      case Backend.ParseComplete:
        return this.#complete(kind === PARSE, route);
      case Backend.BindComplete:
        return this.#complete(kind === BIND, route);
      case Backend.CloseComplete:
        return this.#complete(kind === CLOSE || kind === PARSE_AS_CLOSE, kind === CLOSE ? route : Route.ParseComplete);
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
        if (kind !== QUERY) return Route.Violation;
        this.#untold = true; // replication
        return route;
      case Backend.ErrorResponse:
        this.#failed(kind);
        if ((entry & REJECTED) !== 0) return Route.Reject;
        if (kind === ATTEMPT) return Route.Ignore;
        return endsItself(kind) ? route : Route.Forward; // what we put before a client's message fails in its stead
      default:
        return Route.Violation;
    }
  }

  #receivedUnasked(type: number): Route {
    if (isAsynchronous(type)) return Route.Forward;
    // FATAL on its own account (57P01 and the like): the connection ends.
    if (type === Backend.ErrorResponse) return Route.Forward;
    // The Sync that a failing copy may or may not have eaten.
    if (type !== Backend.ReadyForQuery || this.#unsure === 0) return Route.Violation;
    this.#unsure -= 1;
    this.#skipping = false;
    return Route.Forward;
  }

  #ready(kind: number, route: Route): Route {
    if (kind !== SYNC && this.#unsure > 0 && !this.#begun) {
      this.#unsure -= 1; // nothing but Sync is answered by ReadyForQuery alone: a stray one
      return Route.Forward;
    }
    if (!endsItself(kind)) return Route.Violation;
    this.#pop();
    return route;
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
    let kept = 1;
    let ended = false;
    // An eaten Sync did not end the batch: what remains tells whether it is open.
    let open = (ring[head]! & KIND_MASK) === EXECUTE;
    for (let read = 1; read < this.#length; read += 1) {
      const entry = ring[(head + read) & mask]!;
      const kind = entry & KIND_MASK;
      if (!ended && kind === COPY_END) {
        ended = true;
        continue;
      }
      if (!ended && kind === SYNC) {
        this.#syncsDuringCopy += 1;
        continue;
      }
      open = staysOpen(kind, open);
      ring[(head + kept) & mask] = entry;
      kept += 1;
    }
    this.#length = kept;
    this.#copyIn = !ended;
    this.#openBatch = open;
  }

  #failed(kind: number): void {
    this.#unsure = this.#syncsDuringCopy; // a trigger can fail the copy before it has read the Sync
    this.#copyIn = false;
    this.#syncsDuringCopy = 0;
    // ReadyForQuery follows by itself.
    if (endsItself(kind)) return;
    this.hasFailed = (this.#ring[this.#head]! & TRACKED) !== 0;
    this.#isFailing = true;
    this.#drop();
    this.#dropUpToSync();
    this.#isFailing = false;
  }

  #dropUpToSync(): void {
    for (; this.#length > 0; this.#drop()) {
      const ignored = this.#ring[this.#head]! & KIND_MASK;
      if (ignored === SYNC) return;
      if (ignored === COPY_END || this.#unsure === 0) continue;
      this.#lose(); // ignored, or answered because an uneaten Sync stands before it
      return;
    }
    this.#skipping = true;
    this.#openBatch = false;
  }

  /** No client does this: it goes on behind a COPY that it did not wait for, and that failed before it read anything. */
  #lose(): void {
    this.#untold = true;
    this.#unsure = 0;
    this.#length = 0;
  }

  #push(entry: number): void {
    if (this.#length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.#length) & (this.#ring.length - 1)] = entry;
    this.#length += 1;
  }

  #pop(): void {
    this.#syncsDuringCopy = 0;
    this.#drop();
    // Ends of copies that never began owe nothing.
    while (this.#length > 0 && (this.#ring[this.#head]! & KIND_MASK) === COPY_END) this.#drop();
  }

  #drop(): void {
    this.#begun = false;
    if ((this.#ring[this.#head]! & TRACKED) !== 0) {
      if (this.#isFailing) this.dropped += 1;
      else this.ended += 1;
    }
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
