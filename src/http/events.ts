// GET /api/v1/events: what the flight recorder has kept, as JSON, newest last.

import type { FastifyInstance, FastifySchemaValidationError } from 'fastify';
import { EVENT_KINDS, type EventKind, toldEvent } from '../observe/event.ts';
import type { EventRing } from '../observe/event-ring.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 10_000;

interface EventsQuery {
  readonly limit: number;
  readonly kind?: EventKind;
  readonly since: number;
}

const QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
    kind: { type: 'string', enum: EVENT_KINDS },
    since: { type: 'integer', minimum: 0, default: 0 },
  },
} as const;

const PARAMETERS =
  `limit: the newest so many, 1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}; kind: one of ${EVENT_KINDS.join(', ')}; ` +
  'since: only entries with a higher sequence, as "last" of an earlier answer tells it';

/** Names the parameter, and every parameter that there is: whoever reads it has a terminal and an incident. */
function explain(errors: FastifySchemaValidationError[]): Error {
  const [first] = errors;
  const unknown = first?.params.additionalProperty;
  const name = first?.instancePath.slice(1) ?? '';
  const what = unknown === undefined ? `${name} ${first?.message}` : `there is no parameter ${String(unknown)}`;
  return new Error(`${what}. Parameters are ${PARAMETERS}`);
}

export function addEvents(server: FastifyInstance, ring: EventRing): void {
  server.get<{ Querystring: EventsQuery }>(
    '/api/v1/events',
    { schema: { querystring: QUERY }, schemaErrorFormatter: explain },
    (request, reply) => {
      const events = ring.list(request.query).map(toldEvent);
      // "last" is of the ring, not of the rows: a kind that is rare does not make the next one read all of it again.
      return reply.header('cache-control', 'no-store').send({ last: ring.last, events });
    },
  );
}
