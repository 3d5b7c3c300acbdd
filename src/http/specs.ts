// Every route of /api/v1: what it takes, what it answers and who may ask. The server and docs/openapi.json are made from it.

import type { z } from 'zod';
import { EVENT_KINDS } from '../observe/event.ts';
import * as shapes from './shapes.ts';

/** Query parameters as JSON Schema: Fastify's own validator knows how to read numbers from a URL. */
export interface QuerySchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, QueryParameter>>;
}

interface QueryParameter {
  readonly type: 'string' | 'integer';
  readonly description: string;
  readonly [keyword: string]: unknown;
}

export interface Spec {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  /** Whose token is needed. */
  readonly access: 'read' | 'act';
  readonly query?: QuerySchema;
  readonly body?: z.ZodType;
  /** Not JSON, but a stream of events that each are. */
  readonly isStream?: true;
  readonly answer: z.ZodType;
}

const query = <P extends QuerySchema['properties']>(properties: P) =>
  ({ type: 'object', additionalProperties: false, properties }) as const;

const name = (what: string) => ({ type: 'string', maxLength: 1024, description: what }) as const;
const limitOf = (fallback: number, most: number, which = 'so many rows at most') =>
  ({
    type: 'integer',
    minimum: 1,
    maximum: most,
    default: fallback,
    description: `${which}, 1 to ${most}, default ${fallback}`,
  }) as const;

/** Filters of the lists of clients and servers. */
const listQuery = (states: readonly string[], sorts: readonly string[]) =>
  query({
    limit: limitOf(200, 10_000),
    search: name('only those with this text in their application, user, database or address, or with this id'),
    database: name('only those of this database'),
    user: name('only those of this user'),
    application: name('only those with exactly this application_name'),
    state: { type: 'string', enum: states, description: `one of ${states.join(', ')}` },
    sort: {
      type: 'string',
      enum: sorts,
      default: sorts[0],
      description: `one of ${sorts.join(', ')}, default ${sorts[0]}`,
    },
    order: { type: 'string', enum: ['asc', 'desc'], default: 'asc', description: 'asc or desc, default asc' },
  });

export const LIST_SORTS = ['state', 'application', 'database', 'user', 'address', 'connected', 'requested'] as const;

const poolQuery = { database: name('of this pool; with user'), user: name('of this pool; with database') } as const;

const read = { method: 'GET', access: 'read' } as const;
const act = { method: 'POST', access: 'act', answer: shapes.done } as const;

export const SPECS = {
  overview: {
    ...read,
    path: '/api/v1/overview',
    summary: 'Is it well, and if not, who? With the sums of everything.',
    answer: shapes.overview,
  },
  pools: { ...read, path: '/api/v1/pools', summary: 'Every pool.', answer: shapes.pools },
  holders: {
    ...read,
    path: '/api/v1/holders',
    summary: 'Who holds a server: those first that do not use it.',
    query: query({ limit: limitOf(200, 10_000) }),
    answer: shapes.holders,
  },
  leaks: {
    ...read,
    path: '/api/v1/leaks',
    summary: 'The last 200 servers that were held and not used, and what became of each.',
    query: query({ limit: limitOf(200, 200) }),
    answer: shapes.leaks,
  },
  applications: {
    ...read,
    path: '/api/v1/applications',
    summary: 'What each application has held, leaked and made others wait: those first that others waited for longest.',
    answer: shapes.applications,
  },
  advice: {
    ...read,
    path: '/api/v1/advice',
    summary: 'What the size of each pool should be, and why.',
    answer: shapes.advices,
  },
  clients: {
    ...read,
    path: '/api/v1/clients',
    summary: 'Connections of clients.',
    query: listQuery(shapes.CLIENT_STATES, [...LIST_SORTS, 'waited']),
    answer: shapes.clients,
  },
  servers: {
    ...read,
    path: '/api/v1/servers',
    summary: 'Connections to Postgres.',
    query: listQuery(shapes.SERVER_STATES, LIST_SORTS),
    answer: shapes.servers,
  },
  events: {
    ...read,
    path: '/api/v1/events',
    summary: 'What the flight recorder has kept.',
    query: query({
      limit: limitOf(100, 10_000, 'the newest so many'),
      kind: { type: 'string', enum: EVENT_KINDS, description: `one of ${EVENT_KINDS.join(', ')}` },
      since: {
        type: 'integer',
        minimum: 0,
        default: 0,
        description: 'only entries with a higher sequence, as "last" of an earlier answer tells it',
      },
    }),
    answer: shapes.events,
  },
  settings: {
    ...read,
    path: '/api/v1/settings',
    summary: 'Every global setting in force, with its default.',
    answer: shapes.settings,
  },
  history: {
    ...read,
    path: '/api/v1/history',
    summary: 'The last quarter of an hour, second by second, of all pools or of one.',
    query: query({ ...poolQuery, limit: limitOf(900, 900, 'the newest so many seconds') }),
    answer: shapes.history,
  },
  stream: {
    ...read,
    path: '/api/v1/stream',
    summary: 'Server-sent events: what the first screen of the dashboard shows, once a second.',
    query: query(poolQuery),
    isStream: true,
    answer: shapes.tick,
  },
  pause: {
    ...act,
    path: '/api/v1/actions/pause',
    summary: 'PAUSE: no new transactions; it is done when no server is held any more.',
    body: shapes.databaseBody,
  },
  resume: {
    ...act,
    path: '/api/v1/actions/resume',
    summary: 'RESUME: ends PAUSE and KILL.',
    body: shapes.databaseBody,
  },
  reconnect: {
    ...act,
    path: '/api/v1/actions/reconnect',
    summary: 'RECONNECT: every server is replaced when its client lets go.',
    body: shapes.databaseBody,
  },
  kill: {
    ...act,
    path: '/api/v1/actions/kill',
    summary: 'KILL: drops every client and server; new clients wait until RESUME.',
    body: shapes.databaseBody,
  },
  killClient: {
    ...act,
    path: '/api/v1/actions/kill-client',
    summary: 'KILL_CLIENT: closes one client.',
    body: shapes.clientBody,
  },
  reclaim: {
    ...act,
    path: '/api/v1/actions/reclaim',
    summary:
      'Rolls back a transaction whose client is silent, and takes its server back; the client keeps its connection.',
    body: shapes.reclaimBody,
  },
} as const satisfies Record<string, Spec>;

export type Specs = typeof SPECS;
export type SpecName = keyof Specs;
/** The JSON that a route answers. */
export type Answer<N extends SpecName> = z.infer<Specs[N]['answer']>;
