// The composition root: builds everything, plugs the rooms together, owns the order of start and stop.

import type { Socket } from 'node:net';
import { setTimeout as delay, setImmediate as immediate } from 'node:timers/promises';
import { Console } from './admin/console.ts';
import { Guessing } from './auth/guessing.ts';
import { PasswordKeeper } from './auth/password-keeper.ts';
import { Client, type ClientHost } from './client/client.ts';
import { Clients } from './client/clients.ts';
import { type ClientShares, ConfigGatekeeper, type House } from './client/gatekeeper.ts';
import { LoginTurns } from './client/login-turns.ts';
import { Peers } from './client/peers.ts';
import { makeRelayTables } from './client/relay-tables.ts';
import { SecretLookups } from './client/secret-lookups.ts';
import type { Config, LoadResult } from './config/config.ts';
import { keepAliveOf } from './config/effective.ts';
import { passwordSourceFor } from './config/passwords.ts';
import { Control, type ShutdownMode } from './control.ts';
import { Janitor } from './guard/janitor.ts';
import { Leaks } from './guard/leaks.ts';
import { SilentPeers } from './guard/silent-peers.ts';
import { loadStatementParser } from './guard/statement-text.ts';
import type { ApiParts } from './http/api-parts.ts';
import { Health } from './http/health.ts';
import { tellPart } from './http/parts.ts';
import { type HttpServer, startHttp } from './http/server.ts';
import { type Dial, dialStream } from './net/dial.ts';
import { type DoorSet, Doors } from './net/doors.ts';
import { openFileLimit } from './net/file-limit.ts';
import { type AskSystem, askSystem, Resolver } from './net/resolver.ts';
import { Stream } from './net/stream.ts';
import { TlsKeeper } from './net/tls-keeper.ts';
import { Advisor } from './observe/advice.ts';
import { DatabaseStats } from './observe/database-stats.ts';
import { EventRing } from './observe/event-ring.ts';
import { History } from './observe/history.ts';
import { createLog, LogFile, type Logger } from './observe/log.ts';
import { Metrics } from './observe/metrics.ts';
import { Observer } from './observe/observer.ts';
import { idsOf, sharedSequence } from './observe/sequence.ts';
import type { Sources } from './observe/snapshot.ts';
import type { Answers, QuestionName, Questions, Respondent, Team } from './observe/team.ts';
import { RecentTimes } from './observe/times.ts';
import { Tracer } from './observe/tracer.ts';
import { type Order, type Outcome, type Verbs, verbsOf } from './orders.ts';
import { sendCancel } from './pool/cancel.ts';
import { Hosts } from './pool/hosts.ts';
import { cancelAddress, followName, followRole, namesInUse } from './pool/moves.ts';
import { openServer } from './pool/open-server.ts';
import type { Permits } from './pool/permits.ts';
import type { Pool, PoolContext } from './pool/pool.ts';
import { Pools } from './pool/pools.ts';
import { poolerError } from './protocol/catalogue.ts';
import type { Server } from './server/server.ts';
import { SteadyClock } from './util/clock.ts';
import { PidFile } from './util/pid-file.ts';
import { packageVersion } from './util/version.ts';
import { WORKER_STEP } from './util/worker-number.ts';

/** Files that are not clients: servers are counted apart. */
const OTHER_FILES = 64;
/** How long stop() lets last words reach clients. */
const GOODBYE_MS = 1_000;

/** The other workers, where this process is one of several. */
export interface Crew {
  /** From 1 on. */
  readonly worker: number;
  readonly workers: number;
  readonly permits: Permits;
  readonly shares: ClientShares;
  readonly doors: DoorSet;
  /** Clients that keep the others from going down. */
  readonly clientsElsewhere: number;
  /** In every worker. */
  perform(order: Order): Promise<Outcome>;
  /** A cancel request for a client of that worker; done is called once. */
  carryCancel(worker: number, processId: number, key: Buffer, done: () => void): void;
}

