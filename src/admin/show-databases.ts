// SHOW DATABASES: the entries of the file and what they make of the settings, the console's own row last. PgBouncer: the same columns.

import { effectiveSettings } from '../config/effective.ts';
import type { ShowContext } from './show-context.ts';
import { int, tableReply, text } from './table.ts';

interface DatabaseRow {
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
  readonly maxConnections: number;
  readonly currentConnections: number;
  readonly maxClientConnections: number;
  readonly currentClientConnections: number;
  readonly isPaused: boolean;
  readonly isDisabled: boolean;
}

const COLUMNS = [
  text<DatabaseRow>('name', (row) => row.name),
  text<DatabaseRow>('host', (row) => row.host),
  int<DatabaseRow>('port', (row) => row.port),
  text<DatabaseRow>('database', (row) => row.database),
  text<DatabaseRow>('force_user', (row) => row.forceUser),
  int<DatabaseRow>('pool_size', (row) => row.poolSize),
  int<DatabaseRow>('min_pool_size', (row) => row.minPoolSize),
  int<DatabaseRow>('reserve_pool_size', (row) => row.reservePoolSize),
  int<DatabaseRow>('server_lifetime', (row) => row.serverLifetimeMs / 1000),
  text<DatabaseRow>('pool_mode', (row) => row.poolMode),
  text<DatabaseRow>('load_balance_hosts', () => null),
  int<DatabaseRow>('max_connections', (row) => row.maxConnections),
  int<DatabaseRow>('current_connections', (row) => row.currentConnections),
  int<DatabaseRow>('max_client_connections', (row) => row.maxClientConnections),
  int<DatabaseRow>('current_client_connections', (row) => row.currentClientConnections),
  int<DatabaseRow>('paused', (row) => row.isPaused),
  int<DatabaseRow>('disabled', (row) => row.isDisabled),
];

export function showDatabases(context: ShowContext): Buffer[] {
  const { control, snapshot } = context;
  // Databases that came from the "*" entry are listed once somebody uses them.
  const names = new Set([...control.config.databases.keys(), ...[...snapshot.pools].map((pool) => pool.database)]);
  return tableReply(COLUMNS, [...[...names].map((name) => databaseRow(name, context)), consoleRow(context)]);
}

function databaseRow(name: string, { control, snapshot }: ShowContext): DatabaseRow {
  const { config } = control;
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
    maxConnections: settings.max_db_connections,
    currentConnections: snapshot.pools.serversOfDatabase(name),
    maxClientConnections: settings.max_db_client_connections,
    currentClientConnections: snapshot.clients.countOfDatabase.of(name),
    isPaused: control.isPaused(name),
    isDisabled: control.isDisabled(name),
  };
}

function consoleRow({ control, snapshot }: ShowContext): DatabaseRow {
  return {
    name: 'pgbouncer',
    host: null,
    port: control.config.settings.listen_port,
    database: 'pgbouncer',
    forceUser: 'pgbouncer',
    poolSize: 2,
    minPoolSize: 0,
    reservePoolSize: 0,
    serverLifetimeMs: 0,
    poolMode: 'statement',
    maxConnections: 0,
    currentConnections: 0,
    maxClientConnections: 0,
    currentClientConnections: snapshot.clients.lists.active.length,
    isPaused: false,
    isDisabled: false,
  };
}
