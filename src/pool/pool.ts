// The servers of one (database, user) pair and the clients that wait for them: who gets which server and when.
//
// State is list membership, so every count is a length. checkout() and release() make and end a link; everything else
// is about having the right number of servers.

import type { ScramKeys } from '../auth/scram.ts';
import type { DatabaseTarget } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import { TxStatus } from '../protocol/message-types.ts';
import type { Server, ServerCloseReason, ServerOwner } from '../server/server.ts';
import { CURRENT_ROLE_QUERY, RoleReader, reportedRole } from '../server/session-attrs.ts';
import { moveServer, type ServerLists, serverLists } from '../server/states.ts';
import { CustomNames } from '../session/custom-names.ts';
import { CatalogReader, catalogQuery, FINGERPRINT_QUERY, FingerprintReader } from '../session/functions.ts';
import { partsToInspect } from '../session/inspection.ts';
import { type Lexicon, POSTGRES_LEXICON } from '../session/lexicon.ts';
import { sessionPolicy } from '../session/policy.ts';
import { PreparedStatements } from '../session/prepared.ts';
import { Suspect } from '../session/suspect.ts';
import type { Clock } from '../util/clock.ts';
import { List } from '../util/list.ts';
import { isAway, retryDelayMs } from './backoff.ts';
import type { Failure, HostChooser, Hosts } from './hosts.ts';
import type { LimitVerdict } from './limits.ts';
import { Listener, type ListenerHost } from './listener.ts';
import { type Explanation, Overload } from './overload.ts';
import { intervalMs } from './pace.ts';
import type { PoolClient, PoolClientState } from './pool-client.ts';
import { Queue } from './queue.ts';
import { StartupReports } from './startup-reports.ts';
import { movePool, PoolState } from './states.ts';
import { PoolStats } from './stats.ts';

/** What a pool asks of the house around it. */
export interface PoolContext {
  readonly clock: Clock;
  /** What is known of the hosts of all databases. */
  readonly hosts: Hosts;
  /** Dials Postgres; the server logs in by itself. dedicated: further startup parameters (replication). */
  openServer(pool: Pool, dedicated: ReadonlyMap<string, string> | null, owner: ServerOwner): Server;
  /** May this pool open one more? Makes room by closing an idle server of another pool where that helps. */
  mayOpen(pool: Pool, waitedMs: number): boolean;
  /** Processes that share the limits. Where it is more than one, who has to make room is not for one of them to say. */
  readonly workers: number;
  /** May it have a connection that only listens? pool_size does not count for that. */
  mayListen(pool: Pool): LimitVerdict;
  /** Sends a cancel request for what the server runs; server.cancelsInFlight counts it. */
  cancel(server: Server, pool: Pool): void;
  /** Postgres has refused what the pool logs in with: it is read again. False: it comes from nowhere that could have another. */
  doubtPassword(pool: Pool): boolean;
  /** A server is being opened: what limits over several pools count has changed. */
  onOpened(pool: Pool): void;
  /** A server came or went: other pools of the database or user may open one now. */
  onCapacity(pool: Pool): void;
  /** A server is idle, and nobody who waits in its pool took it: it may make room for others. */
  onIdle(): void;
  /** The host of this server is a primary no more, or has become one. */
  onHostChanged(server: Server, isStandby: boolean): void;
  /** A client of this pool has changed the catalog of its database. */
  onCatalogChanged(pool: Pool): void;
  readonly events: PoolEvents;
  readonly guard: PoolGuard;
  /** null: nobody traces. */
  readonly tracer: PoolTracer | null;
}

/** Who wants to hear of each transaction. */
export interface PoolTracer {
  /** It has been answered to its end, and its client holds the server still. */
  xactAnswered(pool: Pool, server: Server, endedAt: number): void;
}

/** What the guard wants to hear from a pool. */
export interface PoolGuard {
  /** A transaction of several batches has ended by itself; its client holds the server still. */
  xactEnded(server: Server): void;
  /** A client waits for a server. */
  clientWaits(pool: Pool): void;
  /** How the pool stands, for a client that is refused. */
  explain(pool: Pool): Explanation;
}

/** What observe hears of. */
export interface PoolEvents {
  serverLogin(pool: Pool, server: Server): void;
  serverClosed(pool: Pool, server: Server, reason: ServerCloseReason, error: ErrorFields | null): void;
  /** A mistake of ours, contained to one connection. */
  bug(error: unknown): void;
  serverQuestionFailed(pool: Pool, server: Server, question: string, error: ErrorFields): void;
}

/** Ends of a server that has never served: as good as a login that failed, and no reason to try again at once. */
const NEVER_SERVED: ReadonlySet<ServerCloseReason> = new Set([
  'eof',
  'internal_error',
  'protocol_violation',
  'question_failed',
  'server_check_timeout',
  'socket_error',
]);

/** Postgres: ERRCODE_READ_ONLY_SQL_TRANSACTION. */
const READ_ONLY_TRANSACTION = '25006';