export interface AppOptions {
  readonly crew?: Crew;
  /** Default: over the network. */
  readonly dial?: Dial;
  /** Default: the system's. */
  readonly askSystem?: AskSystem;
  /** Default: the machine's. */
  readonly clock?: SteadyClock;
  /** Reads the configuration again, for reloads. */
  readonly load?: () => LoadResult;
  /** Default: what log_format and log_level say, on standard output and in logfile. */
  readonly log?: Logger;
  /** Nothing on standard output. */
  readonly quiet?: boolean;
  /** Nobody asked for HTTP: where its port is taken, the pooler runs without. */
  readonly mayLackHttp?: boolean;
  /** The other workers, where there are several. Default: the pooler is this process alone. */
  readonly team?: Team;
}

export class App implements Respondent {
  readonly log: Logger;
  readonly control: Control;
  readonly pools: Pools;
  readonly clients: Clients;
  readonly peers: Peers;
  readonly clock: SteadyClock;
  readonly observer: Observer;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly recentTimes = new RecentTimes();
  readonly advisor: Advisor;
  readonly databaseStats: DatabaseStats;
  readonly history = new History(() => this.janitor.lateness);
  readonly tracer: Tracer;
  readonly tls: TlsKeeper;
  readonly doors: DoorSet;
  readonly verbs: Verbs;
  readonly resolver: Resolver;
  /** Resolved when the pooler has stopped, whoever asked for it. */
  readonly stopped: Promise<void>;
  readonly #logFile: LogFile | null;
  readonly #mayLackHttp: boolean;
  readonly #team: Team | null;
  readonly #pidFile: PidFile | null;
  readonly #dial: Dial;
  readonly #gatekeeper: ConfigGatekeeper;
  readonly #poolContext: PoolContext;
  readonly #lookups: SecretLookups;
  readonly #passwords: PasswordKeeper;
  readonly #host: ClientHost;
  readonly #console: Console;
  readonly janitor: Janitor;
  readonly leaks: Leaks;
  readonly #answers: Answers;
  #maxClients: number;
  #comingIn = 0;
  #https: HttpServer[] = [];
  readonly #crew: Crew | null;
  #nextServerId: number;
  #startedAt = 0;
  #stopping: Promise<void> | null = null;
  #onStopped: () => void = () => {};

