// One frozen picture of everything at one moment: the console, the metrics and the dashboard read it and nothing else.

import type { Client } from '../client/client.ts';
import type { Clients } from '../client/clients.ts';
import type { Peers } from '../client/peers.ts';
import type { ApplicationRow } from '../guard/applications.ts';
import { HOLDER_STATES, type HolderState, holderState } from '../guard/gaps.ts';
import { clientOf, type HolderRecord, holderRecords } from '../guard/holders.ts';
import type { Leak, Leaks } from '../guard/leaks.ts';
import type { Resolver } from '../net/resolver.ts';
import { LISTENS } from '../pool/listener.ts';
import type { Pool } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import type { Server } from '../server/server.ts';
import { kindNames } from '../session/policy.ts';
import type { Advisor } from './advice.ts';
import { CONSOLE, type DatabaseStats } from './database-stats.ts';
import type { RecentTimes } from './times.ts';

/** States as SHOW CLIENTS names them; `idle` is a logged-in client without a server. */
export type ClientRowState = 'login' | 'active' | 'idle' | 'waiting' | 'active_cancel_req' | 'waiting_cancel_req';
/** States as SHOW SERVERS names them; `new` logs in. */
export type ServerRowState = 'new' | 'idle' | 'active' | 'used' | 'tested' | 'being_canceled' | 'active_cancel';

interface SocketFacts {
  readonly id: number;
  readonly user: string;
  readonly database: string;
  readonly replication: 'none' | 'logical' | 'physical';
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** Version and cipher; empty: not encrypted. */
  readonly tls: string;
  /** Wall clock, ms since the epoch. */
  readonly connectTime: number;
  readonly requestTime: number;
  readonly closeNeeded: boolean;
  readonly applicationName: string;
  /** The number of the server or client at the other end of the link; null: none. */
  readonly link: number | null;
  readonly linkedPid: number;
  /** Named ones of the protocol. */
  readonly preparedStatements: number;
  /** Received and not understood yet; to be sent and not taken by the system yet. */
  readonly unreadBytes: number;
  readonly unsentBytes: number;
}

export interface ClientRow extends SocketFacts {
  readonly state: ClientRowState;
  readonly waitMs: number;
  readonly isConsole: boolean;
}

/** Clients alike. */
export interface ClientCount {
  readonly database: string;
  readonly user: string;
  readonly application: string;
  readonly state: ClientRowState;
  count: number;
}

export interface ServerRow extends SocketFacts {
  readonly state: ServerRowState;
  readonly backendPid: number;
}

export interface PoolRow {
  readonly database: string;
  readonly user: string;
  readonly state: Pool['state'];
  readonly poolMode: string;
  /** Null: there is one host. */
  readonly loadBalanceHosts: string | null;
  readonly poolSize: number;
  readonly clients: Readonly<
    Record<'active' | 'idle' | 'waiting' | 'active_cancel_req' | 'waiting_cancel_req', number>
  >;
  readonly servers: Readonly<
    Record<'active' | 'active_cancel' | 'being_canceled' | 'idle' | 'used' | 'tested' | 'login', number>
  >;
  /** Servers that clients hold, by what the holder does with them, as in SHOW HOLDERS. */
  readonly holders: Readonly<Record<HolderState, number>>;
  /** Servers that their clients keep beyond a transaction, by reason; one can have several. */
  readonly pinned: ReadonlyMap<string, number>;
  /** How long the first client in the queue has waited. */
  readonly maxWaitMs: number;
  readonly lastLoginError: string | null;
  /** Logins to Postgres fail, and there is no server left. */
  readonly isAway: boolean;
  /** Of the connection that listens for them. */
  readonly listening: { readonly clients: number; readonly channels: number; readonly delivered: number };
  readonly stats: Pool['stats'];
}

export interface Sources {
  readonly pools: Pools;
  readonly clients: Clients;
  readonly leaks: Leaks;
  readonly recentTimes: RecentTimes;
  readonly advisor: Advisor;
  readonly databaseStats: DatabaseStats;
  readonly peers: Peers;
  readonly resolver: Resolver;
  /** Stamp of the clock, and the wall clock at the same moment. */
  readonly now: number;
  readonly wallNow: number;
}

