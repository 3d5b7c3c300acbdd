// SHOW DATABASES: the entries of the file and what they make of the settings, the console's own row among them. PgBouncer: the same columns.

import { type DatabaseRow, databaseRows } from '../observe/databases.ts';
import { by } from './merge.ts';
import { int, table, text } from './table.ts';

const COLUMNS = [
  text<DatabaseRow>('name', (row) => row.name, 'key'),
  text<DatabaseRow>('host', (row) => row.host),
  int<DatabaseRow>('port', (row) => row.port),
  text<DatabaseRow>('database', (row) => row.database),
  text<DatabaseRow>('force_user', (row) => row.forceUser),
  int<DatabaseRow>('pool_size', (row) => row.poolSize),
  int<DatabaseRow>('min_pool_size', (row) => row.minPoolSize),
  int<DatabaseRow>('reserve_pool_size', (row) => row.reservePoolSize),
  int<DatabaseRow>('server_lifetime', (row) => row.serverLifetimeMs / 1000),
  text<DatabaseRow>('pool_mode', (row) => row.poolMode),
  text<DatabaseRow>('load_balance_hosts', (row) => row.loadBalanceHosts),
  int<DatabaseRow>('max_connections', (row) => row.maxConnections),
  int<DatabaseRow>('current_connections', (row) => row.currentConnections, 'sum'),
  int<DatabaseRow>('max_client_connections', (row) => row.maxClientConnections),
  int<DatabaseRow>('current_client_connections', (row) => row.currentClientConnections, 'sum'),
  int<DatabaseRow>('paused', (row) => row.isPaused, 'max'),
  int<DatabaseRow>('disabled', (row) => row.isDisabled, 'max'),
];

export const showDatabases = table(COLUMNS, ({ control, snapshot }) => databaseRows(control, snapshot), {
  kind: 'merged',
  order: by('name'),
});