  constructor(config: Config, options: AppOptions) {
    this.#crew = options.crew ?? null;
    this.#nextServerId = this.#crew?.worker ?? 1;
    this.pools = new Pools(this.#crew?.permits);
    this.doors = this.#crew?.doors ?? new Doors();
    const { logfile, pidfile } = config.settings;
    this.#logFile = options.log === undefined && logfile !== '' ? new LogFile(logfile) : null;
    this.#mayLackHttp = options.mayLackHttp === true;
    this.#team = options.team ?? null;
    this.#pidFile = pidfile === '' || this.#crew !== null ? null : new PidFile(pidfile);
    const { quiet = false } = options;
    const worker = this.#crew?.worker ?? null;
    this.log = options.log ?? createLog(config.settings, { file: this.#logFile, quiet, worker });
    this.clock = options.clock ?? new SteadyClock();
    this.resolver = this.#makeResolver(options.askSystem);
    this.#dial = options.dial ?? ((address) => dialStream(address, this.resolver.lookup));
    this.tls = new TlsKeeper({
      onReload: (prefix, problem) => {
        if (problem === null) this.log.info({ side: prefix }, 'tls: new files are in force');
        else
          this.log.error({ side: prefix, problem }, 'tls: what was changed can not be used, what was in force stays');
      },
    });
    this.tls.use(config);
    this.peers = new Peers({
      peers: () => this.config.peers,
      settings: () => this.config.settings,
      dial: this.#dial,
    });
    this.clients = new Clients(
      (server, pool, done) => this.#cancel(server, pool, done),
      config.settings.peer_id,
      this.peers,
      this.#crew === null ? null : { worker: this.#crew.worker, carry: this.#crew.carryCancel },
    );
    this.observer = new Observer(
      this.log,
      () => this.config.settings,
      this.clock,
      new EventRing(
        config.settings.event_ring_size,
        Date.now,
        this.#team === null ? undefined : sharedSequence(this.#team.worker),
      ),
    );
    this.stopped = new Promise((resolve) => {
      this.#onStopped = resolve;
    });
    this.#passwords = new PasswordKeeper({
      now: () => this.clock.now(),
      ttlMs: () => this.config.settings.password_command_ttl,
      timeoutMs: () => this.config.settings.password_command_timeout,
      onChange: (source) => {
        this.log.info({ source }, 'a password has changed: it is in force for new logins');
        this.control.renewPasswords();
      },
      onProblem: (source, problem) =>
        this.log.error({ source, problem }, 'a password can not be read: the last one stays in force'),
    });
    this.control = new Control({
      passwords: this.#passwords,
      pools: this.pools,
      clients: this.clients,
      log: this.log,
      events: this.observer.events,
      config,
      load: options.load ?? null,
      takeBack: (pool, server, client) => this.leaks.takeBack(pool, server, client),
      onConfig: () => {
        this.#logFile?.reopen();
        this.#useTls();
        this.#lookups.reload();
        this.#maxClients = this.#clientLimit();
        this.observer.events.resize(this.config.settings.event_ring_size);
      },
      onShutdown: (mode) => this.#onShutdown(mode),
      onStop: () => void this.stop(),
      clientsElsewhere: () => this.#crew?.clientsElsewhere ?? 0,
    });
    const crew = this.#crew;
    this.verbs = crew === null ? verbsOf(this.control) : { control: this.control, perform: crew.perform };
    this.#maxClients = this.#clientLimit();
    this.leaks = new Leaks(
      this.clock,
      this.observer,
      (pool) => this.pools.waitingElsewhere(pool),
      this.#team === null ? undefined : idsOf(this.#team.worker),
    );
    this.tracer = new Tracer({
      endpoint: config.settings.otlp_traces_endpoint || null,
      version: packageVersion(),
      clock: this.clock,
      log: this.log,
    });
    this.#poolContext = this.#makePoolContext();
    this.#lookups = new SecretLookups(() => this.config, this.#poolContext);
    this.advisor = new Advisor(this.recentTimes, this.log, this.#team);
    this.databaseStats = new DatabaseStats(
      { pools: this.pools, settings: () => this.config.settings, log: this.log },
      this.clock.now(),
    );
    this.#console = new Console({
      stats: this.databaseStats,
      control: this.control,
      verbs: this.verbs,
      version: packageVersion(),
      events: this.observer.events,
      team: this.#team,
      snapshot: () => this.snapshot(),
    });
    this.#gatekeeper = new ConfigGatekeeper(this.#makeHouse());
    this.#host = this.#makeHost();
    this.health = new Health(this.control, this.pools, this.#team);
    this.metrics = new Metrics({
      observer: this.observer,
      version: packageVersion(),
      team: this.#team,
      state: () => this.control.state,
      states: this.control,
      snapshot: () => this.snapshot(),
      lateness: () => this.janitor.lateness,
      spans: this.tracer.counts,
    });
    this.#answers = this.#makeAnswers();
    const silentPeers = new SilentPeers(this.pools, this.clock);
    this.janitor = new Janitor({
      pools: this.pools,
      leaks: this.leaks,
      logins: this.clients.lists.login,
      clock: this.clock,
      clientLoginTimeoutMs: () => this.config.settings.client_login_timeout,
      onTick: () => {
        this.control.tick();
        this.#lookups.tend(this.clock.now());
        this.#passwords.tick(this.clock.now());
        this.recentTimes.tick(this.pools, this.clock.now());
        this.advisor.tick(this.pools, this.clock.now());
        this.databaseStats.tick(this.clock.now());
        this.history.tick(this.snapshot());
        this.resolver.tick(namesInUse(this.pools));
        this.tls.tick(this.clock.now()).catch((error: unknown) => this.observer.bug(error));
        silentPeers.tick().catch((error: unknown) => this.observer.bug(error));
      },
      onBug: (error) => this.observer.bug(error),
      onStall: (stalledMs) => this.observer.stalled(stalledMs),
    });
  }

  get config(): Config {
    return this.control.config;
  }

  /** Where clients connect. */
  get port(): number {
    return this.doors.port;
  }

  /** 0: there is none. */
  get httpPort(): number {
    return this.#https[0]?.port ?? 0;
  }

  snapshot(): Sources {
    return {
      pools: this.pools,
      clients: this.clients,
      leaks: this.leaks,
      recentTimes: this.recentTimes,
      advisor: this.advisor,
      databaseStats: this.databaseStats,
      peers: this.peers,
      resolver: this.resolver,
      now: this.clock.now(),
      wallNow: Date.now(),
    };
  }

  /** What this worker says when one of the team asks. */
  answer<N extends QuestionName>(name: N, argument: Questions[N]['argument']): Promise<Questions[N]['answer']> {
    return this.#answers[name](argument);
  }

  async start(): Promise<void> {
    const { settings, warnings } = this.config;
    const isAlone = this.#crew === null;
    if (isAlone) for (const { message, key, line } of warnings) this.log.warn({ key, line }, message);
    try {
      this.#pidFile?.claim();
      await this.#passwords.start();
      await this.doors.open(settings, (socket, isUnix) => this.accept(socket, isUnix));
      await this.#listenHttp();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#pidFile?.write();
    if (settings.guard && settings.leak_statement_text === 'normalized') await loadStatementParser();
    this.#startedAt = this.clock.now();
    this.janitor.start();
    this.tracer.start();
    this.health.isStarted = true;
    const addresses = this.doors.addressesOf(settings);
    this.log.info(
      { version: packageVersion(), addresses, http: this.httpPort, maxClients: this.#maxClients },
      isAlone ? 'pgsluice is up' : 'worker is up',
    );
  }

  /** Closes everything at once: clients are told, servers are said good-bye to. Safe to call again. */
  stop(): Promise<void> {
    // Behind a tick, because control asks for the same when it hears of it.
    this.#stopping ??= Promise.resolve().then(() => this.#stop());
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.control.shutdown('immediate');
    this.janitor.stop();
    const closed = this.doors.close();
    const goodbye = poolerError('pooler_shutdown');
    for (const client of [...this.clients]) client.close('pooler_shutdown', goodbye);
    for (const pool of [...this.pools]) pool.close('shutdown');
    this.#lookups.close();
    await Promise.all(this.#https.map((http) => http.close()));
    await Promise.race([this.tracer.stop(), delay(GOODBYE_MS, undefined, { ref: false })]);
    await Promise.race([closed, delay(GOODBYE_MS, undefined, { ref: false })]);
    this.#pidFile?.remove();
    this.log.info(this.#crew === null ? 'pgsluice is down' : 'worker is down');
    this.#logFile?.stream.close();
    this.#onStopped();
  }

  async #listenHttp(): Promise<void> {
    const { http_listen_addr, http_listen_port, health_listen_addr, health_listen_port, so_reuseport } =
      this.config.settings;
    const parts = { health: this.health, metrics: this.metrics };
    // What names clients and their statements is not for the address of a pod.
    const allParts = { ...parts, api: this.#apiParts() };
    const start = async (served: typeof parts, address: string, port: number) => {
      this.#https.push(await startHttp(served, address, port, so_reuseport));
    };
    if (http_listen_port !== 0) {
      await start(allParts, http_listen_addr, http_listen_port).catch((error: NodeJS.ErrnoException) => {
        if (!this.#mayLackHttp || error.code !== 'EADDRINUSE') throw error;
        this.log.warn({ port: http_listen_port }, 'http_listen_port is taken: neither health nor metrics are served');
      });
    }
    if (health_listen_addr !== '') await start(parts, health_listen_addr, health_listen_port);
  }

  /** With so_reuseport another process takes the new clients: here nobody else may come, or it would never end. */
  async #onShutdown(mode: ShutdownMode): Promise<void> {
    if ((mode !== 'wait_for_clients' && mode !== 'drain') || !this.config.settings.so_reuseport) return;
    await this.doors.closeBehindLast().catch((error: unknown) => this.observer.bug(error));
    while (this.#host.loginTurns.length > 0) await immediate();
  }

  #makeAnswers(): Answers {
    return {
      show: async (question) => this.#console.told(question),
      metrics: () => this.metrics.told(),
      api: async ({ part, query }) => tellPart(this.#apiParts(), part, query),
      measured: async (pool) => this.advisor.told(this.pools, this.clock.now(), pool),
      ready: async () => this.health.ready(),
    };
  }

  #apiParts(): ApiParts {
    return {
      control: this.control,
      verbs: this.verbs,
      events: this.observer.events,
      history: this.history,
      log: this.log,
      observer: this.observer,
      version: packageVersion(),
      team: this.#team,
      uptimeMs: () => this.clock.now() - this.#startedAt,
      snapshot: () => this.snapshot(),
    };
  }

  /** A connection came in, of which nothing was read. */
  accept(socket: Socket, isUnix = false): void {
    this.#comingIn += 1;
    this.#host.loginTurns.admit(() => this.#admit(socket, isUnix));
  }

  /** Connections that were accepted and wait for their turn: they are no clients yet. */
  get comingIn(): number {
    return this.#comingIn;
  }

  #admit(socket: Socket, isUnix: boolean): void {
    this.#comingIn -= 1;
    // A worker's socket may have ended while it waited.
    if (this.#stopping !== null || socket.destroyed) {
      socket.destroy();
      return;
    }
    const { settings } = this.config;
    const limit = this.#partOf(settings.max_client_logins);
    const { login } = this.clients.lists;
    if (limit > 0 && login.length >= limit)
      login.head?.close('too_many_logins', poolerError('too_many_logins', String(limit)));
    this.clients.add(
      (id, processId) =>
        new Client(id, processId, this.#host, (handler) => {
          const stream = Stream.accepted(socket, handler, isUnix);
          if (settings.tcp_keepalive && !isUnix) stream.setKeepAlive(keepAliveOf(settings));
          return stream;
        }),
    );
  }

  /** Of a limit that each worker keeps a part of by itself. */
  #partOf(limit: number): number {
    return limit === 0 || this.#crew === null ? limit : Math.max(Math.floor(limit / this.#crew.workers), 1);
  }

  /** After a reload. Where encryption was off before and can't be made, whoever has to be encrypted is refused, on either side. */
  #useTls(): void {
    try {
      this.tls.use(this.config);
    } catch (error) {
      this.log.error({ problem: (error as Error).message }, 'tls: can not be switched on');
    }
  }

  /** max_client_conn, held against the limit of open files. */
  #clientLimit(): number {
    const { settings, databases, users } = this.config;
    const limit = openFileLimit();
    if (limit === null) return settings.max_client_conn;
    const servers = databases.size * Math.max(users.size, 1) * settings.default_pool_size;
    const room = Math.max(limit - OTHER_FILES - Math.min(servers, Math.floor(limit / 4)), 1);
    if (room >= settings.max_client_conn) return settings.max_client_conn;
    // Each worker has files of its own, and lets in the clients of its share.
    if (this.#crew !== null && room * this.#crew.workers >= settings.max_client_conn) return room;
    this.log.warn(
      { openFiles: limit, maxClientConn: settings.max_client_conn, maxClients: room },
      'the limit of open files allows fewer clients than max_client_conn: raise it (ulimit -n) or lower max_client_conn',
    );
    return room;
  }

  #cancel(server: Server, pool: Pool, done: () => void): void {
    const way = { dial: this.#dial, address: cancelAddress(server), tls: this.tls.wishOf(pool.settings) };
    sendCancel(server, way, pool.settings.cancel_wait_timeout, done);
  }

  #doubtPassword({ database, user }: Pool): boolean {
    const source = passwordSourceFor(this.config, database, user);
    if (source !== null) this.#passwords.doubt(source);
    return source !== null;
  }

