// SHOW USERS: who can log in, with which limits. PgBouncer: the same columns; sizes are texts, empty where the user has none of its own.

import { type UserRow, userRows } from '../observe/users.ts';
import { by } from './merge.ts';
import { int, table, text } from './table.ts';

const size = (value: number | null) => (value === null ? '' : String(value));

const COLUMNS = [
  text<UserRow>('name', (row) => row.name, 'key'),
  text<UserRow>('pool_size', (row) => size(row.poolSize)),
  text<UserRow>('reserve_pool_size', (row) => size(row.reservePoolSize)),
  text<UserRow>('pool_mode', (row) => row.poolMode),
  int<UserRow>('max_user_connections', (row) => row.maxConnections),
  int<UserRow>('current_connections', (row) => row.currentConnections, 'sum'),
  int<UserRow>('max_user_client_connections', (row) => row.maxClientConnections),
  int<UserRow>('current_client_connections', (row) => row.currentClientConnections, 'sum'),
];

export const showUsers = table(COLUMNS, ({ control, snapshot }) => userRows(control.config, snapshot), {
  kind: 'merged',
  order: by('name'),
});
