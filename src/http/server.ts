// The HTTP server: health and metrics, on http_listen_addr and, where it is set, on health_listen_addr; the rest on the first only.

import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { EventRing } from '../observe/event-ring.ts';
import type { Metrics } from '../observe/metrics.ts';
import { addEvents } from './events.ts';
import type { Health } from './health.ts';

export interface HttpParts {
  readonly health: Health;
  readonly metrics: Metrics;
  /** Not on an address for probes only: they name clients. */
  readonly events?: EventRing;
}

/** The four that a pod's address may serve: they change nothing and name no client. */
function addProbes(server: FastifyInstance, { health, metrics }: HttpParts): void {
  server.get('/healthz', (_request, reply) => reply.code(200).send(health.live()));
  server.get('/readyz', (_request, reply) => {
    const verdict = health.ready();
    return reply.code(verdict.ready ? 200 : 503).send(verdict);
  });
  server.get('/startupz', (_request, reply) => {
    const verdict = health.started();
    return reply.code(verdict.started ? 200 : 503).send(verdict);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

/** Listens; rejects with Node's own error when the address can't be had. */
export async function startHttp(
  parts: HttpParts,
  address: string,
  port: number,
  reusePort = false,
): Promise<HttpServer> {
  const server = Fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    requestTimeout: 10_000,
    // A parameter that does not exist is told, not dropped.
    ajv: { customOptions: { removeAdditional: false } },
  });
  addProbes(server, parts);
  if (parts.events !== undefined) addEvents(server, parts.events);
  // Fastify hands its options to net.Server.listen, and does not name this one.
  const options = { host: address === '*' ? '::' : address, port, reusePort };
  await server.listen(options);
  return new HttpServer(server);
}

export class HttpServer {
  readonly port: number;
  readonly #server: FastifyInstance;

  constructor(server: FastifyInstance) {
    this.#server = server;
    this.port = (server.server.address() as AddressInfo).port;
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
