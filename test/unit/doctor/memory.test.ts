// What memory the doctor thinks a process needs: near what was measured, more with TLS, and never a proposal that it would object to.
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { Finding } from '../../../src/doctor/finding.ts';
import { findingsOf } from '../../../src/doctor/rules/all.ts';
import { factsOf } from './facts.ts';

const MB = 1024 * 1024;

function memory(lines: string, megabytes: number, isEncrypted = false): Finding | undefined {
  const facts = factsOf({
    yaml: `${lines}\ndatabases: { a: { host: db } }\nusers: { u: { password: x } }\n`,
    session: { isEncrypted },
    host: { memory: megabytes * MB, openFiles: null },
  });
  return findingsOf(facts).find(({ rule }) => rule.startsWith('memory'));
}

const neededFor = (lines: string) => Number(/= about (\d+) MB/.exec(memory(lines, 1)!.fact)![1]);
const TLS = 'client_tls_sslmode: allow\nclient_tls_cert_file: a.crt\nclient_tls_key_file: a.key';

describe('what is needed', () => {
  // bench/pod-size.ts: busy at 500 transactions/s; bench/idle-clients.ts for 6,000 and 10,000, over its base.
  it.each([
    ['100 clients at work', 'max_client_conn: 100', 121, 1.15],
    ['1,000 clients at work', 'max_client_conn: 1000', 134, 1.15],
    ['1,000 encrypted clients at work', `max_client_conn: 1000\n${TLS}`, 181, 1.15],
    ['6,000 encrypted clients', `max_client_conn: 6000\n${TLS}`, 107 + 330, 1.25],
    // Those were idle.
    ['10,000 clients', 'max_client_conn: 10000', 107 + 72, 1.65],
  ])('by %s is at least what was measured, and not much more', (_name, lines, measured, factor) => {
    expect(neededFor(lines)).toBeGreaterThanOrEqual(measured);
    expect(neededFor(lines)).toBeLessThanOrEqual(measured * factor);
  });

  test('grows with servers that are encrypted', () => {
    expect(memory('', 128, true)?.fact).toContain('+ 20 encrypted servers x 50 kB +');
    expect(memory('', 128)?.fact).not.toContain('encrypted');
  });
});

test('a container as in our manifests is large enough, statements and all', () => {
  expect(memory('max_client_conn: 1000', 256)).toBeUndefined();
});

test('memory that is enough for clients and not for the texts that may come is a note', () => {
  expect(memory('max_client_conn: 1000', 160)).toMatchObject({
    rule: 'memory-of-statements',
    severity: 'note',
    fact: expect.stringMatching(/= about 145 MB, and up to 64 MB .*; the container may have 160 MB$/),
  });
});

test('what is proposed is enough', () => {
  const clients = fc.integer({ min: 10, max: 100_000 });
  fc.assert(
    fc.property(clients, fc.integer({ min: 8, max: 2_000 }), fc.boolean(), (count, megabytes, isEncrypted) => {
      const lines = (many: number) => `max_client_conn: ${many}\n${isEncrypted ? TLS : ''}`;
      const found = memory(lines(count), megabytes);
      if (found === undefined) return;
      const fewer = /^max_client_conn: (\d+)/.exec(found.change)?.[1];
      const more = Number(/memory: (\d+)Mi/.exec(found.change)![1]);
      if (fewer !== undefined) expect(memory(lines(Number(fewer)), megabytes)?.severity).not.toBe('warning');
      expect(memory(lines(count), more)?.severity).not.toBe('warning');
      if (found.severity === 'note') expect(memory(lines(count), more)).toBeUndefined();
    }),
    { numRuns: 100 },
  );
});