export function poolRows({ pools, now }: Sources): readonly PoolRow[] {
  return [...pools].map((pool) => poolRow(pool, now));
}

/** What SHOW POOLS says of a pool. */
export type ShownPool = Pick<
  PoolRow,
  'database' | 'user' | 'poolMode' | 'loadBalanceHosts' | 'clients' | 'servers' | 'maxWaitMs'
>;

/** By database and user, the clients of the console as a pool among them, as in PgBouncer. */
export function shownPools(sources: Sources): ShownPool[] {
  const console: ShownPool = {
    database: CONSOLE,
    user: CONSOLE,
    poolMode: 'statement',
    loadBalanceHosts: null,
    clients: {
      active: 0,
      idle: sources.clients.lists.active.length,
      waiting: 0,
      active_cancel_req: 0,
      waiting_cancel_req: 0,
    },
    servers: { active: 0, active_cancel: 0, being_canceled: 0, idle: 0, used: 0, tested: 0, login: 0 },
    maxWaitMs: 0,
  };
  return [console, ...poolRows(sources)].sort((a, b) =>
    a.database === b.database ? compare(a.user, b.user) : compare(a.database, b.database),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function poolRow(pool: Pool, now: number): PoolRow {
  const { clients, servers, settings } = pool;
  let canceled = 0;
  for (let server = servers.active.head; server !== null; server = server.next)
    if (server.cancelsInFlight > 0) canceled += 1;
  const linked = servers.active.length;
  return Object.freeze({
    database: pool.database,
    user: pool.user,
    state: pool.state,
    poolMode: settings.pool_mode,
    loadBalanceHosts: pool.target.addresses.length > 1 ? settings.load_balance_hosts : null,
    poolSize: settings.pool_size,
    clients: {
      active: linked,
      idle: clients.active.length - linked,
      waiting: clients.waiting.length,
      active_cancel_req: clients.active_cancel.length,
      waiting_cancel_req: clients.waiting_cancel.length,
    },
    servers: {
      active: linked - canceled,
      active_cancel: canceled,
      being_canceled: servers.being_canceled.length,
      idle: servers.idle.length,
      used: servers.used.length,
      tested: servers.tested.length,
      login: servers.login.length,
    },
    holders: holdersOf(pool),
    pinned: pinsOf(pool),
    maxWaitMs: pool.maxWaitMs(now),
    lastLoginError: pool.lastLoginError?.message ?? null,
    isAway: pool.lastLoginError !== null && pool.serverCount === servers.login.length,
    listening: {
      clients: pool.listener.clientCount,
      channels: pool.listener.channelCount,
      delivered: pool.listener.deliveredCount,
    },
    stats: pool.stats,
  });
}

/** Of pools in which nothing is held, which are most where there are many. */
const NO_HOLDERS = Object.freeze(
  Object.fromEntries(HOLDER_STATES.map((state) => [state, 0])) as Record<HolderState, number>,
);
const NO_PINS: PoolRow['pinned'] = new Map();

function holdersOf(pool: Pool): PoolRow['holders'] {
  if (pool.servers.active.length === 0) return NO_HOLDERS;
  const holders = Object.fromEntries(HOLDER_STATES.map((state) => [state, 0])) as Record<HolderState, number>;
  for (const server of pool.servers.active) {
    const client = clientOf(server);
    if (client !== null) holders[holderState(server, client)] += 1;
  }
  return holders;
}

function pinsOf(pool: Pool): ReadonlyMap<string, number> {
  if (pool.servers.active.length === 0) return NO_PINS;
  const pins = new Map<string, number>();
  for (const server of pool.servers.active)
    for (const kind of kindNames(server.pins)) pins.set(kind, (pins.get(kind) ?? 0) + 1);
  return pins;
}

/** Of all pools, those first that hold a server and do not use it. */
export function holderRows({ pools, now }: Sources): readonly HolderRecord[] {
  return [...pools].flatMap((pool) => holderRecords(pool, now, true));
}

/** Those first that others waited for longest. */
export function applicationRows({ leaks }: Sources): readonly ApplicationRow[] {
  return [...leaks.applications].sort(
    (a, b) => b.waitsCausedMs - a.waitsCausedMs || b.leaks - a.leaks || b.heldMs - a.heldMs,
  );
}

/** Oldest first. */
export function leakRows({ leaks }: Sources): readonly Leak[] {
  return leaks.recent;
}

/** Each is made when it is asked for: who makes pauses sees those that are there by then. */
export function* clientRows(sources: Sources): Iterable<ClientRow> {
  for (const client of sources.clients) yield clientRow(client, sources);
}

function clientRow(client: Client, { now, wallNow }: Sources): ClientRow {
  const { startup, stream, server } = client;
  return Object.freeze({
    id: client.id,
    user: startup?.user ?? '',
    database: startup?.database ?? '',
    replication: startup?.replication ?? 'none',
    state: clientState(client),
    address: stream.remoteAddress,
    port: stream.remotePort,
    localAddress: stream.localAddress,
    localPort: stream.localPort,
    tls: stream.tls,
    connectTime: client.connectTime,
    requestTime: wallNow - (now - client.activeAt),
    waitMs: client.state === 'waiting' ? now - client.waitingSince : 0,
    closeNeeded: client.isLeaving,
    applicationName: client.applicationName,
    link: server?.id ?? null,
    linkedPid: server?.backendPid ?? 0,
    preparedStatements: client.preparedStatements,
    unreadBytes: client.unreadBytes,
    unsentBytes: stream.unsentBytes,
    isConsole: client.isConsole,
  });
}

/** How many clients there are that have logged in, by who they are and what they do. Yields after each client: who counts may make pauses. */
export function* countClients({ clients }: Sources, counts: Map<string, ClientCount>): Iterable<null> {
  for (const client of clients) {
    const state = clientState(client);
    if (state !== 'login') count(client, state, counts);
    yield null;
  }
}

function count(
  { startup, applicationName: application }: Client,
  state: ClientRowState,
  counts: Map<string, ClientCount>,
) {
  const database = startup?.database ?? '';
  const user = startup?.user ?? '';
  const key = `${database}\0${user}\0${application}\0${state}`;
  const known = counts.get(key);
  if (known === undefined) counts.set(key, { database, user, application, state, count: 1 });
  else known.count += 1;
}

function clientState(client: Client): ClientRowState {
  switch (client.state) {
    case 'active':
      return client.server === null ? 'idle' : 'active';
    case 'waiting_cancel':
      return 'waiting_cancel_req';
    case 'active_cancel':
      return 'active_cancel_req';
    case 'waiting':
      return 'waiting';
    default:
      return 'login';
  }
}

export function serverRows(sources: Sources): readonly ServerRow[] {
  const rows: ServerRow[] = [];
  for (const pool of sources.pools) {
    for (const server of pool.allServers()) rows.push(serverRow(pool, server, clientOf(server), sources));
    const { server: listening } = pool.listener;
    if (listening !== null) rows.push({ ...serverRow(pool, listening, null, sources), applicationName: LISTENS });
  }
  return rows;
}

function serverRow(pool: Pool, server: Server, holder: Client | null, { now, wallNow }: Sources): ServerRow {
  const { stream } = server;
  return Object.freeze({
    id: server.id,
    user: pool.user,
    database: pool.database,
    replication: holder?.startup?.replication ?? 'none',
    state: serverState(server),
    address: stream.remoteAddress,
    port: stream.remotePort,
    localAddress: stream.localAddress,
    localPort: stream.localPort,
    tls: stream.tls,
    connectTime: wallNow - (now - server.createdAt),
    requestTime: wallNow - (now - (server.requestedAt || server.createdAt)),
    closeNeeded: server.closeReason !== null,
    applicationName: server.parameters.entries.get('application_name') ?? '',
    link: holder?.id ?? null,
    linkedPid: holder?.processId ?? 0,
    preparedStatements: server.statements.size,
    unreadBytes: server.unreadBytes,
    unsentBytes: stream.unsentBytes,
    backendPid: server.backendPid,
  });
}

function serverState(server: Server): ServerRowState {
  if (server.state === 'login' || server.state === 'closed') return 'new';
  return server.state === 'active' && server.cancelsInFlight > 0 ? 'active_cancel' : server.state;
}
