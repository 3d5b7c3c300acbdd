// SHOW PEERS and PEER_POOLS: other processes that cancel requests are passed on to, and those on their way. PgBouncer: the same columns.

import { type PeerRow, peerRows } from '../observe/peers.ts';
import { int, table, text } from './table.ts';

const PEER_COLUMNS = [
  int<PeerRow>('peer_id', (row) => row.id, 'key'),
  text<PeerRow>('host', (row) => row.host),
  int<PeerRow>('port', (row) => row.port),
  int<PeerRow>('pool_size', (row) => row.poolSize),
];

export const showPeers = table(PEER_COLUMNS, ({ control, snapshot }) => peerRows(control.config, snapshot), {
  kind: 'merged',
});

// Each request has a connection of its own to the peer, which needs no login.
const PEER_POOL_COLUMNS = [
  int<PeerRow>('peer_id', (row) => row.id, 'key'),
  int<PeerRow>('cl_active_cancel_req', (row) => row.active, 'sum'),
  int<PeerRow>('cl_waiting_cancel_req', (row) => row.waiting, 'sum'),
  int<PeerRow>('sv_active_cancel', (row) => row.active, 'sum'),
  int<PeerRow>('sv_login', () => 0),
];

export const showPeerPools = table(PEER_POOL_COLUMNS, ({ control, snapshot }) => peerRows(control.config, snapshot), {
  kind: 'merged',
});
