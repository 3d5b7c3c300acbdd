// An application's connection: what each of its messages means, and which server it goes to.
//
// The way of a query is #process(): bytes -> messages -> #admit() (is a server held, is its session right) -> sent; and
// back through the server, which writes to our stream and says when the transaction is over.

import type { Guessing } from '../auth/guessing.ts';
import type { ScramKeys } from '../auth/scram.ts';
import type { Settings } from '../config/settings-table.ts';
import type { Stream, StreamHandler } from '../net/stream.ts';
import type { TlsAcceptor } from '../net/tls-acceptor.ts';
import type { Pool } from '../pool/pool.ts';
import type { ClientCloseReason, PoolClient } from '../pool/pool-client.ts';
import { Ticket } from '../pool/shares.ts';
import { asFatal, type PoolerError, poolerError } from '../protocol/catalogue.ts';
import { type ErrorFields, errorResponse, noticeResponse } from '../protocol/error-fields.ts';
import { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend, TxStatus, typeName } from '../protocol/message-types.ts';
import { backendKeyData, parameterStatuses, readyForQuery, terminate } from '../protocol/writer.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server } from '../server/server.ts';
import type { HeldServerReason } from '../server/server-holder.ts';
import { ListenState } from '../session/channels.ts';
import { POSTGRES_LEXICON } from '../session/lexicon.ts';
import { UNSURE_LEXING } from '../session/lexing.ts';
import { ParameterSet } from '../session/parameters.ts';
import { kindNames } from '../session/policy.ts';
import { SessionKeeper } from '../session/session-keeper.ts';
import { Suspect } from '../session/suspect.ts';
import type { Clock } from '../util/clock.ts';
import { ApplicationHost } from './application-host.ts';
import { Batch } from './batch.ts';
import { ConsoleLink, type ConsoleSession } from './console-link.ts';
import { Listening, type ListeningClient, relayNotification } from './listening.ts';
import type { ClientStartup, Gatekeeper } from './login.ts';
import { type Authenticated, LOGIN_TABLE, LoginDriver } from './login-driver.ts';
import type { LoggingIn, LoginTurns } from './login-turns.ts';
import { Outcome, Reclaimed } from './reclaimed.ts';
import { refuseAll } from './refusal.ts';
import type { RelayTables } from './relay-tables.ts';
import { type CarriedClient, SessionCarrier } from './session-carrier.ts';
import type { Stage } from './stage.ts';
import { AS_IS, SENT, type StatementClient, StatementMessages } from './statement-messages.ts';
import { ClientState, type ClientStateful, moveClient, type PoollessLists } from './states.ts';

/** A client that waits may send this much ahead; then it is read no further until it has a server. */
const MAX_UNREAD_BYTES = 65_536;
/** Statements sent and not answered: a pipeline may be this deep before it is read no further. */
const MAX_OUTSTANDING = 65_536;
/** Protocol 3.0 has 4 bytes, 3.2 up to 256. Postgres: MyCancelKeyLength is 32 there. */
const CANCEL_KEY_LENGTH = { old: 4, new: 32 } as const;

/** What was written together with a batch, in one go or several, has arrived when it has been quiet for so long. */
const IN_FLIGHT_MS = 100;

/** Checkouts that waited for less are not told: in a busy pool each of them waits a little. */
const WORTH_TELLING_MS = 10;

const NO_SESSION = new SessionKeeper(ParameterSet.EMPTY);

const READY_IDLE = readyForQuery(TxStatus.Idle);
const GOOD_BYE = terminate();

/** Where a client goes after its login. */
export type Entry =
  | { readonly kind: 'pool'; readonly pool: Pool }
  | { readonly kind: 'console'; readonly session: ConsoleSession }
  | { readonly kind: 'refused'; readonly error: PoolerError };

export interface ClientEvents {
  clientLogin(client: Client): void;
  clientClosed(client: Client, reason: ClientCloseReason, error: ErrorFields | null, detail: string): void;
  /** A mistake of ours, contained to this connection. */
  bug(error: unknown): void;
  /** An error of ours that leaves the client connected. */
  clientRefused(client: Client, error: ErrorFields): void;
  /** It has a server after a wait that is worth telling. */
  clientWaited(client: Client, server: Server, waitedMs: number): void;
}

