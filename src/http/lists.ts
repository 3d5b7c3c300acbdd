// The lists of clients and servers: filtered, sorted and cut here, because there may be ten thousand of them.

import { compareKeys } from '../config/settings-table.ts';
import { type ClientRow, clientRows, type ServerRow, type Sources, serverRows } from '../observe/snapshot.ts';
import type { ListPart } from './merge.ts';
import { CLIENT_STATES, type ClientTold, SERVER_STATES, type ServerTold } from './shapes.ts';
import { iso, toldClient, toldServer } from './tell.ts';

export interface ListQuery {
  readonly limit: number;
  readonly search?: string;
  readonly database?: string;
  readonly user?: string;
  readonly application?: string;
  readonly state?: string;
  readonly sort: string;
  readonly order: 'asc' | 'desc';
}

type Row = ClientRow | ServerRow;
type Compare<R> = (a: R, b: R) => number;

function fits(row: Row, { search, database, user, application, state }: ListQuery): boolean {
  if (database !== undefined && row.database !== database) return false;
  if (user !== undefined && row.user !== user) return false;
  if (application !== undefined && row.applicationName !== application) return false;
  if (state !== undefined && row.state !== state) return false;
  if (search === undefined || search === '') return true;
  const wanted = search.toLowerCase();
  if (String(row.id) === wanted) return true;
  const texts = [row.applicationName, row.user, row.database, `${row.address}:${row.port}`];
  return texts.some((text) => text.toLowerCase().includes(wanted));
}

function compareBy(sort: string, states: readonly string[]): Compare<Row> {
  switch (sort) {
    case 'application':
      return (a, b) => compareKeys(a.applicationName, b.applicationName);
    case 'database':
      return (a, b) => compareKeys(a.database, b.database);
    case 'user':
      return (a, b) => compareKeys(a.user, b.user);
    case 'address':
      return (a, b) => compareKeys(a.address, b.address) || a.port - b.port;
    case 'connected':
      return (a, b) => a.connectTime - b.connectTime;
    case 'requested':
      return (a, b) => a.requestTime - b.requestTime;
    case 'waited':
      return (a, b) => ('waitMs' in a && 'waitMs' in b ? a.waitMs - b.waitMs : 0);
    default:
      // Among those alike, who has been so for longest comes first.
      return (a, b) => states.indexOf(a.state) - states.indexOf(b.state) || a.requestTime - b.requestTime;
  }
}

function chosen<R extends Row>(rows: readonly R[], query: ListQuery, states: readonly string[]) {
  const compare = compareBy(query.sort, states);
  const sign = query.order === 'desc' ? -1 : 1;
  const found = rows.filter((row) => fits(row, query)).sort((a, b) => sign * compare(a, b) || a.id - b.id);
  return { total: found.length, rows: found.slice(0, query.limit) };
}

export function listClients(sources: Sources, query: ListQuery): ListPart<ClientTold> {
  const { total, rows } = chosen([...clientRows(sources)], query, CLIENT_STATES);
  return { time: iso(sources.wallNow), total, rows: rows.map(toldClient) };
}

export function listServers(sources: Sources, query: ListQuery): ListPart<ServerTold> {
  const { total, rows } = chosen(serverRows(sources), query, SERVER_STATES);
  return { time: iso(sources.wallNow), total, rows: rows.map(toldServer) };
}

type ToldRow = ClientTold | ServerTold;

/** The same order again, for rows of several workers. */
export function compareClients({ sort, order }: ListQuery): Compare<ClientTold> {
  return compareTold(sort, order, CLIENT_STATES);
}

export function compareServers({ sort, order }: ListQuery): Compare<ServerTold> {
  return compareTold(sort, order, SERVER_STATES);
}

function compareTold(sort: string, order: string, states: readonly string[]): Compare<ToldRow> {
  const compare = compareToldBy(sort, states);
  const sign = order === 'desc' ? -1 : 1;
  return (a, b) => sign * compare(a, b) || a.id - b.id;
}

function compareToldBy(sort: string, states: readonly string[]): Compare<ToldRow> {
  switch (sort) {
    case 'application':
      return (a, b) => compareKeys(a.applicationName, b.applicationName);
    case 'database':
      return (a, b) => compareKeys(a.database, b.database);
    case 'user':
      return (a, b) => compareKeys(a.user, b.user);
    case 'address':
      return (a, b) => compareKeys(a.address, b.address) || a.port - b.port;
    case 'connected':
      return (a, b) => compareKeys(a.connectedAt, b.connectedAt);
    case 'requested':
      return (a, b) => compareKeys(a.requestedAt, b.requestedAt);
    case 'waited':
      return (a, b) => ('waitedMs' in a && 'waitedMs' in b ? a.waitedMs - b.waitedMs : 0);
    default:
      return (a, b) => states.indexOf(a.state) - states.indexOf(b.state) || compareKeys(a.requestedAt, b.requestedAt);
  }
}
