// SHOW POOLS: clients and servers by state, and how long the queue's head has waited. PgBouncer: the same columns.

import { type PoolRow, poolRows } from '../observe/snapshot.ts';
import type { ShowContext } from './show-context.ts';
import { int, splitMicroseconds, tableReply, text } from './table.ts';

const COLUMNS = [
  text<PoolRow>('database', (row) => row.database),
  text<PoolRow>('user', (row) => row.user),
  int<PoolRow>('cl_active', (row) => row.clients.active + row.clients.idle),
  int<PoolRow>('cl_waiting', (row) => row.clients.waiting),
  int<PoolRow>('cl_active_cancel_req', (row) => row.clients.active_cancel_req),
  int<PoolRow>('cl_waiting_cancel_req', (row) => row.clients.waiting_cancel_req),
  int<PoolRow>('sv_active', (row) => row.servers.active),
  int<PoolRow>('sv_active_cancel', (row) => row.servers.active_cancel),
  int<PoolRow>('sv_being_canceled', (row) => row.servers.being_canceled),
  int<PoolRow>('sv_idle', (row) => row.servers.idle),
  int<PoolRow>('sv_used', (row) => row.servers.used),
  int<PoolRow>('sv_tested', (row) => row.servers.tested),
  int<PoolRow>('sv_login', (row) => row.servers.login),
  int<PoolRow>('maxwait', (row) => splitMicroseconds(row.maxWaitMs).seconds),
  int<PoolRow>('maxwait_us', (row) => splitMicroseconds(row.maxWaitMs).microseconds),
  text<PoolRow>('pool_mode', (row) => row.poolMode),
  text<PoolRow>('load_balance_hosts', () => null),
];

export function showPools({ snapshot }: ShowContext): Buffer[] {
  return tableReply(COLUMNS, poolRows(snapshot));
}
