// A connection to Postgres: sends what its holder sends, routes what comes back, and knows when it owes nothing.
//
// It knows neither clients nor pools: a ServerHolder gets the replies, a ServerOwner keeps the lists and decides what
// happens next. The way of every reply is #process() and what it calls, up to #settle(). Beside it: login-run.ts logs in,
// inspect-session.ts asks what the session has come to, failing.ts makes Postgres refuse what may not be done.

import type { Address } from '../net/dial.ts';
import type { Stream, StreamHandler } from '../net/stream.ts';
import { TlsRefusal } from '../net/tls-request.ts';
import { type ErrorFields, errorResponse, readErrorFields } from '../protocol/error-fields.ts';
import { FrameReader } from '../protocol/frame-reader.ts';
import { Backend, Frontend, TxStatus, typeName } from '../protocol/message-types.ts';
import { parameterTypes, resultShape } from '../protocol/result-shape.ts';
import { message, query, readyForQuery, sync, terminate } from '../protocol/writer.ts';
import { NO_CHANNELS } from '../session/channels.ts';
import { type Lexing, lexingOf } from '../session/lexing.ts';
import { isCarried, ParameterSet } from '../session/parameters.ts';
import { type PreparedStatement, SERVER_NAME_PREFIX } from '../session/prepared.ts';
import { Suspect } from '../session/suspect.ts';
import type { Clock } from '../util/clock.ts';
import type { ListNode } from '../util/list.ts';
import type { ServerCloseReason } from './close-reason.ts';
import { type FailingServer, failOpen, sendFailing } from './failing.ts';
import { Hold } from './hold.ts';
import { MAX_REPORTED, readParameterStatus, type ServerLogin } from './login.ts';
import { LoginRun, type ServerToLogIn } from './login-run.ts';
import { ANSWER_TABLE, LOGIN_TABLE, RELAY_TABLE } from './read-tables.ts';
import { isAsynchronous } from './reply-kinds.ts';
import { ReplyQueue, Route } from './reply-queue.ts';
import type { NotificationReader, ServerHolder } from './server-holder.ts';
import { ServerStatements, type StatementOp, withHoldersNames } from './statements.ts';
import { ServerState } from './states.ts';

/** Who keeps the server (a pool). */
export interface ServerOwner {
  /** Bytes sent on to clients. */
  readonly stats: { bytesSent: number };
  onServerLogin(server: Server): void;
  /** The server can serve again: a question of ours, or a cancel request for it, is done. */
  onServerFree(server: Server): void;
  onServerClosed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void;
  /** A statement (or batch) was answered to the end. */
  onServerAnswered(server: Server, status: number): void;
  onServerError(server: Server, sqlstate: string): void;
  /** It was a standby, and takes writes from now on. */
  onServerPromoted(server: Server): void;
  /** A mistake of ours: the server is closed. */
  onServerBug(server: Server, error: unknown): void;
}

const SYNC = sync();
const PARSE_COMPLETE = message(Backend.ParseComplete, Buffer.alloc(0));
/** Postgres: ERRCODE_FEATURE_NOT_SUPPORTED, "cached plan must not change result type". */
const FEATURE_NOT_SUPPORTED = '0A000';

const NOTHING_REPORTED: ReadonlyMap<string, string> = new Map();

/** Reads the rows of an answer to us: whole DataRows at buffer[start, end). */
export interface RowReader {
  readRow(buffer: Buffer, start: number, end: number): void;
}

/** A question of ours: a simple query whose reply nobody else sees. */
interface Question {
  error: ErrorFields | null;
  answered: boolean;
  /** Gets the rows of the answer. */
  readonly rows: RowReader | null;
  readonly done: (error: ErrorFields | null) => void;
}

export class Server implements StreamHandler, ServerToLogIn, FailingServer, ListNode<Server> {
  prev: Server | null = null;
  next: Server | null = null;
  list: object | null = null;

