// The routes of /api/v1 at work: access first, then what was sent, then the answer of specs.ts.

import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchemaValidationError } from 'fastify';
import type { z } from 'zod';
import { adviceOfAll } from '../observe/advice.ts';
import type { EventKind } from '../observe/event.ts';
import { INTERVAL_MS } from '../observe/history.ts';
import { latest } from '../util/sums.ts';
import { Access } from './access.ts';
import * as actions from './actions.ts';
import type { ApiParts } from './api-parts.ts';
import { compareClients, compareServers, type ListQuery } from './lists.ts';
import { compareHolders, compareLeaks, mergeApplications, mergeEvents, mergeLists, mergePools } from './merge.ts';
import { mergeHistories } from './merge-history.ts';
import { openApiDocument } from './openapi.ts';
import { overviewFrom } from './overview.ts';
import { type Ask, askOf } from './parts.ts';
import { listSettings } from './settings.ts';
import { type Answer, type QuerySchema, SPECS, type Spec, type SpecName, type Specs } from './specs.ts';
import { Streams } from './stream.ts';
import { iso, toldAdvice } from './tell.ts';

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

function handlersOf(parts: ApiParts, access: Access, ask: Ask): Handlers {
  const { control, verbs } = parts;
  return {
    overview: async ({ request }) => overviewFrom(await ask('overview', {}), access.actionsOf(request)),
    pools: async () => {
      const told = await ask('pools', {});
      return { time: timeOf(told), pools: mergePools(told.map(({ pools }) => pools)) };
    },
    holders: async ({ query }: { query: { limit: number } }) => {
      const told = await ask('holders', query);
      const { total, rows } = mergeLists(told, query.limit, compareHolders);
      return { time: timeOf(told), total, holders: rows };
    },
    leaks: async ({ query }: { query: { limit: number } }) => {
      const told = await ask('leaks', query);
      const { total, rows } = mergeLists(told, query.limit, compareLeaks);
      return { time: timeOf(told), total, leaks: rows };
    },
    applications: async () => {
      const told = await ask('applications', {});
      return { time: timeOf(told), applications: mergeApplications(told.map(({ rows }) => rows)) };
    },
    advice: async () => {
      const sources = parts.snapshot();
      const rows =
        parts.team === null
          ? sources.advisor.rows(sources.pools, sources.now)
          : adviceOfAll((await parts.team.ask('measured', null)).map(({ answer }) => answer));
      return { time: iso(sources.wallNow), advice: rows.map(toldAdvice) };
    },
    clients: async ({ query }: { query: ListQuery }) => {
      const told = await ask('clients', query);
      const { total, rows } = mergeLists(told, query.limit, compareClients(query));
      return { time: timeOf(told), total, clients: rows };
    },
    servers: async ({ query }: { query: ListQuery }) => {
      const told = await ask('servers', query);
      const { total, rows } = mergeLists(told, query.limit, compareServers(query));
      return { time: timeOf(told), total, servers: rows };
    },
    events: async ({ query }: { query: { limit: number; kind?: EventKind; since: number } }) =>
      mergeEvents(await ask('events', query), query.limit),
    settings: () => listSettings(control.config),
    history: async ({ query }: { query: { database?: string; user?: string; limit: number } }) => {
      const told = (await ask('history', query)).filter((samples) => samples !== null);
      if (told.length === 0) throw new actions.HttpError(404, 'there is no such pool');
      return { intervalMs: INTERVAL_MS, samples: mergeHistories(told, query.limit) };
    },
    pause: ({ body }) => actions.pause(verbs, body.database),
    resume: ({ body }) => actions.forSome(verbs, 'resume', body.database),
    reconnect: ({ body }) => actions.forSome(verbs, 'reconnect', body.database),
    kill: ({ body }) => actions.forSome(verbs, 'kill', body.database),
    killClient: ({ body }) => actions.killClient(verbs, body.client),
    reclaim: ({ body }) => actions.reclaim(verbs, body.client, body.server),
  };
}

function timeOf(told: readonly { readonly time: string }[]): string {
  return latest(told.map(({ time }) => time));
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
  const ask = askOf(parts);
  const handlers = handlersOf(parts, access, ask);
  const streams = new Streams(ask);
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
  streams.add(reply.raw, access.actionsOf(request), { database, user });
  return reply;
}
