// SHOW DNS_HOSTS and DNS_ZONES. PgBouncer: the same columns, and what its own resolver keeps; here the system looks names up for each new
// connection, so a host has no time to live, and its addresses are those that servers are connected to.

import { type HostRow, hostRows } from '../observe/hosts.ts';
import { bigint, int, table, text } from './table.ts';

const HOST_COLUMNS = [
  text<HostRow>('hostname', (row) => row.name),
  bigint<HostRow>('ttl', () => 0),
  text<HostRow>('addrs', (row) => row.addresses.join(',')),
];

export const showDnsHosts = table(HOST_COLUMNS, ({ snapshot }) => hostRows(snapshot));

const ZONE_COLUMNS = [
  text<never>('zonename', () => ''),
  bigint<never>('serial', () => 0),
  int<never>('count', () => 0),
];

/** Always empty. */
export const showDnsZones = table<never>(ZONE_COLUMNS, () => []);
