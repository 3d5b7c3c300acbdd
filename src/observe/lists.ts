// How much there is of everything: SHOW LISTS, and the metrics of the same names.

import { type DatabaseStates, databaseRows } from './databases.ts';
import type { Sources } from './snapshot.ts';
import { userRows } from './users.ts';

/** In PgBouncer's order. */
export interface Lists {
  readonly databases: number;
  readonly users: number;
  readonly peers: number;
  /** With that of the console. */
  readonly pools: number;
  readonly peer_pools: number;
  /** Always 0: nothing is kept for clients to come. */
  readonly free_clients: number;
  /** Those that log in included. */
  readonly used_clients: number;
  readonly login_clients: number;
  /** Always 0: nothing is kept for servers to come. */
  readonly free_servers: number;
  readonly used_servers: number;
  /** Always 0: the system answers for names, and what it keeps it does not tell. */
  readonly dns_names: number;
  readonly dns_zones: number;
  readonly dns_queries: number;
  readonly dns_pending: number;
}

export function lists(states: DatabaseStates, snapshot: Sources): Lists {
  const { clients, pools } = snapshot;
  let servers = 0;
  for (const { serverCount } of pools) servers += serverCount;
  return {
    databases: databaseRows(states, snapshot).length,
    users: userRows(states.config, snapshot).length,
    peers: states.config.peers.size,
    pools: pools.size + 1,
    peer_pools: states.config.peers.size,
    free_clients: 0,
    used_clients: clients.size,
    login_clients: clients.lists.login.length,
    free_servers: 0,
    used_servers: servers,
    dns_names: 0,
    dns_zones: 0,
    dns_queries: 0,
    dns_pending: 0,
  };
}