/** What a client asks of the house around it. */
export interface ClientHost {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly gatekeeper: Gatekeeper;
  /** Where connections are encrypted; null: they are not. */
  readonly tlsAcceptor: TlsAcceptor | null;
  readonly loginTurns: LoginTurns;
  readonly guessing: Guessing;
  readonly events: ClientEvents;
  readonly relayTables: RelayTables;
  /** Clients that have not logged in, and those of the console. */
  readonly lists: PoollessLists;
  /** The pool or the console for a client that is who it says; refused when a limit is reached. */
  enter(client: Client, startup: ClientStartup, keys: ScramKeys | null, password: string | null): Entry;
  makeCancelKey(length: number): Buffer;
  /** The client brought a CancelRequest. */
  cancel(by: Client, processId: number, key: Buffer): void;
  /** The client is closed. */
  gone(client: Client): void;
}

const NOTHING = Buffer.alloc(0);

export class Client
  implements StreamHandler, LoggingIn, StatementClient, CarriedClient, ListeningClient, ClientStateful
{
  // It is in one list at a time: of those who log in, of the console's, or of its pool.
  prev: PoolClient | null = null;
  next: PoolClient | null = null;
  list: object | null = null;

  readonly id: number;
  readonly stream: Stream;
  state: ClientState = ClientState.Login;
  pool: Pool | null = null;
  server: Server | null = null;
  lastServer: Server | null = null;
  parameters: ParameterSet = ParameterSet.EMPTY;
  readonly ticket: Ticket<PoolClient> = new Ticket<PoolClient>(this);
  dedicated: ReadonlyMap<string, string> | null = null;
  /** What it cancels with: a process id of ours and a secret. */
  readonly processId: number;
  cancelKey: Buffer = NOTHING;

  readonly connectedAt: number;
  activeAt: number;
  idleSince = 0;
  waitingSince = 0;
  waitNotified = false;
  /** When its server was assigned. */
  linkedAt = 0;
  /** Wall clock, for the console. */
  readonly connectTime = Date.now();

  readonly #host: ClientHost;
  readonly #reader: FrameReader;
  stage: Stage = 'login';
  /** What it asked for at its login, and what its statements may have done. */
  session = NO_SESSION;
  #startup: ClientStartup | null = null;
  /** What application_name_add_host has added; null: nothing. */
  #origin: ApplicationHost | null = null;
  /** Until it is let in. */
  #login: LoginDriver | null;
  /** AuthenticationOk and what goes before it, until it is sent with the rest of the welcome. */
  #greeting: Buffer | null = null;
  /** Set for a client of the console. */
  #console: ConsoleLink | null = null;
  /** The message under the cursor goes to the server. */
  #toServer = false;
  /** A message that may reset startup parameters was sent: nothing follows it before its answer. */
  #isHeldForReset = false;
  /** From here on in the fragment under the cursor: what stands before was sent in other words. */
  #relayFrom = 0;
  readonly #batch = new Batch();
  readonly #statements = new StatementMessages(this);
  readonly #carrier: SessionCarrier;
  /** Set while it listens and shares the connection for that. */
  #listening: Listening | null = null;
  /** Its server was taken back inside its transaction; until that is told and over. */
  reclaimed: Reclaimed | null = null;
  /** Set when it must go as soon as its transaction is over. */
  #leaving: { readonly reason: ClientCloseReason; readonly error: ErrorFields } | null = null;

  constructor(id: number, processId: number, host: ClientHost, makeStream: (handler: StreamHandler) => Stream) {
    this.id = id;
    this.processId = processId;
    this.#host = host;
    this.#reader = new FrameReader(LOGIN_TABLE, host.settings.max_packet_size);
    this.#carrier = new SessionCarrier(this, this.#reader);
    this.connectedAt = host.clock.now();
    this.activeAt = this.connectedAt;
    this.stream = makeStream(this);
    this.#login = new LoginDriver(this, host.gatekeeper, host.guessing, this.#reader, () => host.tlsAcceptor);
  }

  /** Who it is; null until the startup packet was read. */
  get startup(): ClientStartup | null {
    return this.#startup ?? this.#login?.startup ?? null;
  }

  get applicationName(): string {
    const parameters = this.#startup === null ? this.startup?.parameters : this.parameters;
    const name = parameters?.entries.get('application_name') ?? '';
    return this.#origin === null ? name : this.#origin.ownName(name);
  }

  get accountName(): string {
    return this.applicationName || `${this.startup?.user}@${this.stream.remoteAddress}`;
  }

  get preparedStatements(): number {
    return this.#statements.size;
  }

  get unreadBytes(): number {
    return this.#reader.unreadBytes;
  }

  get isConsole(): boolean {
    return this.#console !== null;
  }

  get isMidMessage(): boolean {
    return this.#toServer && this.#reader.midMessage;
  }

  get isLeaving(): boolean {
    return this.#leaving !== null;
  }

  get isListening(): boolean {
    return this.#listening !== null;
  }

  get isLoggingIn(): boolean {
    return this.stage === 'login' || this.stage === 'welcome';
  }

  /** A statement of its own runs on a server (not one of ours that prepares its session). */
  get isStatementRunning(): boolean {
    return this.server?.isRunning === true && (this.stage === 'relay' || this.stage === 'verifying');
  }

  onData(chunk: Buffer): void {
    this.activeAt = this.#host.clock.now();
    if (this.#login !== null) this.#host.loginTurns.take(this, chunk);
    else this.#take(chunk);
  }

  #take(chunk: Buffer): void {
    if (this.pool !== null) this.pool.stats.bytesReceived += chunk.length;
    this.#reader.push(chunk);
    const { server } = this;
    if (server !== null) server.hold.bytes += chunk.length;
    this.#process();
    if (this.pool !== null) this.#batch.settle(this.pool.settings.retry_buffer);
    this.#statements.settle();
    if (server !== null && !this.keepsChunk) server.stream.spend(chunk);
  }

  get keepsChunk(): boolean {
    return this.#reader.unreadBytes > 0;
  }

  onDrain(): void {
    this.server?.stream.resumeReading();
  }

  onEnd(error: Error | null): void {
    // Who said good-bye behind a statement that still waits for a server wants it done, as in Postgres.
    if (error === null && this.pool !== null && this.#reader.endsUnreadWith(GOOD_BYE)) return;
    this.close(error === null ? 'eof' : 'socket_error', null, error?.message);
  }

  onBug(error: unknown): void {
    this.#host.events.bug(error);
    this.close('internal_error', poolerError('internal_error', error instanceof Error ? error.message : String(error)));
  }

  /** From LoginTurns only. */
  takeLoginBytes(chunk: Buffer): void {
    this.stream.resumeReading();
    if (this.state === ClientState.Closed) return;
    try {
      // Its login may be over meanwhile: it waited for a key.
      if (this.#login === null) this.#take(chunk);
      else this.#login.onData(chunk);
    } catch (error) {
      this.onBug(error);
    }
  }

  holdBack(): void {
    this.stream.pauseReading();
  }

  /** Login --------------------------------------------------------------------------------------------------------- */

  onLoginFailed(error: PoolerError, detail: string): void {
    this.close(error.code, error, detail);
  }

  onCancelRequest(processId: number, key: Buffer): void {
    this.#host.cancel(this, processId, key);
  }

  /** Who it is, is proven: into its pool, or to the console. */
  onLoginDone(step: Authenticated): void {
    if (this.#host.settings.application_name_add_host)
      this.#origin = new ApplicationHost(step.startup, this.stream.remoteAddress, this.stream.remotePort);
    const { startup } = this.#origin ?? step;
    this.#startup = startup;
    this.parameters = startup.parameters;
    this.#greeting = step.bytes;
    this.cancelKey = this.#host.makeCancelKey(startup.minor >= 2 ? CANCEL_KEY_LENGTH.new : CANCEL_KEY_LENGTH.old);
    const entry = this.#host.enter(this, startup, step.keys, step.password);
    this.#login = null;
    switch (entry.kind) {
      case 'refused':
        this.close(entry.error.code, entry.error);
        return;
      case 'console':
        this.#console = new ConsoleLink(entry.session, this, this.#reader);
        moveClient(this, ClientState.Active, this.#host.lists);
        this.welcome(parameterStatuses(entry.session.report));
        break;
      case 'pool':
        this.#enterPool(entry.pool, startup);
    }
    if (!this.#reader.atBoundary) this.#process();
  }

  #enterPool(pool: Pool, startup: ClientStartup): void {
    this.pool = pool;
    if (startup.replication !== null) {
      const value = startup.replication === 'logical' ? 'database' : 'true';
      this.dedicated = new Map([...startup.parameters.entries, ['replication', value]]);
    }
    moveClient(this, ClientState.Active, this.#host.lists);
    const known = this.dedicated === null ? pool.reports.find(this.parameters) : null;
    if (known !== null) {
      this.parameters = known.parameters;
      this.session = new SessionKeeper(known.parameters);
      this.welcome(known.statuses);
      return;
    }
    this.stage = 'welcome';
    if (this.#checkout(this.#host.clock.now())) this.#carrier.prepare();
  }

  /** ParameterStatus as the server reports it, the key to cancel with, and the first ReadyForQuery: one write. */
  welcome(statuses: Buffer): void {
    const greeting = this.#greeting ?? NOTHING;
    this.#greeting = null;
    const key = backendKeyData(this.processId, this.cancelKey);
    this.stream.write(Buffer.concat([greeting, statuses, key, READY_IDLE]));
    this.stage = 'relay';
    if (this.#console === null) this.#reader.setHold(this.#host.relayTables.hold, this.#host.relayTables.heads);
    if (this.pool !== null) this.pool.stats.clientLoginCount += 1;
    this.#host.events.clientLogin(this);
  }

  /** The way of a query -------------------------------------------------------------------------------------------- */

  #process(): void {
    if (this.#console !== null) {
      this.#console.process();
      return;
    }
    // While it waits, what comes is kept: the end of the wait reads it.
    if (this.state === ClientState.Waiting) {
      this.#adjustReading();
      return;
    }
    const reader = this.#reader;
    while (reader.next()) {
      if (reader.first && !this.#admit(reader)) break;
      if (!this.#toServer) continue;
      const from = reader.first ? this.#relayFrom : reader.start;
      if (from < reader.end) this.server?.stream.relay(reader.buffer, from, reader.end);
      if (reader.last && this.session.mayReset(reader.type)) this.#isHeldForReset = true;
    }
    if (reader.error !== null) {
      this.violation(reader.error);
      return;
    }
    const server = this.server;
    if (server !== null) {
      server.stream.flush();
      // A message that was cut when its transaction ended (late CopyData) is whole now.
      server.probe();
      if (server.isSettled) this.#maybeRelease(server);
    }
    // It is gone, and what it left was no good-bye after all.
    if (this.stream.isOver && reader.unreadBytes === 0) this.close('eof', null);
    this.#adjustReading();
  }

  /** A message begins. False: it has to wait (the reader shows it again), or the client was closed. */
  #admit(reader: FrameReader): boolean {
    const type = reader.type;
    this.#toServer = false;
    if (this.#isHeldForReset) {
      reader.again();
      return false;
    }
    if (this.reclaimed !== null && this.stage === 'relay' && this.server === null && type !== Frontend.Terminate) {
      const isAnswered = this.#admitReclaimed(this.reclaimed, reader);
      if (isAnswered) return true;
    }
    switch (type) {
      case Frontend.Query:
        if (this.stage === 'relay' && this.pool!.settings.disable_pqexec) {
          this.close('simple_query_disabled', poolerError('simple_query_disabled'));
          return false;
        }
        break;
      case Frontend.Parse:
      case Frontend.Bind:
      case Frontend.Describe:
      case Frontend.Execute:
      case Frontend.Close:
      case Frontend.FunctionCall:
        break;
      case Frontend.Sync:
        if (this.stage === 'skipping' || (this.stage === 'relay' && this.server === null)) return this.#answerSync();
        break;
      case Frontend.Flush:
      case Frontend.CopyData:
      case Frontend.CopyDone:
      case Frontend.CopyFail:
        // Without a server: left over from a COPY that failed; Postgres ignores them too.
        if (this.server === null && this.stage === 'relay') return true;
        break;
      case Frontend.Terminate:
        this.terminate();
        return false;
      default:
        this.violation(`invalid frontend message type ${typeName(type)}`);
        return false;
    }
    if (this.stage === 'skipping') return true;
    if (this.stage !== 'relay') {
      reader.again();
      return false;
    }
    if (this.server === null && !this.#link()) return false;
    if (this.#listening?.wants(this.server!, reader) === true) {
      reader.again();
      this.#listening.take(this.server!);
      return false;
    }
    return this.#send(this.server!, type, reader);
  }

  /** A server for the message under the cursor. False: the client waits, or its session is being prepared. */
  #link(): boolean {
    if (!this.#checkout(this.activeAt)) return false;
    if (this.reclaimed === null && this.server!.isFitFor(this, this.parameters)) return true;
    this.#carrier.prepareForMessage();
    return false;
  }

  /** True: a server is held. False: on the waiting list since then (or refused already). */
  #checkout(since: number): boolean {
    const pool = this.pool!;
    const server = pool.checkout(this);
    if (server !== null) {
      this.#hold(server, since);
      return true;
    }
    this.waitingSince = since;
    this.waitNotified = false;
    // The message under the cursor is kept; a refusal, which may come at once, reads it again.
    if (this.stage === 'relay') this.#reader.again();
    moveClient(this, ClientState.Waiting, this.#host.lists);
    pool.await(this);
    return false;
  }

  #hold(server: Server, now: number): void {
    this.server = server;
    server.holder = this;
    this.linkedAt = now;
    server.requestedAt = now;
    server.hold.begin(now);
  }

  onAssigned(server: Server): void {
    moveClient(this, ClientState.Active, this.#host.lists);
    this.#hold(server, this.#host.clock.now());
    const waitedMs = this.linkedAt - this.waitingSince;
    this.pool!.waited(this, waitedMs, this.linkedAt);
    if (waitedMs >= WORTH_TELLING_MS) this.#host.events.clientWaited(this, server, waitedMs);
    if (this.stage === 'welcome' || this.reclaimed !== null) this.#carrier.prepare();
    else {
      this.stage = 'relay';
      if (server.isFitFor(this, this.parameters)) this.#process();
      else if (this.#reader.next()) this.#carrier.prepareForMessage();
      else this.#carrier.prepare();
    }
  }

  /** The message goes to the server; its reply is expected from now on. */
  #send(server: Server, type: number, reader: FrameReader): boolean {
    if (server.replies.length >= MAX_OUTSTANDING) {
      reader.again();
      return false;
    }
    if (server.queryStartedAt === 0) {
      if (server.txStatus !== TxStatus.Idle) server.hold.resumed(this.activeAt - server.activeAt);
      server.queryStartedAt = Math.max(this.activeAt, this.linkedAt);
      if (server.xactStartedAt === 0) {
        server.xactStartedAt = server.queryStartedAt;
        server.hold.beginTransaction();
      }
    }
    if (type === Frontend.Bind && this.#statements.mustVerify(server, reader)) {
      reader.again();
      this.stage = 'verifying';
      return false;
    }
    this.#relayFrom = reader.start;
    if (type === Frontend.Query) this.#batch.drop();
    else this.#batch.note(server, type, reader);
    switch (type) {
      case Frontend.Sync:
        this.#statements.sync();
        break;
      case Frontend.Query:
        this.#note(server, reader, reader.start + 5);
        this.#statements.query(server);
        if (!this.#look(server, reader)) return true;
        break;
      case Frontend.Parse:
        if (!server.replies.isBatchOpen) this.#note(server, reader, textOfParse(reader));
        if (!this.#look(server, reader) || this.#statements.parse(server, reader) === SENT) return true;
        break;
      case Frontend.Bind:
      case Frontend.Describe:
      case Frontend.Close: {
        const from = this.#statements.use(server, type, reader);
        if (from === SENT) return true;
        if (from === AS_IS) break;
        this.#relayFrom = from;
        this.#toServer = true;
        return true;
      }
      case Frontend.FunctionCall:
        if (this.sharesSession) server.suspect |= this.session.lookAtFunctionCall(reader);
    }
    server.replies.sent(type);
    this.#toServer = true;
    return true;
  }

  /** A batch begins with this text: for who asks what it does with its server. */
  #note(server: Server, reader: FrameReader, from: number): void {
    server.hold.statements += 1;
    if (!this.pool!.settings.guard || from >= reader.end) return;
    server.hold.note(reader.buffer, from, reader.end, reader.messageLength - (from - reader.start) - 1);
  }

  /** What may this statement do to the session? Found out when its transaction is over. False: it is not let through. */
  #look(server: Server, reader: FrameReader): boolean {
    const pool = this.pool!;
    if (this.dedicated !== null) return true;
    if (pool.settings.pool_mode === 'session') {
      // Its session stays where it is: only a RESET goes to the wrong place, and some things no reset undoes.
      const found = this.session.look(reader, pool.settings, POSTGRES_LEXICON, pool.customNames, server.lexing);
      if (this.session.startup !== ParameterSet.EMPTY) server.suspect |= found & Suspect.Resets;
      server.pins |= found & (Suspect.Load | Suspect.Seed);
      return true;
    }
    const lexing = (server.suspect & Suspect.Parameter) === 0 ? server.lexing : UNSURE_LEXING;
    const found = this.session.look(reader, pool.settings, pool.lexicon, pool.customNames, lexing);
    if (this.session.warned !== Suspect.None)
      for (const kind of kindNames(this.session.warned)) pool.stats.sessionWarnings.add(kind);
    if (found === Suspect.None) return true;
    const rejected = found & this.session.policy(pool.settings).reject;
    if (rejected !== Suspect.None) {
      server.reject(reader.type, errorResponse(poolerError('session_policy', kindNames(rejected).join(', '))));
      return false;
    }
    if (!this.#statements.look(server, reader, found)) return false;
    server.suspect |= found;
    return true;
  }

  /** Backpressure: read only what can be passed on. */
  #adjustReading(): void {
    if (this.state === ClientState.Closed) return;
    if (this.#reader.unreadBytes >= MAX_UNREAD_BYTES || (this.server?.stream.isFull ?? false))
      this.stream.pauseReading();
    else this.stream.resumeReading();
  }

  /** The way back -------------------------------------------------------------------------------------------------- */

  onServerReady(): void {
    const server = this.server;
    this.#batch.drop();
    if (this.#isHeldForReset && server !== null && this.#afterReset(server)) return;
    if (server?.isSettled) this.#maybeRelease(server);
    this.onServerProgress();
  }

  onServerProgress(): void {
    const server = this.server;
    if (this.#isHeldForReset && server !== null && this.#afterReset(server)) return;
    if (server !== null && server.txStatus !== TxStatus.Idle && this.pool!.settings.pool_mode === 'statement') {
      if (server.replies.isIdle) {
        server.closeReason = 'statement_mode_transaction';
        this.close('statement_mode_transaction', poolerError('statement_mode_transaction'));
        return;
      }
    }
    if (this.stage === 'verifying' && this.#statements.isVerified) this.stage = 'relay';
    if (this.state !== ClientState.Closed && this.stage === 'relay' && !this.#reader.atBoundary) this.#process();
    else this.#adjustReading();
  }

  /** The transaction is over: the server goes back, except in session mode, or when half a message of ours lies on it. */
  #maybeRelease(server: Server): void {
    if (this.stage !== 'relay' || this.dedicated !== null || this.#reader.midMessage) return;
    const { pool_mode, server_fast_close } = this.pool!.settings;
    if (pool_mode === 'session' && this.#leaving === null) {
      // Its session is on that server: it can't go on with another one as if nothing had happened.
      if (server_fast_close && server.closeReason !== null) server.close(server.closeReason);
      return;
    }
    this.idleSince = server.activeAt;
    if (this.#leaving === null) {
      if (server.suspect !== Suspect.None) {
        this.#carrier.inspect(server);
        return;
      }
      if (this.#sharesChannels(server) || this.#isPinned(server)) return;
    }
    this.server = null;
    server.holder = null;
    this.pool!.release(server);
    this.#listening?.released();
    if (this.#leaving !== null) this.close(this.#leaving.reason, this.#leaving.error);
  }

  #isBound(server: Server): boolean {
    return (server.pins & ~this.session.policy(this.pool!.settings).reset) !== Suspect.None;
  }

  /** What it made is on this server alone, so it keeps it beyond the transaction. */
  #isPinned(server: Server): boolean {
    if (!this.#isBound(server)) return false;
    const limit = this.pool!.maxPinned;
    const isPassing = server.pins === Suspect.Listen && this.#listening?.isPassing === true;
    if (limit === 0 || isPassing || this.pool!.pinnedServers <= limit) {
      this.pool!.stats.pinnedXactCount += 1;
      return true;
    }
    this.close('too_many_pinned', poolerError('too_many_pinned', String(limit)));
    return true;
  }

  /** Its session --------------------------------------------------------------------------------------------------- */

  /** Its session follows it from server to server. */
  get sharesSession(): boolean {
    return this.dedicated === null && this.pool!.settings.pool_mode !== 'session';
  }

  /** Behind what makes its session right. The reply to it comes before the session is known to be; the cursor stays. */
  sendOpening(server: Server): boolean {
    const reader = this.#reader;
    if (!this.#send(server, Frontend.Query, reader)) return false;
    if (this.#toServer) server.stream.relay(reader.buffer, this.#relayFrom, reader.end);
    return true;
  }

  onPrepared(): void {
    this.#process();
  }

  get withholdsReady(): boolean {
    return this.#isHeldForReset;
  }

  /** It waited for the answer to what may have been a RESET. True: it waits on, for its startup parameters. */
  #afterReset(server: Server): boolean {
    if (!server.isReadyWithheld) return false;
    this.#isHeldForReset = false;
    return this.#carrier.afterReset(server);
  }

  /** Its statements ------------------------------------------------------------------------------------------------ */

  nameOf(id: number): string | null {
    return this.#statements.nameOf(id);
  }

  get mayRetry(): boolean {
    return this.#reader.atBoundary && this.#batch.mayRepeat(this.pool!.settings.retry_buffer);
  }

  onServerRetry(): void {
    const server = this.server!;
    const { hold, heads } = this.#host.relayTables;
    const reader = new FrameReader(hold, this.#host.settings.max_packet_size);
    reader.setHold(hold, heads);
    reader.push(this.#batch.take());
    // After Flush: the failure has to be ended first.
    if (!this.#batch.isWhole) server.syncOurs();
    this.pool!.stats.retryCount += 1;
    while (reader.next()) {
      // What was answered already: its statement was there.
      if (reader.type === Frontend.Parse) continue;
      if (this.#send(server, reader.type, reader) && this.#toServer)
        server.stream.relay(reader.buffer, this.#relayFrom, reader.end);
    }
    server.stream.flush();
  }

  /** Its server was taken back ------------------------------------------------------------------------------------- */

  /** The guard takes the server back. Nothing is said while the client is silent, unless its session goes with the server. */
  onServerReclaimed(error: PoolerError): void {
    const server = this.server;
    if (server === null) return;
    const isKept = !this.sharesSession || this.#isBound(server) || this.isMidMessage || this.stage !== 'relay';
    if (isKept) {
      const kept = kindNames(server.pins);
      const lost = kept.length > 0 ? kept.join(', ') : this.isMidMessage ? 'half a message' : 'the whole session';
      const detail = `lost with the server: ${lost}; ${error.detail ?? ''}`;
      this.close(error.code, { ...asFatal(error), detail }, error.message);
      return;
    }
    const wasInBlock = server.txStatus !== TxStatus.Idle || server.hold.first.isEmpty;
    this.reclaimed = new Reclaimed(error, wasInBlock);
    this.#batch.drop();
    this.#isHeldForReset = false;
    this.server = null;
    server.holder = null;
    // Sync would commit what an open batch has done.
    if (server.replies.isBatchOpen) server.close('leak_reclaimed');
    else this.pool!.release(server);
  }

  /** True: the message is dealt with here; false: it needs a server as any other does. */
  #admitReclaimed(reclaimed: Reclaimed, reader: FrameReader): boolean {
    const outcome = reclaimed.admit(reader, (bytes) => this.stream.write(bytes));
    if (outcome === Outcome.Server) return false;
    if (outcome === Outcome.Skip) this.stage = 'skipping';
    else this.#forgetReclaimed();
    this.idleSince = this.activeAt;
    return true;
  }

  #answerSync(): boolean {
    this.stage = 'relay';
    this.stream.write(this.reclaimed?.ready ?? READY_IDLE);
    this.#forgetReclaimed();
    return true;
  }

  #forgetReclaimed(): void {
    if (this.reclaimed?.isOver === true) this.reclaimed = null;
  }

  /** LISTEN -------------------------------------------------------------------------------------------------------- */

  get listenBuffer(): number {
    return this.pool!.settings.listen_buffer;
  }

  onNotification(reader: FrameReader): void {
    const server = this.server!;
    if (this.#listening?.keeps(reader, server, this.processId) !== true)
      relayNotification(this.stream, reader, server, this.processId);
  }

  onChannelsTaken(): void {
    if (this.state === ClientState.Closed) return;
    this.stage = 'relay';
    this.#process();
  }

  /** The transaction is over, and what it listens to is known. True: the server stays until the shared connection has taken over. */
  #sharesChannels(server: Server): boolean {
    if ((server.pins & Suspect.Listen) === 0) {
      if (this.#listening?.feed.isOnServer === true) this.#endListening();
      return false;
    }
    const { settings, listener } = this.pool!;
    const { reset } = this.session.policy(settings);
    // Who keeps its server anyway hears it best from there.
    const isKept = (server.pins & ~reset) !== Suspect.Listen;
    if (isKept || (settings.listen === 'pin' && this.#listening === null)) return false;
    this.#listening ??= new Listening(this, listener);
    return this.#listening.giveBack(server);
  }

  #endListening(): void {
    this.#listening?.close();
    this.#listening = null;
  }

  onListenerReady(): void {
    const server = this.server;
    if (server?.isSettled === true && this.#reader.atBoundary) this.#maybeRelease(server);
  }

  /** Without a server ---------------------------------------------------------------------------------------------- */

  /** The server goes back to its pool, which cancels what runs and rolls back what is open. */
  onServerExpired(reason: HeldServerReason, error: ErrorFields): void {
    this.close(reason, error);
  }

  onServerClosed(reason: ServerCloseReason, detail: string, told: boolean): void {
    const isMidReply = this.server?.isMidReply ?? false;
    const isUntouched = this.server?.isUntouched ?? false;
    const stage = this.stage;
    this.server = null;
    // Nothing of the client's was on it yet: it gets another one, and has waited since it first asked.
    const isTaking = this.#listening?.feed.state === ListenState.Taking; // what it was to hear is lost
    const isEarly = stage === 'welcome' || stage === 'preparing' || (stage === 'opening' && isUntouched && !isMidReply);
    if (isEarly && this.dedicated === null && !isTaking) {
      if (stage !== 'welcome') this.stage = 'relay';
      if (this.#checkout(this.linkedAt)) this.#carrier.prepare();
      return;
    }
    const error = told || isMidReply ? null : poolerError('server_closed', detail);
    this.close('server_closed', error, `${reason}: ${detail}`);
  }

  /** The wait is over without a server. */
  onRefused(error: PoolerError | ErrorFields): void {
    if (this.state !== ClientState.Waiting) return;
    moveClient(this, ClientState.Active, this.#host.lists);
    this.pool!.waitedInVain(this.#host.clock.now() - this.waitingSince);
    const reason: ClientCloseReason = 'code' in error ? error.code : 'server_login_failed';
    if (this.stage === 'welcome' || error.severity === 'FATAL') {
      this.close(reason, asFatal(error));
      return;
    }
    const mayFollow = this.stream.isReadingPaused || this.#host.clock.now() - this.activeAt < IN_FLIGHT_MS;
    const refusal = refuseAll(this.#reader, errorResponse(error), mayFollow, this.reclaimed?.ready);
    if (this.#reader.error !== null) this.violation(this.#reader.error);
    else if (refusal.terminated) this.close('client_terminated', null);
    else if (refusal.isFatal) this.close(reason, { ...asFatal(error), hint: PIPELINE_HINT });
    else {
      this.idleSince = this.#host.clock.now();
      this.#host.events.clientRefused(this, error);
      this.stream.write(Buffer.concat(refusal.replies));
      if (refusal.skipping) this.stage = 'skipping';
      this.#adjustReading();
    }
  }

  /** Ends ---------------------------------------------------------------------------------------------------------- */

  terminate(): void {
    this.close('client_terminated', null);
  }

  violation(what: string): void {
    this.close('protocol_violation', poolerError('protocol_violation', what), what);
  }

  notice(message: string): void {
    this.stream.write(noticeResponse({ severity: 'NOTICE', sqlstate: '00000', message }));
  }

  /** Closes it now, or as soon as its transaction is over. A client that waits has not begun its one. */
  leave(reason: ClientCloseReason, error: ErrorFields): void {
    this.#leaving = { reason, error };
    if (this.server === null || this.dedicated !== null) this.close(reason, error);
    else if (this.server.isSettled) this.#maybeRelease(this.server);
  }

  /** As leave(), but who waits for a server is served first, and who has just come has graceMs for its first transaction. */
  drain(reason: ClientCloseReason, error: ErrorFields, graceMs: number): void {
    if (this.isLoggingIn) return;
    if (this.state === ClientState.Waiting) {
      this.#leaving = { reason, error };
      return;
    }
    const isFresh = this.server === null && this.idleSince === 0 && this.#leaving === null;
    if (!isFresh || this.#host.clock.now() - this.connectedAt >= graceMs) this.leave(reason, error);
  }

  /**
   * Closes the connection; a server that it holds goes back to its pool, which sees to it that it is clean. error: what
   * the client is told, as FATAL. detail: for the log.
   */
  close(reason: ClientCloseReason, error: ErrorFields | null, detail: string = reason): void {
    if (this.state === ClientState.Closed) return;
    const server = this.server;
    // An error can't follow half a reply.
    const isTold = error !== null && !(server?.isMidReply ?? false);
    const isMidMessage = server !== null && this.isMidMessage;
    if (this.state === ClientState.Waiting) this.pool!.waitedInVain(this.#host.clock.now() - this.waitingSince);
    moveClient(this, ClientState.Closed, this.#host.lists);
    this.#login?.stop();
    this.#console?.close();
    // Even without an error: what was relayed before has to arrive.
    if (reason === 'eof' || reason === 'socket_error' || reason === 'tcp_user_timeout') this.stream.destroy();
    else if (reason === 'client_terminated') this.stream.bye();
    else this.stream.end(isTold ? errorResponse(error) : null);
    this.#host.events.clientClosed(this, reason, error, detail);
    this.#host.gone(this);
    this.#statements.close();
    this.#endListening();
    if (server === null) return;
    this.server = null;
    server.holder = null;
    // What stood before the message that ends it, in the same chunk, is in the batch and its reply is expected.
    server.stream.flush();
    if (isMidMessage) server.close('client_disconnect_in_query');
    // Who says good-bye behind a statement wants it done, as in Postgres; who vanishes waits for nothing any more.
    else this.pool!.release(server, reason === 'client_terminated');
  }
}

/** Where the text of a Parse begins: behind the name. */
function textOfParse({ buffer, start, end }: FrameReader): number {
  if (buffer[start + 5] === 0) return start + 6;
  const nameEnd = buffer.indexOf(0, start + 5);
  return nameEnd < 0 ? end : nameEnd + 1;
}

const PIPELINE_HINT =
  'Statements behind the refused BEGIN would run outside a transaction, so the connection is closed. Connect again and repeat the transaction.';
