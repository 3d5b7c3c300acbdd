// The servers of one (database, user) pair and the clients that wait for them: who gets which server and when.
//
// State is list membership, so every count is a length. checkout() and release() make and end a link. What is not on the
// way of a query has rooms of its own: openings.ts has the right number of servers, outage.ts what becomes of failed logins,
// upkeep.ts what a server is asked before a client gets it, overload.ts who is not let into the queue.

import type { ScramKeys } from '../auth/scram.ts';
import type { DatabaseTarget } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import { TxStatus } from '../protocol/message-types.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server, ServerOwner } from '../server/server.ts';
import { reportedRole } from '../server/session-attrs.ts';
import { moveServer, type ServerLists, serverLists } from '../server/states.ts';
import { CustomNames } from '../session/custom-names.ts';
import { type Lexicon, POSTGRES_LEXICON } from '../session/lexicon.ts';
import { PreparedStatements } from '../session/prepared.ts';
import { Suspect } from '../session/suspect.ts';
import type { Clock } from '../util/clock.ts';
import { List } from '../util/list.ts';
import type { HostChooser, Hosts } from './hosts.ts';
import type { LimitVerdict } from './limits.ts';
import { Listener, type ListenerHost } from './listener.ts';
import { type OpeningHost, Openings } from './openings.ts';
import { neverServed, Outage } from './outage.ts';
import { type Explanation, Overload } from './overload.ts';
import { intervalMs } from './pace.ts';
import type { PoolClient, PoolClientState } from './pool-client.ts';
import { Queue } from './queue.ts';
import { StartupReports } from './startup-reports.ts';
import { movePool, PoolState } from './states.ts';
import { PoolStats } from './stats.ts';
import { Upkeep, type UpkeepHost } from './upkeep.ts';

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

