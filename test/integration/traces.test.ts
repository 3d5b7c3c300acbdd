// Spans of waits and transactions, below the span that the application's statement names, at a collector.
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { samplesOf, sumOf } from '../support/metrics-text.ts';
import { startCollector } from '../support/otlp-collector.ts';
import { startPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
/** A comment as sqlcommenter writes it, of a span of the application's with this number. */
const tag = (span: number, flags = '01', trace = TRACE) =>
  `/*route='%2Forders',traceparent='00-${trace}-${parent(span)}-${flags}'*/`;
const parent = (span: number) => span.toString(16).padStart(16, '0');

const open: WireClient[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

async function tracing(settings: Record<string, unknown> = {}) {
  const collector = await startCollector();
  onTestFinished(() => collector.stop());
  const pooler = await startPooler(db.current, {
    otlp_traces_endpoint: collector.url,
    default_pool_size: 1,
    ...settings,
  });
  onTestFinished(() => pooler.stop());
  const connect = async () => {
    const client = await pooler.connect({ params: { application_name: 'shop' } });
    open.push(client);
    return client;
  };
  return { collector, pooler, connect };
}

test('a transaction is a span below that of its first statement, from then to its end', async () => {
  const { collector, pooler, connect } = await tracing();
  const client = await connect();
  await client.rows('SELECT 0'); // the server is there
  const before = Date.now();
  await client.rows('BEGIN');
  await client.rows(`SELECT pg_sleep(0.1) ${tag(1)}`);
  await client.rows(`SELECT 2 ${tag(2)}`);
  await client.rows('COMMIT');
  await client.rows(`SELECT 3 ${tag(3)}`);
  const after = Date.now();
  await pooler.stop();
  expect(collector.services).toEqual(new Set(['pgsluice']));
  expect(collector.spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
    ['pgsluice.transaction', parent(1)],
    ['pgsluice.transaction', parent(3)],
  ]);
  const [first, second] = collector.spans;
  expect(first).toMatchObject({ traceId: TRACE, kind: 3, spanId: expect.stringMatching(/^[0-9a-f]{16}$/) });
  expect(first!.attributes).toMatchObject({
    'db.system.name': 'postgresql',
    'db.namespace': pooler.database,
    'pgsluice.application_name': 'shop',
    'pgsluice.backend_pid': expect.stringMatching(/^\d+$/),
  });
  expect(first!.spanId).not.toBe(second!.spanId);
  expect(first!.endMs - first!.startMs).toBeGreaterThan(99);
  expect(first!.startMs).toBeGreaterThan(before - 5);
  expect(second!.endMs).toBeLessThan(after + 5);
  expect(second!.startMs).toBeGreaterThanOrEqual(first!.endMs);
});

test('a wait is a span of its own before the transaction, and there is none without a wait', async () => {
  const { collector, pooler, connect } = await tracing();
  const holder = await connect();
  const waiting = await connect();
  await holder.rows('SELECT 0');
  await holder.rows('BEGIN');
  const rows = waiting.rows(`SELECT 1 ${tag(7)}`);
  await waitUntil(() => pooler.pool().queue.length === 1);
  await holder.rows('SELECT pg_sleep(0.1)');
  await holder.rows('COMMIT');
  await rows;
  await waiting.rows(`SELECT 2 ${tag(8)}`);
  await pooler.stop();
  expect(collector.spans.map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
    ['pgsluice.wait', parent(7)],
    ['pgsluice.transaction', parent(7)],
    ['pgsluice.transaction', parent(8)],
  ]);
  const [wait, transaction] = collector.spans;
  expect(wait!.endMs - wait!.startMs).toBeGreaterThan(95);
  expect(Math.abs(wait!.endMs - transaction!.startMs)).toBeLessThan(5);
});

test('nothing is sent of statements without a tag, of traces that are not recorded, or with tags that are none', async () => {
  const { collector, pooler, connect } = await tracing();
  const client = await connect();
  const statements = [
    'SELECT 1',
    `SELECT 2 ${tag(1, '00')}`,
    `SELECT 3 ${tag(0)}`,
    `SELECT 4 ${tag(1, '01', '0'.repeat(32))}`,
    `SELECT 'traceparent'`,
    `SELECT 5 /*traceparent='garbage'*/`,
    `SELECT 6 /*traceparent='ff-${TRACE}-${parent(1)}-01'*/`,
  ];
  for (const statement of statements) await client.rows(statement);
  await pooler.stop();
  expect(collector.spans).toEqual([]);
});

test('in a pipeline, no transaction gets the span of another', async () => {
  const { collector, pooler, connect } = await tracing();
  const client = await connect();
  client.send(build.query(`SELECT 1 ${tag(1)}`), build.query('SELECT 2'), build.query('SELECT 3'));
  for (let i = 0; i < 3; i += 1) await client.readUntil('Z');
  await client.rows(`SELECT 4 ${tag(4)}`);
  await pooler.stop();
  expect(collector.spans.map(({ parentSpanId }) => parentSpanId)).toEqual([parent(1), parent(4)]);
});

test('a collector that fails costs nothing but its spans, and is told in the log', async () => {
  const { collector, pooler, connect } = await tracing();
  collector.state.status = 503;
  const client = await connect();
  for (let i = 1; i <= 600; i += 1) await client.rows(`SELECT 1 ${tag(i)}`);
  await waitUntil(
    async () => sumOf(await samplesOf(pooler.app), 'pgsluice_spans_total', { outcome: 'failed' }) === 512,
  );
  expect(pooler.log.filter(({ msg }) => msg === 'spans were not taken')).toMatchObject([{ error: 'it answered 503' }]);
  collector.state.status = 200;
  await pooler.stop();
  expect(collector.spans.length).toBe(88);
});
