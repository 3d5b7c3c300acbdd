// The routes of /api/v1 at work: access first, then what was sent, then the answer of specs.ts.

import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { z } from 'zod';
import type { EventKind } from '../observe/event.ts';
import { INTERVAL_MS } from '../observe/history.ts';
import { Access } from './access.ts';
import * as actions from './actions.ts';
import type { ApiParts } from './api-parts.ts';
import { findPool } from './find-pool.ts';
import { type ListQuery, listClients, listServers } from './lists.ts';
import { openApiDocument } from './openapi.ts';
import { toldOverview } from './overview.ts';
import { listSettings } from './settings.ts';
import { type Answer, type QuerySchema, SPECS, type Spec, type SpecName, type Specs } from './specs.ts';
import { Streams } from './stream.ts';
import { iso, toldAdvice, toldApplications, toldEvents, toldHolders, toldLeaks, toldPool, toldSample } from './tell.ts';

type Body<N extends SpecName> = Specs[N] extends { body: infer B extends z.ZodType } ? z.infer<B> : undefined;
/** Query parameters are what the schema lets through; each handler names those that it uses. */
interface Call<N extends SpecName> {
  // biome-ignore lint/suspicious/noExplicitAny: the schema has looked at it
  readonly query: any;
  readonly body: Body<N>;
  readonly request: FastifyRequest;
}
type Handlers = {
  readonly [N in Exclude<SpecName, 'stream'>]: (call: Call<N>) => Answer<N> | Promise<Answer<N>>;
};

function handlersOf(parts: ApiParts, access: Access): Handlers {
  const { control, events, history, verbs } = parts;
  const snapshot = () => parts.snapshot();
  return {
    overview: ({ request }) => toldOverview(parts, access.actionsOf(request)),
    pools: () => {
      const sources = snapshot();
      return { time: iso(sources.wallNow), pools: [...sources.pools].map((pool) => toldPool(pool, sources)) };
    },
    holders: ({ query }: { query: { limit: number } }) => {
      const sources = snapshot();
      const all = toldHolders(sources);
      return { time: iso(sources.wallNow), total: all.length, holders: all.slice(0, query.limit) };
    },
    leaks: ({ query }: { query: { limit: number } }) => {
      const sources = snapshot();
      return {
        time: iso(sources.wallNow),
        total: sources.leaks.recent.length,
        leaks: toldLeaks(sources, query.limit),
      };
    },
    applications: () => {
      const sources = snapshot();
      return { time: iso(sources.wallNow), applications: toldApplications(sources) };
    },
    advice: () => {
      const sources = snapshot();
      const rows = sources.advisor.rows(sources.pools, sources.now);
      return { time: iso(sources.wallNow), advice: rows.map(toldAdvice) };
    },
    clients: ({ query }: { query: ListQuery }) => listClients(snapshot(), query),
    servers: ({ query }: { query: ListQuery }) => listServers(snapshot(), query),
    events: ({ query }: { query: { limit: number; kind?: EventKind; since: number } }) =>
      // "last" is of the ring, not of the rows: a kind that is rare does not make the next one read all of it again.
      ({ last: events.last, events: toldEvents(events.list(query)) }),
    settings: () => listSettings(control.config),
    history: ({ query }: { query: { database?: string; user?: string; limit: number } }) => {
      const pool = findPool(snapshot(), query.database, query.user);
      if (pool === undefined) throw new actions.HttpError(404, 'there is no such pool');
      return { intervalMs: INTERVAL_MS, samples: history.list(pool, query.limit).map(toldSample) };
    },
    pause: ({ body }) => actions.pause(verbs, body.database),
    resume: ({ body }) => actions.forSome(verbs, 'resume', body.database),
    reconnect: ({ body }) => actions.forSome(verbs, 'reconnect', body.database),
    kill: ({ body }) => actions.forSome(verbs, 'kill', body.database),
    killClient: ({ body }) => actions.killClient(verbs, body.client),
    reclaim: ({ body }) => actions.reclaim(verbs, body.client, body.server),
  };
}

/** Names the parameter, and every parameter that there is: whoever reads it has a terminal and an incident. */
function explainerOf({ properties }: QuerySchema) {
  const parameters = Object.entries(properties).map(([name, { description }]) => `${name}: ${description}`);
  return (errors: FastifySchemaValidationError[]): Error => {
    const [first] = errors;
    const unknown = first?.params.additionalProperty;
    const name = first?.instancePath.slice(1) ?? '';
    const what = unknown === undefined ? `${name} ${first?.message}` : `there is no parameter ${String(unknown)}`;
    return new Error(`${what}. Parameters are ${parameters.join('; ')}`);
  };
}

const NO_QUERY: QuerySchema = { type: 'object', additionalProperties: false, properties: {} };

function bodyOf(spec: Spec, request: FastifyRequest): unknown {
  if (spec.body === undefined) return undefined;
  const parsed = spec.body.safeParse(request.body ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.join('.') || 'the body';
  throw new actions.HttpError(400, `${where}: ${issue?.message ?? 'is not valid'}`);
}

export function addApi(server: FastifyInstance, parts: ApiParts): void {
  const access = new Access(() => parts.control.config.settings);
  const handlers = handlersOf(parts, access);
  const streams = new Streams(parts);
  server.addHook('preClose', async () => streams.close());
  for (const [name, spec] of Object.entries(SPECS) as [SpecName, Spec][]) {
    const query = spec.query ?? NO_QUERY;
    server.route({
      method: spec.method,
      url: spec.path,
      schema: { querystring: query },
      schemaErrorFormatter: explainerOf(query),
      // Before anything that was sent is looked at.
      onRequest: async (request, reply) => {
        const refusal = spec.access === 'act' ? access.refusalToAct(request) : access.refusalToRead(request);
        if (refusal === null) return;
        if (refusal.statusCode === 401) reply.header('www-authenticate', 'Bearer');
        throw new actions.HttpError(refusal.statusCode, refusal.message);
      },
      handler: async (request, reply) => {
        if (name === 'stream') return openStream(streams, access, request, reply);
        const body = bodyOf(spec, request);
        const handle = handlers[name] as (call: object) => unknown;
        const answer = await handle({ query: request.query, body, request });
        if (spec.access === 'act') parts.log.info({ by: request.ip, ...(body as object) }, `http: ${name}`);
        return reply.header('cache-control', 'no-store').send(answer);
      },
    });
  }
  server.get('/api/v1/openapi.json', () => openApiDocument());
}

function openStream(streams: Streams, access: Access, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (streams.isFull) throw new actions.HttpError(503, 'too many streams are open');
  const { database, user } = request.query as { database?: string; user?: string };
  reply.hijack();
  for (const [header, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(header, value);
  reply.raw.setHeader('cache-control', 'no-store');
  // requestTimeout is for requests, and this one is over.
  streams.add(reply.raw, { actions: access.actionsOf(request), database, user });
  return reply;
}
