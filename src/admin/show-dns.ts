// SHOW DNS_HOSTS and DNS_ZONES. PgBouncer: the same columns; ttl is in seconds. The serial number of a zone is asked by nobody here.

import type { KnownName } from '../net/resolver.ts';
import { hostRows, type ZoneRow, zoneRows } from '../observe/hosts.ts';
import { bigint, int, table, text } from './table.ts';

const HOST_COLUMNS = [
  text<KnownName>('hostname', (row) => row.name, 'key'),
  bigint<KnownName>('ttl', (row) => Math.ceil(row.ttlMs / 1000)),
  text<KnownName>('addrs', (row) => row.addresses.join(',')),
];

export const showDnsHosts = table(HOST_COLUMNS, ({ snapshot }) => hostRows(snapshot), { kind: 'merged' });

const ZONE_COLUMNS = [
  text<ZoneRow>('zonename', (row) => row.name, 'key'),
  bigint<ZoneRow>('serial', () => 0),
  int<ZoneRow>('count', (row) => row.hosts, 'max'),
];

export const showDnsZones = table(ZONE_COLUMNS, ({ snapshot }) => zoneRows(snapshot), { kind: 'merged' });
