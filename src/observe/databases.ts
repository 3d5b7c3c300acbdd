// The databases of the file, what they make of the settings, and how they stand; the console's own is among them.

import type { Config } from '../config/config.ts';
import { effectiveSettings } from '../config/effective.ts';
import { CONSOLE } from './database-stats.ts';
import type { Sources } from './snapshot.ts';

/** What is asked of control, which is a room above. */
export interface DatabaseStates {
  readonly config: Config;
  isPaused(database: string): boolean;
  isDisabled(database: string): boolean;
}

export interface DatabaseRow {
  readonly name: string;
  readonly host: string | null;
  readonly port: number;
  readonly database: string;
  readonly forceUser: string | null;
  readonly poolSize: number;
  readonly minPoolSize: number;
  readonly reservePoolSize: number;
  readonly serverLifetimeMs: number;
  readonly poolMode: string | null;
  /** Null: there is one host. */
  readonly loadBalanceHosts: string | null;
  readonly maxConnections: number;
  readonly currentConnections: number;
  readonly maxClientConnections: number;
  readonly currentClientConnections: number;
  readonly isPaused: boolean;
  readonly isDisabled: boolean;
}

/** By name. */
export function databaseRows(states: DatabaseStates, snapshot: Sources): DatabaseRow[] {
  // Databases that came from the "*" entry are listed once somebody uses them.
  const names = new Set([...states.config.databases.keys(), ...[...snapshot.pools].map((pool) => pool.database)]);
  const rows = [...names].map((name) => databaseRow(name, states, snapshot));
  return [...rows, consoleRow(states, snapshot)].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function databaseRow(name: string, states: DatabaseStates, snapshot: Sources): DatabaseRow {
  const { config } = states;
  const entry = config.databases.get(name) ?? config.databases.get('*');
  const settings = effectiveSettings(config, name, '');
  return {
    name,
    host: entry?.host ?? null,
    port: entry?.port ?? 0,
    database: entry?.dbname ?? name,
    forceUser: entry?.user ?? null,
    poolSize: settings.pool_size,
    minPoolSize: settings.min_pool_size,
    reservePoolSize: settings.reserve_pool_size,
    serverLifetimeMs: settings.server_lifetime,
    poolMode: entry?.overrides.pool_mode ?? null,
    loadBalanceHosts: (entry?.addresses.length ?? 0) > 1 ? settings.load_balance_hosts : null,
    maxConnections: settings.max_db_connections,
    currentConnections: snapshot.pools.serversOfDatabase(name),
    maxClientConnections: settings.max_db_client_connections,
    currentClientConnections: snapshot.clients.countOfDatabase.of(name),
    isPaused: states.isPaused(name),
    isDisabled: states.isDisabled(name),
  };
}

function consoleRow({ config }: DatabaseStates, snapshot: Sources): DatabaseRow {
  return {
    name: CONSOLE,
    host: null,
    port: config.settings.listen_port,
    database: CONSOLE,
    forceUser: CONSOLE,
    poolSize: 2,
    minPoolSize: 0,
    reservePoolSize: 0,
    serverLifetimeMs: config.settings.server_lifetime,
    poolMode: 'statement',
    loadBalanceHosts: null,
    maxConnections: 0,
    currentConnections: 0,
    maxClientConnections: 0,
    currentClientConnections: snapshot.clients.lists.active.length,
    isPaused: false,
    isDisabled: false,
  };
}