  readonly id: number;
  readonly owner: ServerOwner;
  /** Where it was dialled. */
  readonly address: Address;
  readonly stream: Stream;
  readonly replies = new ReplyQueue();
  state: ServerState = ServerState.Login;
  holder: ServerHolder | null = null;
  txStatus: number = TxStatus.Idle;
  /** Postgres' process that serves us, and the key that cancels what it runs. */
  backendPid = 0;
  cancelKey: Buffer = Buffer.alloc(0);
  /** ParameterStatus as last reported. */
  readonly reported = new Map<string, string>();
  /** What was set on it since its login. */
  parameters: ParameterSet = ParameterSet.EMPTY;
  /** What the statements that it ran since the last inspection may have done to its session: bits of Suspect. */
  suspect: number = Suspect.None;
  /** What holds it to its client beyond the transaction: bits of Suspect. */
  pins: number = Suspect.None;
  /** What it listens to, as far as it was asked. */
  channels: ReadonlySet<string> = NO_CHANNELS;
  /** Set for one that only listens. */
  subscriber: NotificationReader | null = null;
  /** A statement that nobody can look into ran on it: what it may have set besides is only right for its holder of then. */
  isTainted = false;
  #taintedBy: ServerHolder | null = null;
  /** Who it logged in as. */
  loginRole = '';
  /** How its session reads texts, as Postgres reports it. */
  lexing: Lexing = lexingOf(NOTHING_REPORTED);
  /** Set when it must not go to another client: it is closed as soon as its holder lets go. */
  closeReason: ServerCloseReason | null = null;
  /** It was ready to serve once. */
  isProven = false;
  /** Its client said good-bye behind a statement that still runs, and wants it done. */
  isLeftToFinish = false;
  /** Cancel requests on their way to Postgres: until they are over, a statement of another client could be hit. */
  cancelsInFlight = 0;
  /** When the last of them was over. */
  canceledAt = 0;

  /** Stamps of the clock, in ms. */
  readonly createdAt: number;
  /** Share of server_lifetime after which this one goes, drawn at birth so that a pool does not reconnect at once. */
  readonly lifetimeShare: number;
  connectedAt = 0;
  requestedAt = 0;
  /** Last time something was sent or received. */
  activeAt = 0;
  /** When the statement (batch) that runs was sent; 0 when none runs. */
  queryStartedAt = 0;
  /** When the open transaction began; 0 when none is open. */
  xactStartedAt = 0;

  /** What its holder does with it. */
  readonly hold = new Hold();
  /** Prepared statements of the protocol that clients share. */
  readonly statements = new ServerStatements();
  /** Nothing of the batch under way was answered to its holder, who resets it when a batch begins. */
  isUntouched = false;
  /** A batch is to be sent again as soon as its failure is over. */
  #isRetrying = false;
  /** Its prepared statements have the names that its holder gave them, until the holder leaves. */
  isOwn = false;
  /** Whose unnamed statement it has; null: nobody's that matters. */
  unnamedOwner: ServerHolder | null = null;

  readonly #clock: Clock;
  readonly #reader: FrameReader;
  /** Null: it is over. */
  #login: LoginRun | null;
  #question: Question | null = null;
  #route: Route = Route.Violation;
  #rejection: Buffer | null = null;
  #isReadyWithheld = false;
  /** ParameterDescription of a batch that may have to be sent again. */
  #deferred: Buffer | null = null;
  /** The last ParameterDescription: what it belongs to is described next. */
  #parameterTypes = '';
  /** The shared statement whose use has failed. */
  #failing: PreparedStatement | null = null;
  /** Postgres' last words: the connection ends with them. */
  #fatal: ErrorFields | null = null;
  /** And its holder's client has read them. */
  #isFatalTold = false;

  /** makeStream calls `ready` when the startup packet may be sent: at once, if only to be queued, or when the connection is encrypted. */
  constructor(
    id: number,
    owner: ServerOwner,
    makeStream: (handler: StreamHandler, ready: (stream: Stream) => void) => Stream,
    login: ServerLogin,
    clock: Clock,
    maxPacketSize: number,
    address: Address,
  ) {
    this.id = id;
    this.owner = owner;
    this.address = address;
    this.#clock = clock;
    const run = new LoginRun(login, this);
    this.#login = run;
    this.createdAt = clock.now();
    this.activeAt = this.createdAt;
    this.lifetimeShare = 0.8 + Math.random() * 0.2;
    this.#reader = new FrameReader(LOGIN_TABLE, maxPacketSize);
    this.stream = makeStream(this, (stream) => run.begin(stream));
  }