const OPEN_TRANSACTION: ErrorFields = { severity: 'ERROR', sqlstate: '25001', message: '' };

/** invalid_password, and invalid_authorization_specification, which PAM and our own side say. */
const REFUSED_PASSWORD = new Set(['28P01', '28000']);
/** A password that is changed in two places is not the same in both for a moment: clients wait for so long. */
const ROTATION_MS = 5_000;

/** From a retry that is due to a served client: a tick of the janitor and a login, with a busy machine. server_login_retry holds them too. */
const RETRY_LAG_MS = 250;
/** A server_reset_query without it leaves what was set: the next client's session is made from there. */
const RESETS_ALL = /\b(discard|reset)\s+all\b/i;

/** What undoes a pin, and nothing else. */
const RESETS: readonly (readonly [pin: number, sql: string])[] = [
  [Suspect.Temp, 'DISCARD TEMP'],
  [Suspect.AdvisoryLock, 'SELECT pg_catalog.pg_advisory_unlock_all()'],
  [Suspect.HoldCursor, 'CLOSE ALL'],
  [Suspect.Listen, 'UNLISTEN *'],
  [Suspect.Sequence, 'DISCARD SEQUENCES'],
];
const SMALL_RESETS = RESETS.reduce((mask, [pin]) => mask | pin, 0);
/** A loaded library, the seed of random(). */
const NOT_UNDOABLE = Suspect.Load | Suspect.Seed;

/** Functions that others make are known after this time. */
const CATALOG_TTL_MS = 60_000;

/** How many idle servers are looked at for one whose parameters fit already. */
const FITTING_SCAN = 8;

export class Pool implements ServerOwner {
  readonly database: string;
  readonly user: string;
  target: DatabaseTarget;
  settings: EffectiveSettings;
  readonly stats = new PoolStats();
  state: PoolState = PoolState.Running;

  readonly servers: ServerLists<Server> = serverLists();
  /** The clients that wait. */
  readonly queue = new Queue();
  readonly clients: Readonly<Record<PoolClientState, List<PoolClient>>> = {
    active: new List(),
    waiting: this.queue,
    waiting_cancel: new List(),
    active_cancel: new List(),
  };

  /** Postgres' answer to the last login that failed; null since one worked. */
  lastLoginError: ErrorFields | null = null;
  /** The last failure was a refusal (wrong password, no such database), not an absence. */
  isRefused = false;
  loginFailures = 0;
  /** When the first of them was. */
  #awaySince = 0;
  /** No login before this stamp. */
  retryAt = 0;
  /** What a client is told at login, and has from then on. */
  readonly reports = new StartupReports();
  /** The words that a statement is searched for: with the functions of this database once the first server has logged in. */
  lexicon: Lexicon = POSTGRES_LEXICON;
  readonly prepared = new PreparedStatements();
  /** Where its next server goes to. */
  readonly hosts: HostChooser;
  /** LISTEN for all its clients. */
  readonly listener: Listener;
  readonly customNames = new CustomNames();
  /** Of the catalog that the lexicon was made from; null when it is to be read again whatever it says. */
  #fingerprint: string | null = null;
  #catalogReadAt = Number.NEGATIVE_INFINITY;
  /** Keys that let us log in to Postgres as a client whose plaintext we don't have (SCRAM pass-through). */
  scramKeys: ScramKeys | null = null;
  /** What a client typed (auth_type plain), where no secret is stored that Postgres would accept. */
  clientPassword: string | null = null;
  /** Of its user, where auth_query gave it. */
  askedSecret: string | null = null;
  readonly createdAt: number;
  /** Last time a client was here. */
  usedAt: number;
  /** Servers that are closed when they are released: a worker that has fewer gets their places. */
  recalled = 0;
  /** This worker's part of min_pool_size. */
  minShare = Number.POSITIVE_INFINITY;

  readonly #context: PoolContext;
  readonly #overload: Overload;
  /** Servers that are opened for one client only (replication), and the clients that still wait for theirs. */
  readonly #dedicated = new Map<Server, PoolClient>();
  readonly #dedicatedQueue = new Set<PoolClient>();
  /** An idle server is being evicted: the room is not for whoever grow() would take it for. */
  #isMakingRoom = false;
  /** What a server reports right after its login: a change makes the cached reports stale. */
  #loginReport: ReadonlyMap<string, string> = new Map();

