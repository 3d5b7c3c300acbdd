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
type ToldRow = ClientTold | ServerTold;
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

/** What the order of a row is made of beside its moments. */
type Sortable = Pick<Row, 'address' | 'applicationName' | 'database' | 'id' | 'port' | 'user'> & {
  readonly state: string;
};

/** Numbers, or texts of ISO 8601. */
interface Moments<R> {
  connected(row: R): number | string;
  requested(row: R): number | string;
  waited(row: R): number;
}
const MOMENTS: Moments<Row> = {
  connected: (row) => row.connectTime,
  requested: (row) => row.requestTime,
  waited: (row) => ('waitMs' in row ? row.waitMs : 0),
};
const TOLD_MOMENTS: Moments<ToldRow> = {
  connected: (row) => row.connectedAt,
  requested: (row) => row.requestedAt,
  waited: (row) => ('waitedMs' in row ? row.waitedMs : 0),
};

function compareBy<R extends Sortable>(
  { sort, order }: ListQuery,
  states: readonly string[],
  { connected, requested, waited }: Moments<R>,
): Compare<R> {
  const compare = compareIn();
  const sign = order === 'desc' ? -1 : 1;
  return (a, b) => sign * compare(a, b) || a.id - b.id;

  function compareIn(): Compare<R> {
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
        return (a, b) => compareMoments(connected(a), connected(b));
      case 'requested':
        return (a, b) => compareMoments(requested(a), requested(b));
      case 'waited':
        return (a, b) => waited(a) - waited(b);
      default:
        // Among those alike, who has been so for longest comes first.
        return (a, b) =>
          states.indexOf(a.state) - states.indexOf(b.state) || compareMoments(requested(a), requested(b));
    }
  }
}

function compareMoments(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function chosen<R extends Row>(rows: readonly R[], query: ListQuery, states: readonly string[]) {
  const found = rows.filter((row) => fits(row, query)).sort(compareBy(query, states, MOMENTS));
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

/** The same order again, for rows of several workers. */
export function compareClients(query: ListQuery): Compare<ClientTold> {
  return compareBy(query, CLIENT_STATES, TOLD_MOMENTS);
}

export function compareServers(query: ListQuery): Compare<ServerTold> {
  return compareBy(query, SERVER_STATES, TOLD_MOMENTS);
}
