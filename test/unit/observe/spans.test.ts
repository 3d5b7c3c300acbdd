// What is read of a statement's traceparent, and the JSON that a collector gets.
import { expect, test } from 'vitest';
import { otlpRequest, type Span, traceParentOf } from '../../../src/observe/spans.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const read = (traceparent: string) => traceParentOf(Buffer.from(`SELECT 1 /*traceparent='${traceparent}'*/`));

test.each([
  `00-${TRACE}-${SPAN}-01`,
  `00-${TRACE}-${SPAN}-03`,
  // A version of tomorrow may have more behind it.
  `01-${TRACE}-${SPAN}-01-what-comes`,
])('%s names a span', (traceparent) => {
  expect(read(traceparent)).toEqual({ traceId: TRACE, spanId: SPAN });
});

test.each([
  '',
  'garbage',
  `00-${TRACE}-${SPAN}-00`,
  `00-${TRACE}-${SPAN}-02`,
  `00-${TRACE}-${SPAN}`,
  `00-${'0'.repeat(32)}-${SPAN}-01`,
  `00-${TRACE}-${'0'.repeat(16)}-01`,
  `ff-${TRACE}-${SPAN}-01`,
  `00-${TRACE.toUpperCase()}-${SPAN}-01`,
  `00-${TRACE.slice(1)}-${SPAN}-01`,
])('"%s" names none', (traceparent) => {
  expect(read(traceparent)).toBeNull();
});

test('the word alone, or nothing, names none', () => {
  for (const sql of ['', "SELECT 'traceparent'", '/*traceparent*/', "traceparent='"])
    expect(traceParentOf(Buffer.from(sql))).toBeNull();
});

test('the request is what OTLP/HTTP takes as JSON: ids in hex, times as text of nanoseconds', () => {
  const span: Span = {
    traceId: TRACE,
    spanId: '0102030405060708',
    parentSpanId: SPAN,
    name: 'pgsluice.transaction',
    startMs: 1_764_000_000_000.125,
    endMs: 1_764_000_000_001.5,
    attributes: { 'db.namespace': 'a "b"\n', 'pgsluice.backend_pid': 7 },
  };
  expect(JSON.parse(otlpRequest([span], '1.2.3'))).toEqual({
    resourceSpans: [
      {
        resource: {
          attributes: [
            { key: 'service.name', value: { stringValue: 'pgsluice' } },
            { key: 'service.version', value: { stringValue: '1.2.3' } },
          ],
        },
        scopeSpans: [
          {
            scope: { name: 'pgsluice', version: '1.2.3' },
            spans: [
              {
                traceId: TRACE,
                spanId: '0102030405060708',
                parentSpanId: SPAN,
                name: 'pgsluice.transaction',
                kind: 3,
                startTimeUnixNano: '1764000000000125000',
                endTimeUnixNano: '1764000000001500000',
                attributes: [
                  { key: 'db.namespace', value: { stringValue: 'a "b"\n' } },
                  { key: 'pgsluice.backend_pid', value: { intValue: '7' } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });
});
