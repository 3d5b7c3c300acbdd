// OpenTelemetry: what a transaction and the wait before it were, as spans below the span of whoever sent the statement.

import { randomBytes } from 'node:crypto';
import { clientOf } from '../guard/holders.ts';
import { statementTags } from '../guard/tags.ts';
import type { Pool } from '../pool/pool.ts';
import type { Server } from '../server/server.ts';
import { printable } from '../util/printable.ts';

/** The span of the application's that its statement names. W3C Trace Context. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
}

/** Times are wall clock, in ms since the epoch. */
export interface Span extends TraceParent {
  readonly parentSpanId: string;
  readonly name: 'pgsluice.wait' | 'pgsluice.transaction';
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
}

const WORD = Buffer.from('traceparent');
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})/;
/** The application records this trace; of others nobody would see a span of ours. */
const SAMPLED = 1;

/** null: the statement names none, or one that is not recorded. */
export function traceParentOf(statement: Buffer): TraceParent | null {
  // Nearly always the end of it, so it comes before anything is made of the bytes.
  if (!statement.includes(WORD)) return null;
  const [, traceId, spanId, flags] = TRACEPARENT.exec(statementTags(statement).traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return (Number.parseInt(flags, 16) & SAMPLED) === 0 ? null : { traceId, spanId };
}

/** Of the transaction that has just ended on this server. toWall: what turns a stamp of the clock into wall clock. */
export function spansOf(pool: Pool, server: Server, endedAt: number, toWall: number): Span[] {
  const { hold } = server;
  const client = clientOf(server);
  const startedAt = server.xactStartedAt;
  if (client === null || startedAt === 0 || hold.isTraced) return [];
  hold.isTraced = true;
  const parent = traceParentOf(hold.first.read().bytes);
  if (parent === null) return [];
  const span = (name: Span['name'], startAt: number, endAt: number, attributes: Span['attributes']): Span => ({
    traceId: parent.traceId,
    spanId: randomBytes(8).toString('hex'),
    parentSpanId: parent.spanId,
    name,
    startMs: startAt + toWall,
    endMs: endAt + toWall,
    attributes: {
      'db.system.name': 'postgresql',
      'db.namespace': printable(pool.database),
      'pgsluice.user': printable(pool.user),
      'pgsluice.application_name': printable(client.applicationName),
      ...attributes,
    },
  });
  const spans = [span('pgsluice.transaction', startedAt, endedAt, { 'pgsluice.backend_pid': server.backendPid })];
  const { waitedMs, since } = hold;
  // A link has one wait, and may have many transactions.
  if (waitedMs > 0) spans.unshift(span('pgsluice.wait', since - waitedMs, since, {}));
  hold.waitedMs = 0;
  return spans;
}

const nanoseconds = (ms: number) => `${Math.round(ms * 1_000)}000`;

/** OTLP/HTTP: the JSON form of ExportTraceServiceRequest. */
export function otlpRequest(spans: readonly Span[], version: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ 'service.name': 'pgsluice', 'service.version': version }) },
        scopeSpans: [{ scope: { name: 'pgsluice', version }, spans: spans.map(otlpSpan) }],
      },
    ],
  });
}

/** Postgres is at the other end of a transaction (CLIENT); a wait is nobody's but ours (INTERNAL). */
const KIND = { 'pgsluice.transaction': 3, 'pgsluice.wait': 1 } as const;

function otlpSpan({ traceId, spanId, parentSpanId, name, startMs, endMs, attributes }: Span): object {
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    kind: KIND[name],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: attributesOf(attributes),
  };
}

function attributesOf(attributes: Span['attributes']): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
  }));
}