  constructor(
    database: string,
    user: string,
    target: DatabaseTarget,
    settings: EffectiveSettings,
    context: PoolContext,
  ) {
    this.database = database;
    this.user = user;
    this.target = target;
    this.settings = settings;
    this.#context = context;
    this.hosts = context.hosts.chooser();
    this.listener = new Listener(this.#listenerHost(context));
    this.#overload = new Overload(this, () => context.guard.explain(this));
    this.createdAt = context.clock.now();
    this.usedAt = this.createdAt;
  }

  /** Servers that run statements: those that count against pool_size. */
  get serverCount(): number {
    const { login, idle, active, used, tested, being_canceled } = this.servers;
    return login.length + idle.length + active.length + used.length + tested.length + being_canceled.length;
  }

  /** All that count against limits over several pools. */
  get connectionCount(): number {
    return this.serverCount + this.listener.connections;
  }

  /** More servers than a reload has left it. PgBouncer: check_pool_size. */
  get isTooBig(): boolean {
    const { pool_size, reserve_pool_size } = this.settings;
    return pool_size > 0 && this.serverCount > pool_size + reserve_pool_size;
  }

  /** min_pool_size, as far as it is kept here. */
  get minSize(): number {
    return Math.min(this.settings.min_pool_size, this.minShare);
  }

  /** max_pinned_servers, of which each worker has an equal part; 0: no limit. */
  get maxPinned(): number {
    const { max_pinned_servers: limit } = this.settings;
    return limit === 0 ? 0 : Math.max(Math.floor(limit / this.#context.workers), 1);
  }

  /** Servers that their clients keep beyond a transaction. */
  get pinnedServers(): number {
    let pinned = 0;
    for (const server of this.servers.active) if (server.pins !== Suspect.None) pinned += 1;
    return pinned;
  }

  get clientCount(): number {
    return this.clients.active.length + this.clients.waiting.length;
  }

  /** How long the first client has waited, in ms; 0 when none waits. */
  maxWaitMs(now: number): number {
    const first = this.clients.waiting.head;
    return first === null ? 0 : now - first.waitingSince;
  }

  *allServers(): Iterable<Server> {
    for (const list of Object.values(this.servers)) yield* list;
  }

  /** Checkout ------------------------------------------------------------------------------------------------------- */

  /**
   * A server for this client right away, or null: then the caller puts it on the waiting list and calls await().
   * Nobody overtakes: while clients wait, there is none right away, and the queue says who is next.
   */
  checkout(client: PoolClient): Server | null {
    if (this.state !== 'running' || client.dedicated !== null || this.queue.hasNext) return null;
    const server = this.#takeIdle(client);
    if (server !== null) {
      this.#assign(client, server);
      this.stats.waits.recordNone();
    }
    return server;
  }

  /** The client is on the waiting list now: see to it that a server comes, or refuse it when none can. */
  await(client: PoolClient): void {
    if (client.dedicated !== null) this.#dedicatedQueue.add(client);
    if (this.#failsFast) client.onRefused(this.loginError());
    else {
      this.grow();
      this.#context.guard.clientWaits(this);
      if (client.list === this.queue) this.#overload.arrived(client, this.#context.clock);
    }
  }

  /** Clients that wait in vain are told so. From the janitor. */
  shed(now: number): void {
    if (this.queue.hasNext) this.#overload.tend(now);
  }

  /** Logins are refused, and there is no server left that could serve: waiting is no use. */
  get #failsFast(): boolean {
    return this.isRefused && this.#hasNoServer && this.#context.clock.now() < this.retryAt;
  }

  get #hasNoServer(): boolean {
    return this.serverCount === this.servers.login.length;
  }

  /** Whoever has begun to wait at this stamp came to an outage that had lasted for as long as anybody may wait. */
  #isLongAway(since: number): boolean {
    const { query_wait_timeout } = this.settings;
    return this.loginFailures > 0 && query_wait_timeout > 0 && since - this.#awaySince >= query_wait_timeout;
  }

  /** What Postgres said, in PgBouncer's words around it. */
  loginError(): PoolerError | ErrorFields {
    const said = this.lastLoginError;
    if (said === null) return poolerError('server_login_failed', 'Postgres was not reached');
    return this.isRefused ? refusedLogin(said) : poolerError('server_login_failed', said.message);
  }

  #takeIdle(client: PoolClient): Server | null {
    const idle = this.servers.idle;
    const last = client.lastServer;
    if (last !== null && last.list === idle && !this.settings.server_round_robin) return last;
    let server = idle.head;
    if (server === null || server.isFitFor(client, client.parameters)) return server;
    for (let scanned = 0; server !== null && scanned < FITTING_SCAN; scanned += 1) {
      if (server.isFitFor(client, client.parameters)) return server;
      server = server.next;
    }
    return idle.head;
  }

