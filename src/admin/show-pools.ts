// SHOW POOLS: clients and servers by state, and how long the queue's head has waited. PgBouncer: the same columns.

import { type ShownPool, shownPools } from '../observe/snapshot.ts';
import { int, splitMicroseconds, table, text } from './table.ts';

const COLUMNS = [
  text<ShownPool>('database', (row) => row.database),
  text<ShownPool>('user', (row) => row.user),
  int<ShownPool>('cl_active', (row) => row.clients.active + row.clients.idle),
  int<ShownPool>('cl_waiting', (row) => row.clients.waiting),
  int<ShownPool>('cl_active_cancel_req', (row) => row.clients.active_cancel_req),
  int<ShownPool>('cl_waiting_cancel_req', (row) => row.clients.waiting_cancel_req),
  int<ShownPool>('sv_active', (row) => row.servers.active),
  int<ShownPool>('sv_active_cancel', (row) => row.servers.active_cancel),
  int<ShownPool>('sv_being_canceled', (row) => row.servers.being_canceled),
  int<ShownPool>('sv_idle', (row) => row.servers.idle),
  int<ShownPool>('sv_used', (row) => row.servers.used),
  int<ShownPool>('sv_tested', (row) => row.servers.tested),
  int<ShownPool>('sv_login', (row) => row.servers.login),
  int<ShownPool>('maxwait', (row) => splitMicroseconds(row.maxWaitMs).seconds),
  int<ShownPool>('maxwait_us', (row) => splitMicroseconds(row.maxWaitMs).microseconds),
  text<ShownPool>('pool_mode', (row) => row.poolMode),
  text<ShownPool>('load_balance_hosts', (row) => row.loadBalanceHosts),
];

export const showPools = table(COLUMNS, ({ snapshot }) => shownPools(snapshot));