  #makeResolver(ask: AskSystem = askSystem): Resolver {
    return new Resolver({
      ask,
      clock: this.clock,
      ttls: () => ({ found: this.config.settings.dns_max_ttl, failed: this.config.settings.dns_nxdomain_ttl }),
      onChange: (name, addresses) => {
        const pools = followName(this.pools, name, addresses);
        this.log.warn({ name, addresses, pools }, 'the addresses of a host have changed');
      },
    });
  }

  #makePoolContext(): PoolContext {
    return {
      clock: this.clock,
      hosts: new Hosts((name) => this.resolver.addressesOf(name)),
      events: this.observer,
      guard: this.leaks,
      tracer: this.tracer.isOn ? this.tracer : null,
      openServer: (pool, dedicated, owner) => {
        const id = this.#nextServerId;
        this.#nextServerId += this.#crew === null ? 1 : WORKER_STEP;
        // The connection that asks for secrets is outside all limits, and its pool is none of ours.
        const isCounted = this.#crew !== null && this.pools.find(pool.database, pool.user) === pool;
        const dial = isCounted ? this.#crew.permits.use(pool, owner !== pool, this.#dial) : this.#dial;
        return openServer(id, pool, this.config, this.clock, dedicated, owner, dial, this.tls);
      },
      workers: this.#crew?.workers ?? 1,
      mayOpen: (pool, waitedMs) => this.pools.mayOpen(pool, waitedMs),
      mayListen: (pool) => this.pools.mayListen(pool),
      cancel: (server, pool) => this.#cancel(server, pool, () => {}),
      doubtPassword: (pool) => this.#doubtPassword(pool),
      onOpened: (pool) => this.pools.onOpened(pool),
      onCapacity: (pool) => this.pools.onCapacity(pool),
      onIdle: () => this.pools.onIdle(),
      onHostChanged: (server, isStandby) => {
        const { host, port, ip } = server.address;
        const pools = followRole(this.pools, server, isStandby, this.clock.now());
        const what = isStandby ? 'the host takes no writes any more' : 'the host was promoted';
        this.log.warn({ host, port, ip, pools }, what);
      },
      onCatalogChanged: (pool) => this.pools.onCatalogChanged(pool),
    };
  }

  #makeHouse(): House {
    const app = this;
    return {
      clients: app.clients,
      pools: app.pools,
      poolContext: app.#poolContext,
      lookups: app.#lookups,
      passwords: app.#passwords,
      get config() {
        return app.config;
      },
      get maxClients() {
        return app.#maxClients;
      },
      shares: app.#crew?.shares ?? null,
      get isOpen() {
        return app.control.isOpen;
      },
      get isTlsReady() {
        return app.tls.acceptor !== null;
      },
      get isSocketOurs() {
        return app.doors.isSocketOurs;
      },
      isDisabled: (database) => app.control.isDisabled(database),
      isPaused: (database) => app.control.isPaused(database),
      openConsole: (_client, role) => app.#console.open(role),
    };
  }

  #makeHost(): ClientHost {
    const app = this;
    return {
      clock: app.clock,
      gatekeeper: app.#gatekeeper,
      get tlsAcceptor() {
        return app.tls.acceptor;
      },
      events: app.observer,
      lists: app.clients.lists,
      loginTurns: new LoginTurns(),
      guessing: new Guessing({
        now: () => app.clock.now(),
        after: (ms, callback) => void setTimeout(callback, ms).unref(),
      }),
      relayTables: makeRelayTables(app.config.settings.classify_max_bytes),
      get settings() {
        return app.config.settings;
      },
      enter: (client, startup, keys, password) => app.#gatekeeper.enter(client, startup, keys, password),
      makeCancelKey: (length) => app.clients.makeCancelKey(length),
      cancel: (by, processId, key) => app.clients.cancel(by, processId, key),
      gone: (client) => app.clients.remove(client),
    };
  }
}

/** Builds and starts; rejects, with everything stopped, when something can't be had. */
export async function startApp(config: Config, options: AppOptions = {}): Promise<App> {
  const app = new App(config, options);
  await app.start();
  return app;
}