  #assign(client: PoolClient, server: Server): void {
    moveServer(server, this.servers, 'active');
    client.lastServer = server;
    server.hold.account = this.queue.shares.take(client.ticket);
    this.stats.serverAssignmentCount += 1;
  }

  /** Hands idle servers to those who wait, in the order that is fair. */
  #serveWaiting(): void {
    const { queue, settings } = this;
    if (queue.hasNext) queue.shares.weigh(settings.application_weights);
    while (this.state === 'running' && this.servers.idle.length > 0) {
      const client = queue.shares.next();
      if (client === null) break; // those that wait for a server of their own: one of these may have to make room
      const server = this.#takeIdle(client)!;
      this.#assign(client, server);
      client.onAssigned(server);
    }
    if (queue.length > 0) this.grow();
  }

  /** The client has got its server after so long. */
  waited(client: PoolClient, waitedMs: number, now: number): void {
    this.stats.waitTimeMs += waitedMs;
    this.stats.waits.record(waitedMs);
    if (client.server !== null) client.server.hold.waitedMs = waitedMs;
    const { share } = client.ticket;
    if (share === null || share.waiting.length === 0) return;
    const { query_wait_timeout, queue_target } = this.settings;
    share.pace.served(waitedMs, queue_target, now, intervalMs(query_wait_timeout));
  }

  /** The client has waited for so long, and gets none. */
  waitedInVain(waitedMs: number): void {
    this.stats.waitTimeMs += waitedMs;
    this.stats.waits.record(waitedMs);
  }

  /** The link of this server is over. */
  #settleAccount(server: Server): void {
    const { account, since } = server.hold;
    if (account === null) return;
    server.hold.account = null;
    // The usual end comes with Postgres' answer: its stamp is that of now, and costs nothing.
    const isUsual = server.isReusable && server.pins === Suspect.None && this.settings.pool_mode !== 'session';
    const heldMs = (isUsual ? server.activeAt : this.#context.clock.now()) - since;
    this.stats.holds.record(heldMs);
    account.gaveBack(heldMs);
  }

  /** Release -------------------------------------------------------------------------------------------------------- */

  /**
   * The link is over and server.holder is null. The server goes on to the next client, or is made fit for one, or closed.
   * letFinish: what still runs may end by itself; else it is canceled.
   */
  release(server: Server, letFinish = false): void {
    const wasDedicated = this.#dedicated.delete(server);
    this.#settleAccount(server);
    if (server.state === 'closed') return;
    server.stream.resumeReading();
    // Replication does not end by a cancel, and what it sent meanwhile nobody counts.
    if (wasDedicated) server.close('replication_ended');
    else if (!server.replies.isIdle || server.cancelsInFlight > 0) this.#settleFirst(server, letFinish);
    else if (server.closeReason !== null) server.close(server.closeReason);
    else if (server.txStatus !== TxStatus.Idle) this.#askFirst(server, 'ROLLBACK', 'rollback');
    else if (this.#isOld(server)) server.close('server_lifetime');
    else if (this.isTooBig) server.close('settings_changed');
    else if (this.recalled > 0) server.close('evicted');
    else if (this.listener.needsRoom) server.close('evicted');
    else if (this.settings.pool_mode === 'session' || this.settings.server_reset_query_always) this.#reset(server);
    else this.#clean(server);
  }

  /** Nobody gets a server with what its client left: what may be there is looked up, and what is there is undone. */
  #clean(server: Server): void {
    if (this.#context.hosts.takeDoubt(server.address, server.activeAt)) {
      this.#askAbout(server, 'role', (done) => this.#askRole(server, done));
      return;
    }
    if (server.suspect !== Suspect.None) {
      this.#askAbout(server, 'inspection', (done) => this.inspect(server, done));
      return;
    }
    if (server.pins === Suspect.None) {
      if (this.#isCatalogOld) this.#askAbout(server, 'catalog', (done) => this.#readCatalog(server, done));
      else this.#makeIdle(server);
      return;
    }
    const sql = resetOf(server.pins);
    if (sql === null) server.close('session_kept');
    else this.#askFirst(server, sql, 'reset', true);
  }

  #askAbout(server: Server, what: string, ask: (done: (error: ErrorFields | null) => void) => void): void {
    if (server.state !== 'tested') moveServer(server, this.servers, 'tested');
    ask((error) => {
      if (error === null) this.#clean(server);
      else this.#questionFailed(server, what, error);
    });
  }

  /** Postgres says of each read-only transaction that it is one: whether the host has become a standby, only the host can tell. */
  #askRole(server: Server, done: (error: ErrorFields | null) => void): void {
    const reader = new RoleReader();
    const answered = (error: ErrorFields | null) => {
      const { role } = reader;
      const writes = this.settings.target_session_attrs === 'read-write';
      if (role !== null && (role.isStandby || (writes && role.isReadOnly))) this.#context.onHostChanged(server, true);
      done(error);
    };
    server.ask(CURRENT_ROLE_QUERY, answered, reader);
  }

  /** Asks what a server's session has come to, and reads the catalog again where the session has changed that. */
  inspect(server: Server, done: (error: ErrorFields | null) => void): void {
    if (partsToInspect(server.suspect, server.pins) !== 0) this.stats.inspectionCount += 1;
    const isChanged = (server.suspect & Suspect.Catalog) !== 0;
    server.inspect(this.customNames, (error) => {
      server.pins &= sessionPolicy(this.settings.session_policy, this.settings.session_opaque).watched;
      if (error !== null || !isChanged) done(error);
      else {
        this.#context.onCatalogChanged(this);
        this.#readCatalog(server, (failure) => {
          if (failure !== null) this.#context.events.serverQuestionFailed(this, server, 'catalog', failure);
          done(null); // the session is known; the catalog is read again soon
        });
      }
    });
  }

  /** Functions and tables may be others now. */
  catalogChanged(): void {
    this.#catalogReadAt = Number.NEGATIVE_INFINITY;
  }

  get #isCatalogOld(): boolean {
    if (this.settings.pool_mode === 'session') return false;
    if (this.#fingerprint === null) return true; // it was never read: behind connect_query
    return this.#context.clock.now() - this.#catalogReadAt > CATALOG_TTL_MS;
  }

  /** Whole, when its fingerprint is another than that of last time. */
  #readCatalog(server: Server, done: (error: ErrorFields | null) => void): void {
    this.#catalogReadAt = this.#context.clock.now();
    const fingerprint = new FingerprintReader();
    const catalog = new CatalogReader(this.customNames);
    // What was dropped in the meantime can fail it, inside the question's own transaction.
    const failed = (error: ErrorFields) => {
      if (server.txStatus === TxStatus.Idle) done(error);
      else server.ask('ROLLBACK', () => done(error));
    };
    const read = (error: ErrorFields | null) => {
      if (error !== null) {
        failed(error);
        return;
      }
      this.lexicon = catalog.lexicon();
      this.#fingerprint = fingerprint.value;
      done(null);
    };
    const compared = (error: ErrorFields | null) => {
      if (error !== null) failed(error);
      else if (fingerprint.value === this.#fingerprint) done(null);
      else server.ask(catalogQuery(server.majorVersion), read, catalog);
    };
    server.ask(FINGERPRINT_QUERY, compared, fingerprint);
  }

  #questionFailed(server: Server, what: string, error: ErrorFields | null): void {
    if (error !== null) this.#context.events.serverQuestionFailed(this, server, what, error);
    const detail = `${what} failed: ${error?.message ?? 'a transaction is open'}`;
    server.close('question_failed', detail, { ...(error ?? OPEN_TRANSACTION), message: detail });
  }

  /** The janitor looks only at those that lie idle, which the servers of a busy pool never do when it comes. */
  #isOld(server: Server): boolean {
    return server.activeAt - server.createdAt >= this.settings.server_lifetime * server.lifetimeShare;
  }

  /** Its client is gone and it still works for it, or a cancel request for it is under way: nobody else may have it yet. */
  #settleFirst(server: Server, letFinish: boolean): void {
    const mayCancel = !letFinish && server.replies.length > 0 && server.cancelsInFlight === 0;
    if (server.replies.isBatchOpen || server.replies.isCopyIn) {
      if (!server.failOpen()) {
        // Postgres does not see the end of a connection while it works on a statement.
        if (mayCancel) this.#context.cancel(server, this);
        server.close('client_disconnect_in_query');
        return;
      }
    }
    if (server.state !== 'being_canceled') {
      moveServer(server, this.servers, 'being_canceled');
      server.isLeftToFinish = letFinish;
    }
    // A question of ours is soon answered.
    if (mayCancel && !server.isAsked) this.#context.cancel(server, this);
  }

  /** From the janitor: the cancel request for what its client left came too early. */
  cancelAgain(server: Server): void {
    this.#context.cancel(server, this);
  }

  onServerFree(server: Server): void {
    this.release(server);
  }

  #reset(server: Server): void {
    const sql = this.settings.server_reset_query;
    if ((server.pins & NOT_UNDOABLE) !== 0) server.close('session_kept');
    else if (sql === '') this.#clean(server);
    else this.#askFirst(server, sql, 'server_reset_query', true);
  }

  /** Makes a server fit by a statement of ours; closes it when that fails. */
  #askFirst(server: Server, sql: string, what: string, resets = false): void {
    if (server.state !== 'tested') moveServer(server, this.servers, 'tested');
    server.ask(sql, (error) => {
      if (error !== null || server.txStatus !== TxStatus.Idle) {
        this.#questionFailed(server, what, error);
        return;
      }
      if (resets) server.wasReset(RESETS_ALL.test(sql) ? 'all' : what === 'reset' ? 'pins' : 'nothing');
      if (what === 'rollback') this.release(server);
      else this.#clean(server);
    });
  }

  /** isSure: it has just logged in, or answered the check. */
  #makeIdle(server: Server, isSure = false): void {
    if (!server.isReusable) {
      server.close(server.closeReason ?? 'protocol_violation', 'not reusable');
      return;
    }
    if (!server.isProven) this.#proven(server);
    // LIFO keeps the others cold, so that server_idle_timeout can take them; PgBouncer: server_round_robin.
    const { server_round_robin, server_check_delay, server_check_query } = this.settings;
    moveServer(server, this.servers, 'idle', server_round_robin);
    // PgBouncer: server_check_delay 0 means each time. Who waits gets it as soon as it has answered.
    const isAsked = server_check_delay === 0 && server_check_query !== '';
    if (isSure || !isAsked) this.#serveWaiting();
    if (server.list !== this.servers.idle) return;
    this.#context.onIdle();
    if (!isAsked) return;
    moveServer(server, this.servers, 'used');
    this.grow();
  }

  /** The right number of servers ------------------------------------------------------------------------------------ */

  /** Opens servers for those who wait, as far as limits and backoff allow; checks used ones first. */
  grow(): void {
    if (this.state !== 'running' || this.clients.waiting.length === 0 || this.#isMakingRoom) return;
    const { pool_size, reserve_pool_size } = this.settings;
    const isFull = pool_size > 0 && this.serverCount >= pool_size + reserve_pool_size;
    // The common case under load, decided before anything is counted over other pools.
    if (isFull && this.servers.used.length === 0 && this.#dedicatedQueue.size === 0) return;
    const now = this.#context.clock.now();
    if (this.#dedicatedQueue.size > 0) for (const client of [...this.#dedicatedQueue]) this.#openDedicated(client, now);
    const { login, tested } = this.servers;
    // Clients that wait for a server of their own count on both sides once it logs in.
    let wanted = this.clients.waiting.length - this.#dedicatedQueue.size - login.length - tested.length;
    while (wanted > 0 && this.servers.used.head !== null) {
      this.#check(this.servers.used.head);
      wanted -= 1;
    }
    while (wanted > 0 && now >= this.retryAt && this.#context.mayOpen(this, this.maxWaitMs(now))) {
      // After a failure one attempt at a time: it shows whether Postgres is back.
      if (this.loginFailures > 0 && login.length > 0) return;
      this.#open(null);
      wanted -= 1;
    }
  }

  /** Opens servers up to min_pool_size while somebody uses the pool. From the janitor. */
  fill(): void {
    if (this.state !== 'running' || this.serverCount >= this.minSize) return;
    if (this.clientCount === 0 && this.target.forcedUser === null) return;
    if (this.#context.clock.now() < this.retryAt || this.servers.login.length > 0) return;
    if (this.#context.mayOpen(this, 0)) this.#open(null);
  }

  #open(dedicated: ReadonlyMap<string, string> | null): Server {
    const server = this.#context.openServer(this, dedicated, this);
    this.servers.login.append(server);
    this.#context.onOpened(this);
    return server;
  }

  /** Replication: a server that only this client will have, an idle one making room for it where the pool is full. */
  #openDedicated(client: PoolClient, now: number): void {
    if (client.list !== this.clients.waiting) {
      this.#dedicatedQueue.delete(client);
      return;
    }
    if (now < this.retryAt) return;
    if (!this.#context.mayOpen(this, this.maxWaitMs(now)) && !this.#evictIdle(now)) return;
    this.#dedicatedQueue.delete(client);
    this.#dedicated.set(this.#open(client.dedicated), client);
  }

  /** True: an idle server went, and one may be opened in its place. */
  #evictIdle(now: number): boolean {
    if (this.#context.workers > 1) return false;
    const { pool_size, max_db_connections, max_user_connections } = this.settings;
    const isFull = pool_size > 0 && this.serverCount >= pool_size;
    // Where only too many logins are under way, room would be no help.
    if (!isFull && max_db_connections === 0 && max_user_connections === 0) return false;
    const idle = this.servers.idle.tail ?? this.servers.used.tail;
    this.#isMakingRoom = true;
    idle?.close('evicted');
    this.#isMakingRoom = false;
    return idle !== null && this.#context.mayOpen(this, this.maxWaitMs(now));
  }

  /** server_check_delay: asks before a client gets it. */
  #check(server: Server): void {
    const sql = this.settings.server_check_query;
    moveServer(server, this.servers, 'tested');
    server.ask(sql === '<empty>' ? '' : sql, (error) => {
      if (error === null) this.#makeIdle(server, true);
      else server.close('question_failed', `server_check_query failed: ${error.message}`);
    });
  }

  /** The first time that a server is ready to serve: a login alone proves nothing, what follows may close it again. */
  #proven(server: Server): void {
    server.isProven = true;
    this.hosts.proven();
    this.lastLoginError = null;
    this.isRefused = false;
    this.loginFailures = 0;
    this.retryAt = 0;
  }

  onServerLogin(server: Server): void {
    this.hosts.loggedIn(server.address, server.connectedAt);
    this.stats.serverLoginCount += 1;
    this.#context.events.serverLogin(this, server);
    this.#loggedIn(server);
    // It is no login any more: another one may begin.
    this.#context.onCapacity(this);
  }

  #loggedIn(server: Server): void {
    const owner = this.#dedicated.get(server);
    if (owner !== undefined) {
      this.#proven(server);
      server.closeReason = 'replication_ended';
      moveServer(server, this.servers, 'idle');
      if (owner.list !== this.clients.waiting || this.state !== 'running') {
        if (owner.list === this.clients.waiting) this.#dedicatedQueue.add(owner);
        server.close('replication_ended'); // the client left meanwhile, or has to wait for RESUME
        return;
      }
      this.#assign(owner, server);
      owner.onAssigned(server);
      return;
    }
    if (!sameReport(server.reported, this.#loginReport)) {
      this.#loginReport = new Map(server.reported);
      this.reports.clear();
    }
    if (this.target.connectQuery !== null) this.#askFirst(server, this.target.connectQuery, 'connect_query');
    else this.#afterLogin(server);
  }

  /** Before the first client: what functions there are. */
  #afterLogin(server: Server): void {
    if (this.#fingerprint !== null || this.settings.pool_mode === 'session') {
      this.#makeIdle(server, true);
      return;
    }
    moveServer(server, this.servers, 'tested');
    this.#readCatalog(server, (error) => {
      if (error === null) this.#makeIdle(server, true);
      else this.#questionFailed(server, 'catalog', error);
    });
  }

  onServerClosed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    const wasLogin = server.state === 'login';
    const owner = this.#dedicated.get(server);
    this.#dedicated.delete(server);
    this.#settleAccount(server);
    moveServer(server, this.servers, 'closed');
    if (this.recalled > 0) this.recalled -= 1;
    this.stats.serverCloses.add(reason);
    this.#context.events.serverClosed(this, server, reason, error);
    if (wasLogin && owner !== undefined) this.#dedicatedLoginFailed(server, owner, reason, error);
    else if (wasLogin || (!server.isProven && NEVER_SERVED.has(reason))) this.#loginFailed(server, reason, error);
    if (this.listener.needsRoom) this.listener.work();
    this.#context.onCapacity(this);
    this.grow();
  }

  /**
   * A refusal (no right to replicate, max_wal_senders) concerns the one client that asked: nobody else is refused or
   * slowed down by it. Where Postgres is away, it is tried again for this client like for the others.
   */
  #dedicatedLoginFailed(server: Server, owner: PoolClient, reason: ServerCloseReason, error: ErrorFields | null): void {
    const isRefusal = error !== null && (error.sqlstate === '53300' || !isAway(reason, error));
    if (!isRefusal) {
      if (owner.list === this.clients.waiting) this.#dedicatedQueue.add(owner);
      this.#loginFailed(server, reason, error);
      return;
    }
    this.stats.serverLoginFailureCount += 1;
    if (owner.list === this.clients.waiting) owner.onRefused(error);
  }

  /** A login has come to nothing. True: it was tried at each host now. */
  hostFailed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): boolean {
    return this.hosts.failed(server.address, failureOf(reason, error), this.#context.clock.now());
  }

  #loginFailed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    const now = this.#context.clock.now();
    this.stats.serverLoginFailureCount += 1;
    const isRoundOver = this.hostFailed(server, reason, error);
    if (this.loginFailures === 0) this.#awaySince = now;
    this.loginFailures += 1;
    this.lastLoginError = error ?? { severity: 'FATAL', sqlstate: '08006', message: reason };
    const isRotated =
      error !== null && REFUSED_PASSWORD.has(error.sqlstate) && this.#context.doubtPassword(this)
        ? now - this.#awaySince < ROTATION_MS
        : false;
    this.isRefused = !isAway(reason, error) && !isRotated;
    // The next host may do better: it is tried at once.
    if (!isRoundOver) return;
    const ceiling = Math.max(this.settings.server_login_retry - RETRY_LAG_MS, 0);
    // The connection that listens has its part in the rounds.
    const rounds = Math.min(this.hosts.rounds, this.loginFailures);
    this.retryAt = now + retryDelayMs(rounds, ceiling, Math.random());
    if (!this.#hasNoServer) return;
    // In an outage those that came early have their full time; those that come later are told what their first attempt met.
    for (const client of [...this.clients.waiting])
      if (this.isRefused || this.#isLongAway(client.waitingSince)) client.onRefused(this.loginError());
  }

  /** What it logs in with is another now. */
  credentialsChanged(): void {
    if (this.loginFailures === 0) return;
    this.isRefused = false;
    this.retryAt = 0;
    this.grow();
  }

  /** LISTEN ------------------------------------------------------------------------------------------------------------ */

  #listenerHost(context: PoolContext): ListenerHost {
    const pool = this;
    return {
      clock: context.clock,
      get isRunning() {
        return pool.state === 'running';
      },
      get retryCeilingMs() {
        return pool.settings.server_login_retry;
      },
      mayListen: () => context.mayListen(this),
      openListener: (startup, owner) => context.openServer(this, startup, owner),
      listenerOpened: () => context.onOpened(this),
      listenerLogin: (server) => {
        this.hosts.loggedIn(server.address, server.connectedAt);
        context.events.serverLogin(this, server);
      },
      listenerClosed: (server, reason, error) => {
        if (server.connectedAt === 0) this.hostFailed(server, reason, error);
        context.events.serverClosed(this, server, reason, error);
        context.onCapacity(this);
        this.grow();
      },
      bug: (error) => context.events.bug(error),
    };
  }

  /** Counting -------------------------------------------------------------------------------------------------------- */

  onServerAnswered(server: Server, status: number): void {
    const now = server.activeAt;
    if (status === TxStatus.Idle && server.hold.isExplicit) this.#context.guard.xactEnded(server);
    this.stats.queryCount += 1;
    if (server.pins !== Suspect.None) this.stats.pinnedQueryCount += 1;
    if (server.queryStartedAt > 0) {
      const tookMs = now - server.queryStartedAt;
      this.stats.queryTimeMs += tookMs;
      this.stats.queries.record(tookMs);
    }
    if (status !== TxStatus.Idle) return;
    this.stats.xactCount += 1;
    if (server.xactStartedAt > 0) {
      const tookMs = now - server.xactStartedAt;
      this.stats.xactTimeMs += tookMs;
      this.stats.xacts.record(tookMs);
    }
    if (this.#context.tracer !== null && server.holder !== null) this.#context.tracer.xactAnswered(this, server, now);
  }

  onServerError(server: Server, sqlstate: string): void {
    this.stats.errorsBySqlstate.add(sqlstate);
    if (sqlstate === READ_ONLY_TRANSACTION && this.expectsWrites(server))
      this.#context.hosts.doubt(server.address, server.activeAt);
  }

  /** It was opened on a primary, or had to be. */
  expectsWrites(server: Server): boolean {
    const { target_session_attrs } = this.settings;
    if (target_session_attrs === 'any') return reportedRole(server.reported)?.isStandby === false;
    return target_session_attrs === 'primary' || target_session_attrs === 'read-write';
  }

  onServerPromoted(server: Server): void {
    this.#context.onHostChanged(server, false);
  }

  onServerBug(_server: Server, error: unknown): void {
    this.#context.events.bug(error);
  }

  /** Life ------------------------------------------------------------------------------------------------------------- */

  /** No new checkouts; idle servers are closed; paused when no client holds one. */
  pause(): void {
    if (this.state === 'running') movePool(this, 'pausing');
    this.listener.close('admin_forced_disconnect');
    this.closeIdle('admin_forced_disconnect');
    this.checkPaused();
  }

  /** pausing -> paused as soon as no server is busy. From the janitor too. */
  checkPaused(): void {
    if (this.state !== 'pausing') return;
    this.closeIdle('admin_forced_disconnect');
    if (this.serverCount === 0) movePool(this, 'paused');
  }

  resume(): void {
    if (this.state !== 'pausing' && this.state !== 'paused') return;
    movePool(this, 'running');
    this.#serveWaiting();
  }

  /** Servers are replaced: the idle ones now, the others when their client lets go. Default: all. PgBouncer: RECONNECT. */
  reconnect(reason: ServerCloseReason, isMeant: (server: Server) => boolean = () => true): void {
    const isFast = this.settings.server_fast_close && this.settings.pool_mode === 'session';
    const { active, being_canceled, tested, login, idle, used } = this.servers;
    for (const server of [...active].filter(isMeant)) {
      server.closeReason ??= reason;
      // In session mode its client is closed with it. Inside a transaction: as soon as that is over.
      if (isFast && server.txStatus === TxStatus.Idle && server.replies.isIdle) server.close(reason);
    }
    for (const list of [being_canceled, tested, login])
      for (const server of list) if (isMeant(server)) server.closeReason ??= reason;
    this.reports.clear();
    for (const server of [...idle, ...used].filter(isMeant)) server.close(reason);
    const { listener } = this;
    if (listener.server !== null && isMeant(listener.server)) listener.close(reason);
  }

  closeIdle(reason: ServerCloseReason): void {
    for (const server of [...this.servers.idle, ...this.servers.used]) server.close(reason);
  }

  /** Closes the servers that were idle longest, at most so many; how many it were. */
  giveUp(count: number): number {
    const idle = [...this.servers.idle, ...this.servers.used].sort((a, b) => a.activeAt - b.activeAt).slice(0, count);
    this.#isMakingRoom = true;
    for (const server of idle) server.close('evicted');
    this.#isMakingRoom = false;
    return idle.length;
  }

  /** Closes everything; clients are the caller's to tell. */
  close(reason: ServerCloseReason): void {
    if (this.state !== 'closed') movePool(this, 'closed');
    for (const server of [...this.allServers()]) server.close(reason);
    this.listener.close(reason);
  }
}

function failureOf(reason: ServerCloseReason, error: ErrorFields | null): Failure {
  if (reason === 'target_session_attrs') return 'unfit';
  if (reason === 'server_connect_timeout') return 'silent';
  return isAway(reason, error) ? 'away' : 'refused';
}

function refusedLogin(said: ErrorFields): PoolerError {
  const error = poolerError('server_login_failed', said.message);
  return { ...error, sqlstate: said.sqlstate, ...(said.hint !== undefined && { hint: said.hint }) };
}

/** The smallest that undoes these, or null. */
function resetOf(pins: number): string | null {
  if ((pins & NOT_UNDOABLE) !== 0) return null;
  if ((pins & ~SMALL_RESETS) !== 0) return 'DISCARD ALL';
  return RESETS.filter(([pin]) => (pins & pin) !== 0)
    .map(([, sql]) => sql)
    .join(';');
}

function sameReport(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  if (a.size !== b.size) return false;
  for (const [name, value] of a) if (b.get(name) !== value) return false;
  return true;
}
