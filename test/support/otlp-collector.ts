// An OpenTelemetry collector, as far as pgsluice sees one: it takes what is posted to /v1/traces.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: number;
  /** ms since the epoch. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'attributes' | 'startMs' | 'endMs'> & {
        readonly startTimeUnixNano: string;
        readonly endTimeUnixNano: string;
        readonly attributes: readonly Attribute[];
      })[];
    }[];
  }[];
}

function attributesOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? '']));
}

/** Of nanoseconds that no number holds exactly. */
const milliseconds = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1_000n) / 1_000;

/** status: what it answers; may be changed. */
export async function startCollector() {
  const spans: CollectedSpan[] = [];
  const services = new Set<string>();
  const state = { status: 200 };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.writeHead(state.status, { 'content-type': 'application/json' }).end('{}');
    if (request.url !== '/v1/traces' || request.headers['content-type'] !== 'application/json') return;
    if (state.status !== 200) return;
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as ExportRequest;
    for (const { resource, scopeSpans } of resourceSpans) {
      services.add(attributesOf(resource.attributes)['service.name'] ?? '');
      for (const { startTimeUnixNano, endTimeUnixNano, attributes, ...span } of scopeSpans.flatMap(
        ({ spans }) => spans,
      ))
        spans.push({
          ...span,
          startMs: milliseconds(startTimeUnixNano),
          endMs: milliseconds(endTimeUnixNano),
          attributes: attributesOf(attributes),
        });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`,
    spans,
    services,
    state,
    stop: () =>
      new Promise<void>((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
