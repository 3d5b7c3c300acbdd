// The HTTP server: health and metrics, on http_listen_addr and, where it is set, on health_listen_addr; the rest on the first only.

import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Metrics } from '../observe/metrics.ts';
import { addApi } from './api.ts';
import type { ApiParts } from './api-parts.ts';
import type { Health } from './health.ts';
import { addPage } from './page.ts';

export interface HttpParts {
  readonly health: Health;
  readonly metrics: Metrics;
  /** Not on an address for probes only: they name clients. */
  readonly api?: ApiParts;
}

/** The four that a pod's address may serve: they change nothing and name no client. */
function addProbes(server: FastifyInstance, { health, metrics }: HttpParts): void {
  server.get('/healthz', (_request, reply) => reply.code(200).send(health.live()));
  server.get('/readyz', async (_request, reply) => {
    const verdict = await health.readyOfAll();
    return reply.code(verdict.ready ? 200 : 503).send(verdict);
  });
  server.get('/startupz', (_request, reply) => {
    const verdict = health.started();
    return reply.code(verdict.started ? 200 : 503).send(verdict);
  });
  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()));
}

const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

function addSecurityHeaders(server: FastifyInstance): void {
  server.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS);
  });
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
  addSecurityHeaders(server);
  // A form of another site can send it without asking; nobody needs it here.
  server.removeContentTypeParser('text/plain');
  addProbes(server, parts);
  if (parts.api !== undefined) {
    addApi(server, parts.api);
    addPage(server);
  }
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