  /** As it told at login; 0: it did not. */
  get majorVersion(): number {
    return Number.parseInt(this.reported.get('server_version') ?? '0', 10);
  }

  /** Nothing is owed, no transaction is open, nothing is half read, no cancel is on its way: its holder may let go. */
  get isSettled(): boolean {
    return this.#isDone && this.#reader.atBoundary && this.cancelsInFlight === 0 && this.#question === null;
  }

  /** Settled, and to be kept: another client may have it. */
  get isReusable(): boolean {
    return this.closeReason === null && this.isSettled;
  }

  /** Everything is answered and no transaction is open. */
  get #isDone(): boolean {
    return this.txStatus === TxStatus.Idle && this.replies.isIdle;
  }

  get unreadBytes(): number {
    return this.#reader.unreadBytes;
  }

  /** A reply was begun and its end has not come: an error of ours can't follow it. */
  get isMidReply(): boolean {
    return this.#reader.midMessage;
  }

  /** Its holder's statement runs (as opposed to: the holder's transaction is idle). */
  get isRunning(): boolean {
    return this.replies.length > 0 || this.replies.isCopyIn;
  }

  /** A question of ours is out. */
  get isAsked(): boolean {
    return this.#question !== null;
  }

  /** No transaction has failed, as far as known. */
  get isTransactionSound(): boolean {
    return this.txStatus !== TxStatus.Failed;
  }

  get isReadyWithheld(): boolean {
    return this.#isReadyWithheld;
  }

  /** What its session has --------------------------------------------------------------------------------------------- */

  /** Its session is what this holder expects. */
  isFitFor(holder: object, parameters: ParameterSet): boolean {
    return parameters.equals(this.parameters) && (!this.isTainted || this.#taintedBy === holder);
  }

  /** What its session has was set to this. */
  wasPrepared(parameters: ParameterSet): void {
    this.parameters = parameters;
    this.isTainted = false;
    this.#taintedBy = null;
  }

  /** A statement that nobody can look into has run for its holder. */
  taint(): void {
    this.isTainted = true;
    this.#taintedBy = this.holder;
  }

  /** A statement of ours has undone what its client had made: its whole session, or what held it to the client. */
  wasReset(what: 'all' | 'pins' | 'nothing'): void {
    if (what === 'nothing') return;
    this.suspect = Suspect.None;
    this.pins = Suspect.None;
    this.channels = NO_CHANNELS;
    if (what !== 'all') return;
    this.wasPrepared(ParameterSet.EMPTY);
    this.statements.clear();
    this.isOwn = false;
  }

  /** Statements of ours, and what its holder sends with a meaning of its own ------------------------------------------ */

  /**
   * Asks a question of ours; its reply is swallowed, and its rows are read. Only when nothing is owed, or behind what is.
   * done is called once: with the error, with null, or never when the server is closed first. What the holder sends behind it
   * is answered before done is called, and its answer is swallowed if the question has failed.
   * isTold: the parameters that it reports are for the holder to know.
   */
  ask(sql: string, done: (error: ErrorFields | null) => void, rows: RowReader | null = null, isTold = false): void {
    if (this.#question !== null) throw new Error(`server ${this.id}: a question is already out`);
    this.#question = { error: null, answered: false, rows, done };
    if (isTold) this.replies.restoreSent();
    else this.replies.sent(Frontend.Query, true);
    this.activeAt = this.#clock.now();
    this.unnamedOwner = null;
    if (rows !== null) this.#reader.setHold(ANSWER_TABLE);
    this.stream.write(query(sql));
  }

  /** Sends a statement of ours whose failure is nobody's concern. */
  attempt(sql: string): void {
    this.replies.attemptSent();
    this.unnamedOwner = null;
    this.stream.write(query(sql));
  }

  /** Sends a statement of ours before or behind the holder's: its answer is swallowed, and what it reports is the holder's to know. */
  restore(sql: string): void {
    this.stream.flush();
    this.replies.restoreSent();
    this.unnamedOwner = null;
    this.stream.write(query(sql));
  }

  /** Sends Sync for ourselves: what we put before a simple query ends with it. */
  syncOurs(): void {
    this.replies.sent(Frontend.Sync, true);
    this.stream.relay(SYNC, 0, SYNC.length);
  }

  /** Asks what may be left, when all that is known of is answered. Called again when the holder has sent a message whole. */
  probe(): void {
    if (!this.replies.needsProbe || this.holder?.isMidMessage === true) return;
    this.replies.probeSent();
    this.stream.write(query(''));
  }

  /** In the place of a message that is not let through: something that fails as that would. error: what its holder is told. */
  reject(type: number, error: Buffer): void {
    sendFailing(this, type, error);
  }

  /** Its holder left inside a batch or a COPY, at the end of a message: what is open is made to fail. False: it can only be closed. */
  failOpen(): boolean {
    return failOpen(this);
  }

  /** A Parse or Close whose bytes follow. ours: the holder does not see the answer, unless it fails. */
  track(type: number, ours: boolean, op: StatementOp): void {
    if (this.replies.isUntold) return;
    this.statements.sent(op);
    this.replies.trackedSent(type, ours);
    this.settleOps();
  }

  /** A Close whose bytes follow, and whose answer the holder gets as that of a Parse. */
  trackParseAsClose(op: StatementOp): void {
    if (this.replies.isUntold) return;
    this.statements.sent(op);
    this.replies.parseAsCloseSent();
    this.settleOps();
  }

  /** What the reply queue has learnt of those that have an op. */
  settleOps(): void {
    const { replies } = this;
    if (replies.ended > 0) this.statements.ended(replies.ended);
    if (replies.dropped > 0) this.statements.dropped(replies.dropped);
    replies.ended = 0;
    replies.dropped = 0;
    replies.hasFailed = false;
  }

  /** The answer's end, if it was withheld: it is said now. */
  sayReady(): void {
    if (!this.#isReadyWithheld) return;
    this.#isReadyWithheld = false;
    this.holder?.stream.write(readyForQuery(this.txStatus as TxStatus));
  }

  /** Login ------------------------------------------------------------------------------------------------------------ */

  #processLogin(login: LoginRun): void {
    login.read(this.#reader);
    if (this.#login !== null || this.state === ServerState.Closed || this.#reader.error !== null) return;
    if (!this.#reader.atBoundary) this.#process(0);
  }

  onLoginReady(login: ServerLogin): void {
    this.#login = null;
    this.#reader.setHold(RELAY_TABLE);
    this.backendPid = login.processId;
    this.cancelKey = login.cancelKey;
    for (const [name, value] of login.reported) this.reported.set(name, value);
    this.lexing = lexingOf(this.reported);
    this.loginRole = login.reported.get('session_authorization') ?? login.user;
    this.connectedAt = this.#clock.now();
    this.owner.onServerLogin(this);
  }

  onLoginUnfit(error: ErrorFields): void {
    this.#login = null;
    this.close('target_session_attrs', error.message, error);
  }

  onLoginFailed(error: ErrorFields): void {
    if (this.state === ServerState.Closed) return;
    this.stream.destroy();
    this.#gone('login_failed', error.message, error);
  }

  /** The way of every reply ------------------------------------------------------------------------------------------- */

  onData(chunk: Buffer): void {
    this.activeAt = this.#clock.now();
    this.#reader.push(chunk);
    if (this.#login !== null) {
      this.#processLogin(this.#login);
      return;
    }
    const reader = this.holder?.stream;
    this.#process(chunk.length);
    reader?.spend(chunk);
  }

  get keepsChunk(): boolean {
    return this.#reader.unreadBytes > 0;
  }

  onDrain(): void {
    this.holder?.onServerProgress();
  }

  #process(bytes: number): void {
    const reader = this.#reader;
    const holder = this.holder;
    while (reader.next()) {
      if (reader.first && !this.#begin(reader)) return;
      if (this.#route === Route.Forward && holder !== null)
        holder.stream.relay(reader.buffer, reader.start, reader.end);
    }
    if (reader.error !== null) {
      this.#violation(reader.error);
      return;
    }
    if (holder !== null) {
      this.owner.stats.bytesSent += bytes;
      this.hold.bytes += bytes;
      holder.stream.flush();
      if (holder.stream.isFull) this.stream.pauseReading();
    }
    this.subscriber?.onNotified();
    if (this.#fatal !== null) {
      this.#lastWords(this.#fatal);
      return;
    }
    this.probe();
    this.#settle();
  }

  /** A message begins: who gets it, and what it tells us. False when the connection had to be closed. */
  #begin(reader: FrameReader): boolean {
    const type = reader.type;
    if (type === Backend.ParameterDescription && this.replies.isFirstTracked && reader.last)
      this.#parameterTypes = parameterTypes(reader.buffer, reader.start, reader.end);
    this.#route = this.replies.received(type);
    if (this.#route === Route.Violation) {
      this.#violation(`unexpected message ${typeName(type)}`);
      return false;
    }
    if (this.#question !== null && this.#question.error !== null && !isAsynchronous(type)) this.#route = Route.Swallow;
    if (this.#isRetrying) {
      if (type === Backend.ReadyForQuery && this.#route === Route.Forward) this.#route = Route.Swallow;
    } else if (
      this.isUntouched &&
      this.#route === Route.Forward &&
      !isAsynchronous(type) &&
      type !== Backend.ErrorResponse
    ) {
      if (type === Backend.ParameterDescription && reader.last) {
        // What it returns comes next, and may fail.
        this.#deferred = Buffer.from(reader.buffer.subarray(reader.start, reader.end));
        this.#route = Route.Ignore;
        return true;
      }
      this.isUntouched = false;
    }
    if (this.#deferred !== null && type !== Backend.ErrorResponse) this.#sayDeferred();
    if (this.#route === Route.Reject) this.#rejection = this.statements.first?.rejection ?? null;
    this.#failing = this.replies.hasFailed ? (this.statements.first?.statement ?? null) : null;
    if (this.replies.ended > 0 || this.replies.dropped > 0) {
      if (type === Backend.RowDescription || type === Backend.NoData) this.#described(reader);
      this.settleOps();
    }
    switch (type) {
      case Backend.ReadyForQuery:
        return this.#readyForQuery(reader);
      case Backend.ErrorResponse:
        this.#errorResponse(reader);
        return true;
      case Backend.ParameterStatus:
        this.#parameterStatus(reader);
        return true;
      case Backend.NotificationResponse:
        this.#notification(reader);
        return true;
      case Backend.CloseComplete:
        if (this.#route === Route.ParseComplete) this.holder?.stream.relay(PARSE_COMPLETE, 0, PARSE_COMPLETE.length);
        return true;
      case Backend.DataRow:
        if (this.#route === Route.Swallow && reader.last)
          this.#question?.rows?.readRow(reader.buffer, reader.start, reader.end);
        return true;
      default:
        return true;
    }
  }

  /** A Describe of a statement is answered that somebody has an op for. */
  #described(reader: FrameReader): void {
    const shape = reader.last ? resultShape(this.#parameterTypes, reader.buffer, reader.start, reader.end) : null; // too large to be read
    if (shape !== null) this.statements.first?.described?.(shape);
  }

  /** Whatever else is under way, and whoever asked: it is for who listens. */
  #notification(reader: FrameReader): void {
    if (!reader.last) return; // larger than Postgres makes them
    this.#route = Route.Ignore;
    (this.subscriber ?? this.holder)?.onNotification(reader);
  }

  #readyForQuery(reader: FrameReader): boolean {
    const status = reader.end - reader.start === 6 ? reader.buffer[reader.start + 5]! : 0;
    if (status !== TxStatus.Idle && status !== TxStatus.Transaction && status !== TxStatus.Failed) {
      this.#violation('invalid ReadyForQuery');
      return false;
    }
    this.txStatus = status;
    if (this.#isRetrying) return true;
    if (this.#route === Route.Swallow) {
      if (status === TxStatus.Idle) this.xactStartedAt = 0; // our ROLLBACK ended it
      if (this.replies.length === 0) this.queryStartedAt = 0; // what stood behind a question that failed
      if (this.#question !== null && this.replies.isIdle) this.#question.answered = true;
      return true;
    }
    if (this.#question !== null && this.replies.isIdle) this.#question.answered = true;
    this.owner.onServerAnswered(this, status);
    this.queryStartedAt = this.replies.length === 0 ? 0 : this.activeAt;
    if (status === TxStatus.Idle) this.xactStartedAt = this.replies.length === 0 ? 0 : this.activeAt;
    if (this.replies.length === 0 && this.holder?.withholdsReady === true) {
      this.#isReadyWithheld = true;
      this.#route = Route.Swallow;
    }
    return true;
  }

  #errorResponse(reader: FrameReader): void {
    if (!reader.last) return; // larger than anybody needs to read
    const error = readErrorFields(reader.buffer, reader.start, reader.end);
    if (error.severity === 'FATAL' || error.severity === 'PANIC') {
      this.#fatal = error;
      if (this.#isDone) this.#route = Route.Swallow; // until its holder has had the chance to let go
      this.#isFatalTold = this.#route === Route.Forward && this.holder !== null;
    }
    if (this.#route === Route.Ignore) return;
    if (this.#route === Route.Swallow) {
      if (this.#question !== null) this.#question.error ??= error;
    } else if (this.holder === null && this.replies.isIdle) {
      this.closeReason = 'eof'; // an error that nobody asked for
    } else if (this.#route === Route.Reject) {
      this.unnamedOwner = null; // what failed in its place was a Parse
      const rejection = this.#rejection;
      if (rejection !== null) this.holder?.stream.relay(rejection, 0, rejection.length);
    } else {
      if (error.sqlstate === FEATURE_NOT_SUPPORTED && error.routine === 'RevalidateCachedQuery') {
        if (this.#failing !== null) {
          this.#failing.outdate();
          this.statements.abandon(this.#failing.id);
        }
        this.#isRetrying = this.#failing !== null && this.isUntouched && this.holder?.mayRetry === true;
      }
      if (this.#isRetrying) {
        this.#deferred = null;
        this.#route = Route.Swallow;
        return;
      }
      this.isUntouched = false;
      if (this.#deferred !== null) this.#sayDeferred();
      // A Parse that was ignored behind it has left another client's statement where it was.
      this.unnamedOwner = null;
      if (this.holder !== null) this.owner.onServerError(this, error.sqlstate);
      if (error.message.includes(SERVER_NAME_PREFIX)) {
        const bytes = withHoldersNames(reader, this.holder);
        this.#route = Route.Reject; // this instead
        this.holder?.stream.relay(bytes, 0, bytes.length);
      }
    }
  }

  #sayDeferred(): void {
    const bytes = this.#deferred!;
    this.#deferred = null;
    this.holder?.stream.relay(bytes, 0, bytes.length);
  }

  #parameterStatus(reader: FrameReader): void {
    const pair = reader.last ? readParameterStatus(reader.buffer, reader.start, reader.end) : null;
    if (pair === null) return;
    const [name, value] = pair;
    if (this.reported.size >= MAX_REPORTED && !this.reported.has(name)) {
      this.closeReason ??= 'protocol_violation';
      return;
    }
    const before = this.reported.get(name);
    this.reported.set(name, value);
    if (name === 'in_hot_standby' && before === 'on' && value === 'off') this.owner.onServerPromoted(this);
    if (name === 'standard_conforming_strings' || name === 'client_encoding') this.lexing = lexingOf(this.reported);
    if (this.#route === Route.Forward && isCarried(name)) this.suspect |= Suspect.Parameter;
  }

  /** After a chunk: is something over? */
  #settle(): void {
    if (this.#isRetrying && this.replies.length === 0) {
      this.#isRetrying = false;
      this.holder?.onServerRetry();
    }
    if (!this.replies.isIdle) {
      if (this.holder !== null) this.holder.onServerProgress();
      // Postgres: a COPY that waits for rows hears of no cancel request.
      else if (this.replies.isCopyIn && !this.failOpen()) this.close('client_disconnect_in_query');
      return;
    }
    const question = this.#question;
    if (question !== null) {
      if (!question.answered) return;
      this.#question = null;
      if (question.rows !== null) this.#reader.setHold(RELAY_TABLE);
      question.done(question.error);
      // Asked for a client that left before the answer.
      if (this.state === ServerState.BeingCanceled && this.cancelsInFlight === 0) this.owner.onServerFree(this);
    } else if (this.holder !== null) {
      if (this.txStatus === TxStatus.Idle) this.holder.onServerReady();
      else this.holder.onServerProgress();
    } else if (this.closeReason !== null && (this.state === ServerState.Idle || this.state === ServerState.Used)) {
      this.close(this.closeReason);
    } else if (this.state === ServerState.BeingCanceled && this.cancelsInFlight === 0) {
      this.owner.onServerFree(this);
    }
  }

  /** The end ---------------------------------------------------------------------------------------------------------- */

  /** A cancel request for it is over. isSure false: it may still arrive, so the server can't serve anybody else. */
  cancelEnded(isSure: boolean): void {
    this.cancelsInFlight -= 1;
    this.canceledAt = this.#clock.now();
    if (this.state === ServerState.Closed) return;
    if (!isSure) this.closeReason ??= 'cancel_wait_timeout';
    if (this.cancelsInFlight === 0) this.#settle();
  }

  onEnd(error: Error | null): void {
    const wasLogin = this.#login !== null;
    if (error instanceof TlsRefusal)
      this.#gone('tls_failed', error.message, { severity: 'FATAL', sqlstate: '08001', message: error.message });
    else if (error === null)
      this.#lost(wasLogin ? 'login_failed' : 'eof', 'the server closed the connection unexpectedly');
    else this.#lost(wasLogin ? 'connect_failed' : 'socket_error', error.message);
  }

  /**
   * Postgres ends the connection, perhaps right behind the reply that ends a transaction: nobody may get this server, and
   * a holder that owes it nothing does not notice.
   */
  #lastWords(fatal: ErrorFields): void {
    this.closeReason = 'eof';
    // With a question of ours, nothing of the holder's is on it: that is for the holder to decide.
    const isHolders = this.#isDone && this.#question === null;
    if (isHolders) this.holder?.onServerReady();
    if (this.state === ServerState.Closed) return;
    if (isHolders && this.#isDone && this.holder !== null) {
      this.holder.stream.write(errorResponse(fatal)); // its session was on this server
      this.#isFatalTold = true;
    }
    this.stream.destroy();
    this.#lost('eof', fatal.message);
  }

  onBug(error: unknown): void {
    this.owner.onServerBug(this, error);
    this.stream.destroy();
    this.#lost('internal_error', error instanceof Error ? error.message : String(error));
  }

  /** Closes the connection. Postgres is told when it listens, and the holder and the owner always are. */
  close(
    reason: ServerCloseReason,
    detail: string = this.#fatal?.message ?? reason,
    error: ErrorFields | null = null,
  ): void {
    if (this.state === ServerState.Closed) return;
    if (this.#login === null && this.replies.isIdle) this.stream.end(terminate());
    else this.stream.destroy();
    this.#gone(reason, detail, error);
  }

  #lost(reason: ServerCloseReason, detail: string): void {
    if (this.state === ServerState.Closed) return;
    const error = this.#fatal ?? { severity: 'FATAL', sqlstate: '08006', message: detail };
    this.#gone(reason, this.#fatal?.message ?? detail, error);
  }

  #gone(reason: ServerCloseReason, detail: string, error: ErrorFields | null): void {
    const holder = this.holder;
    this.holder = null;
    this.#question = null;
    this.statements.dropped(Number.POSITIVE_INFINITY);
    this.owner.onServerClosed(this, reason, error);
    holder?.onServerClosed(reason, detail, this.#isFatalTold);
  }

  #violation(what: string): void {
    this.close('protocol_violation', what);
  }
}
