// Time limits on both sides: what the doctor objects to, and that the line it proposes repairs it.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { durationBelow, identifier } from '../../../src/doctor/change.ts';
import { findingsOf } from '../../../src/doctor/rules/all.ts';
import { factsOf } from './facts.ts';

const findings = (ours: string, values: Record<string, string> = {}) =>
  findingsOf(factsOf({ yaml: `${ours}\ndatabases: { a: { host: db } }\nusers: { u: { password: x } }\n`, values }));

const pairs = [
  ['statement_timeout', 'query_timeout'],
  ['idle_in_transaction_session_timeout', 'idle_transaction_timeout'],
  ['idle_session_timeout', 'server_idle_timeout'],
  ['transaction_timeout', 'transaction_timeout'],
] as const;

describe('the order of', () => {
  it.each(pairs)('%s and %s: the line that is proposed ends the objection', (theirs, ours) => {
    const limit = fc.oneof(
      fc.constant(0),
      fc.integer({ min: 3, max: 5_000 }),
      fc.integer({ min: 5_000, max: 86_400_000 }),
    );
    fc.assert(
      fc.property(limit, limit, fc.integer({ min: 0, max: 3 }), (their, our, kept) => {
        const lines = (line: string) => `${line}\nmin_pool_size: ${kept}`;
        const about = (found: ReturnType<typeof findings>) => found.filter(({ fact }) => fact.startsWith(theirs));
        const [found, ...more] = about(findings(lines(`${ours}: ${our}ms`), { [theirs]: String(their) }));
        expect(more).toEqual([]);
        if (found === undefined) return;
        expect(found.severity).toBe('warning');
        const isOurs = found.change.startsWith(ours);
        const repaired = isOurs ? found.change : `${ours}: ${our}ms`;
        expect(about(findings(lines(repaired), { [theirs]: isOurs ? String(their) : '0' }))).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  test('the gentler one comes first: statements end in Postgres, transactions and servers with us', () => {
    const rules = (ours: string, values: Record<string, string>) => findings(ours, values).map(({ rule }) => rule);
    expect(rules('query_timeout: 30s', { statement_timeout: '29000' })).toEqual([]);
    expect(rules('query_timeout: 30s', { statement_timeout: '30000' })).toEqual(['statement-timeout-order']);
    expect(rules('transaction_timeout: 29s', { transaction_timeout: '30000' })).toEqual([]);
    expect(rules('transaction_timeout: 30s', { transaction_timeout: '30000' })).toEqual(['transaction-timeout-order']);
  });
});

test('a limit that is off is the leave of the application to hold a server for ever, and only then', () => {
  const rules = (ours: string, values = {}) => findings(ours, values).map(({ rule }) => rule);
  expect(rules('idle_transaction_timeout: 0\nguard: false')).toEqual(['no-idle-transaction-limit']);
  expect(rules('idle_transaction_timeout: 0\nleak_reclaim: never')).toEqual(['no-idle-transaction-limit']);
  expect(rules('idle_transaction_timeout: 0')).toEqual([]);
  expect(rules('guard: false')).toEqual([]);
});

test('a statement whose pgsluice was killed is noticed by one of two limits, or told of', () => {
  const rules = (values: Record<string, string>) => findings('', values).map(({ rule }) => rule);
  expect(rules({ client_connection_check_interval: '0' })).toEqual(['lost-client-not-noticed']);
  expect(rules({ client_connection_check_interval: '0', statement_timeout: '60000' })).toEqual([]);
});

test('durations and names are written as the other side reads them', () => {
  expect([0.2, 7.9, 999, 1_000, 1_999, 61_000].map(durationBelow)).toEqual([
    '1ms',
    '7ms',
    '999ms',
    '1s',
    '1.9s',
    '61s',
  ]);
  expect(['web', 'My-App', 'a"b'].map(identifier)).toEqual(['web', '"My-App"', '"a""b"']);
});