/** Postgres: ERRCODE_READ_ONLY_SQL_TRANSACTION. */
const READ_ONLY_TRANSACTION = '25006';

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

  /** What a client is told at login, and has from then on. */
  readonly reports = new StartupReports();
  /** The words that a statement is searched for: with the functions of this database once the upkeep has read them. */
  lexicon: Lexicon = POSTGRES_LEXICON;
  readonly prepared = new PreparedStatements();
  /** Where its next server goes to. */
  readonly hosts: HostChooser;
  /** What its failed logins come to. */
  readonly outage: Outage;
  /** LISTEN for all its clients. */
  readonly listener: Listener;
  readonly customNames = new CustomNames();
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
  readonly #upkeep: Upkeep;
  readonly #openings: Openings;
  /** Both are those of #openings: at hand here, since release() asks each time. */
  readonly #dedicated: Map<Server, PoolClient>;
  readonly #dedicatedQueue: Set<PoolClient>;
  /** An idle server is being evicted: the room is not for whoever grow() would take it for. */
  #isMakingRoom = false;

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
    this.outage = new Outage(this, context.clock, () => context.doubtPassword(this));
    this.#upkeep = new Upkeep(this, this.#upkeepHost(context));
    this.#openings = new Openings(this, this.#openingHost(context));
    this.#dedicated = this.#openings.dedicated;
    this.#dedicatedQueue = this.#openings.dedicatedQueue;
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

  /** Postgres' answer to the last login that failed; null since one worked. */
  get lastLoginError(): ErrorFields | null {
    return this.outage.lastError;
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
    if (this.#failsFast) client.onRefused(this.outage.error());
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
    return this.outage.isRefusing && this.#hasNoServer;
  }

  get #hasNoServer(): boolean {
    return this.serverCount === this.servers.login.length;
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
    else if (server.txStatus !== TxStatus.Idle) this.#upkeep.rollback(server);
    else if (this.#isOld(server)) server.close('server_lifetime');
    else if (this.isTooBig) server.close('settings_changed');
    else if (this.recalled > 0) server.close('evicted');
    else if (this.listener.needsRoom) server.close('evicted');
    else if (this.settings.pool_mode === 'session' || this.settings.server_reset_query_always)
      this.#upkeep.reset(server);
    else this.#clean(server);
  }

  /** Nobody gets a server with what its client left: what may be there is looked up, and what is there is undone. */
  #clean(server: Server): void {
    if (this.#context.hosts.takeDoubt(server.address, server.activeAt)) this.#upkeep.askRole(server);
    else if (server.suspect !== Suspect.None) this.#upkeep.askSession(server);
    else if (server.pins !== Suspect.None) this.#upkeep.unpin(server);
    else if (this.#upkeep.isCatalogOld) this.#upkeep.askCatalog(server);
    else this.#makeIdle(server);
  }

  /** Asks what a server's session has come to, and reads the catalog again where the session has changed that. */
  inspect(server: Server, done: (error: ErrorFields | null) => void): void {
    this.#upkeep.inspect(server, done);
  }

  /** Functions and tables may be others now. */
  catalogChanged(): void {
    this.#upkeep.catalogChanged();
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
    this.#openings.grow();
  }

  /** Opens servers up to min_pool_size while somebody uses the pool. From the janitor. */
  fill(): void {
    this.#openings.fill();
  }

  /** The first time that a server is ready to serve: a login alone proves nothing, what follows may close it again. */
  #proven(server: Server): void {
    server.isProven = true;
    this.outage.over();
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
      this.#openings.dedicatedLogin(server, owner);
      return;
    }
    this.reports.loggedIn(server.reported);
    this.#upkeep.loggedIn(server, this.target.connectQuery);
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
    if (wasLogin && owner !== undefined) this.#openings.dedicatedLoginFailed(server, owner, reason, error);
    else if (wasLogin || neverServed(server, reason)) this.#loginFailed(server, reason, error);
    if (this.listener.needsRoom) this.listener.work();
    this.#context.onCapacity(this);
    this.grow();
  }

  #loginFailed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    this.stats.serverLoginFailureCount += 1;
    if (!this.outage.loginFailed(server.address, reason, error) || !this.#hasNoServer) return;
    // In an outage those that came early have their full time; those that come later are told what their first attempt met.
    for (const client of [...this.clients.waiting])
      if (this.outage.isInVain(client.waitingSince)) client.onRefused(this.outage.error());
  }

  /** What it logs in with is another now. */
  credentialsChanged(): void {
    if (this.outage.credentialsChanged()) this.grow();
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
    for (const server of idle) this.#evict(server);
    return idle.length;
  }

  #evict(server: Server): void {
    this.#isMakingRoom = true;
    server.close('evicted');
    this.#isMakingRoom = false;
  }

  /** Closes everything; clients are the caller's to tell. */
  close(reason: ServerCloseReason): void {
    if (this.state !== 'closed') movePool(this, 'closed');
    for (const server of [...this.allServers()]) server.close(reason);
    this.listener.close(reason);
  }

  /** What the rooms beside it ask of it ------------------------------------------------------------------------------ */

  #upkeepHost(context: PoolContext): UpkeepHost {
    return {
      clock: context.clock,
      ready: (server) => this.#makeIdle(server, true),
      clean: (server) => this.#clean(server),
      release: (server) => this.release(server),
      questionFailed: (server, question, error) => context.events.serverQuestionFailed(this, server, question, error),
      hostChanged: (server) => context.onHostChanged(server, true),
      catalogChanged: () => context.onCatalogChanged(this),
    };
  }

  #openingHost(context: PoolContext): OpeningHost {
    return {
      clock: context.clock,
      workers: context.workers,
      mayOpen: (waitedMs) => context.mayOpen(this, waitedMs),
      open: (dedicated) => context.openServer(this, dedicated, this),
      opened: () => context.onOpened(this),
      evict: (server) => this.#evict(server),
      check: (server) => this.#upkeep.check(server),
      proven: (server) => this.#proven(server),
      assign: (client, server) => {
        this.#assign(client, server);
        client.onAssigned(server);
      },
      loginFailed: (server, reason, error) => this.#loginFailed(server, reason, error),
    };
  }

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
        if (server.connectedAt === 0) this.outage.hostFailed(server.address, reason, error);
        context.events.serverClosed(this, server, reason, error);
        context.onCapacity(this);
        this.grow();
      },
      bug: (error) => context.events.bug(error),
    };
  }
}
