// SHOW POOLS: clients and servers by state, and how long the queue's head has waited. PgBouncer: the same columns.

import { type ShownPool, shownPools } from '../observe/snapshot.ts';
import { by } from './merge.ts';
import { int, splitMicroseconds, table, text } from './table.ts';

const COLUMNS = [
  text<ShownPool>('database', (row) => row.database, 'key'),
  text<ShownPool>('user', (row) => row.user, 'key'),
  int<ShownPool>('cl_active', (row) => row.clients.active + row.clients.idle, 'sum'),
  int<ShownPool>('cl_waiting', (row) => row.clients.waiting, 'sum'),
  int<ShownPool>('cl_active_cancel_req', (row) => row.clients.active_cancel_req, 'sum'),
  int<ShownPool>('cl_waiting_cancel_req', (row) => row.clients.waiting_cancel_req, 'sum'),
  int<ShownPool>('sv_active', (row) => row.servers.active, 'sum'),
  int<ShownPool>('sv_active_cancel', (row) => row.servers.active_cancel, 'sum'),
  int<ShownPool>('sv_being_canceled', (row) => row.servers.being_canceled, 'sum'),
  int<ShownPool>('sv_idle', (row) => row.servers.idle, 'sum'),
  int<ShownPool>('sv_used', (row) => row.servers.used, 'sum'),
  int<ShownPool>('sv_tested', (row) => row.servers.tested, 'sum'),
  int<ShownPool>('sv_login', (row) => row.servers.login, 'sum'),
  int<ShownPool>('maxwait', (row) => splitMicroseconds(row.maxWaitMs).seconds, {
    ofLargest: ['maxwait', 'maxwait_us'],
  }),
  int<ShownPool>('maxwait_us', (row) => splitMicroseconds(row.maxWaitMs).microseconds, {
    ofLargest: ['maxwait', 'maxwait_us'],
  }),
  text<ShownPool>('pool_mode', (row) => row.poolMode),
  text<ShownPool>('load_balance_hosts', (row) => row.loadBalanceHosts),
];

export const showPools = table(COLUMNS, ({ snapshot }) => shownPools(snapshot), {
  kind: 'merged',
  order: by('database', 'user'),
});
