// The first packet under any bytes and any cut, and `options` against Postgres' own way of splitting it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseOptions, type StartupPacket, StartupReader } from '../../src/protocol/startup.ts';
import { cancelRequest, gssEncRequest, sslRequest, startup } from '../support/wire-messages.ts';

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '.', '_', ' ', '='), maxLength: 8 });
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '.', '_'), minLength: 1, maxLength: 8 });

describe('any bytes', () => {
  it('never throw, and no more is kept than a packet may be long', () => {
    const raw = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const likely = fc
      .tuple(fc.integer({ min: -1, max: 40 }), fc.constantFrom(0x30000, 0x30002, 80877102, 80877103, 80877104, 1), raw)
      .map(([length, code, rest]) => {
        const head = Buffer.alloc(8);
        head.writeInt32BE(length);
        head.writeUInt32BE(code, 4);
        return Buffer.concat([head, rest]);
      });
    fc.assert(
      fc.property(fc.array(fc.oneof(raw, likely), { maxLength: 8 }), (chunks) => {
        const reader = new StartupReader();
        for (const chunk of chunks) {
          const packet = reader.push(chunk);
          if (packet === null) expect(reader.bufferedBytes).toBeLessThan(10_000);
          else if (packet.kind === 'invalid') return;
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('that trickle in are refused or are a packet before 10,000 of them are kept', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 50 }), (pattern) => {
        const reader = new StartupReader();
        let packet: StartupPacket | null = null;
        for (let i = 0; i < 10_000 && packet === null; i += 1) {
          packet = reader.push(Buffer.from([pattern[i % pattern.length]!]));
          expect(reader.bufferedBytes).toBeLessThanOrEqual(10_000);
        }
        expect(packet).not.toBeNull();
      }),
      { numRuns: 50 },
    );
  });
});

describe('a packet', () => {
  const packet = fc.oneof(
    fc.constantFrom(sslRequest(), gssEncRequest()),
    fc
      .tuple(fc.integer(), fc.uint8Array({ minLength: 4, maxLength: 256 }))
      .map(([pid, key]) => cancelRequest(pid, Buffer.from(key))),
    fc.dictionary(name, text).map((parameters) => startup(parameters)),
  );

  it('is the same wherever it is cut, and what follows is left over', () => {
    fc.assert(
      fc.property(packet, fc.uint8Array({ maxLength: 10 }), (bytes, tail) => {
        const expected = new StartupReader().push(bytes);
        expect(expected?.kind).not.toBe('invalid');
        const all = Buffer.concat([bytes, Buffer.from(tail)]);
        for (let at = 0; at <= all.length; at += 1) {
          const reader = new StartupReader();
          const first = reader.push(all.subarray(0, at));
          expect(first).toEqual(at < bytes.length ? null : expected);
          if (first === null) expect(reader.push(all.subarray(at))).toEqual(expected);
          const rest = first === null ? tail : tail.slice(0, at - bytes.length);
          expect([...reader.rest()]).toEqual([...rest]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('gives back the names and values that were put in', () => {
    fc.assert(
      fc.property(fc.dictionary(name, text), (parameters) => {
        const read = new StartupReader().push(startup(parameters));
        expect(read).toMatchObject({ kind: 'startup', parameters: new Map(Object.entries(parameters)) });
      }),
    );
  });
});

/** pg_split_opts (src/backend/utils/init/postinit.c), written down from the source, byte for byte. */
function splitOptions(text: string): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    while (at < text.length && ' \t\n\v\f\r'.includes(text[at]!)) at += 1;
    if (at === text.length) break;
    let word = '';
    let isEscaped = false;
    for (; at < text.length; at += 1) {
      if (' \t\n\v\f\r'.includes(text[at]!) && !isEscaped) break;
      if (!isEscaped && text[at] === '\\') isEscaped = true;
      else {
        isEscaped = false;
        word += text[at];
      }
    }
    words.push(word);
  }
  return words;
}

/** process_postgres_switches for the switches that set something; null where Postgres would refuse (or we do). */
function settings(words: readonly string[]): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    if (word === '--' || !/^-[-c]/.test(word)) return null;
    if (word === '-c') i += 1;
    const argument = word === '-c' ? words[i] : word.slice(2);
    const equals = argument?.indexOf('=') ?? -1;
    if (argument === undefined || equals < 1) return null;
    found[argument.slice(0, equals).replaceAll('-', '_')] = argument.slice(equals + 1);
  }
  return found;
}

describe('options', () => {
  it('are split and read as Postgres does', () => {
    const piece = fc.constantFrom(' ', '\t', '\n', '\\', '-c', '-c ', '--', '=', 'a', 'my.b', '-', '\u00a0', '\u2028');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const written = pieces.join('');
        const parsed = parseOptions(written);
        const expected = settings(splitOptions(written));
        expect(parsed.ok ? Object.fromEntries(parsed.parameters) : null).toEqual(expected);
      }),
      { numRuns: 20_000 },
    );
  });

  it('carry any value whose spaces and backslashes are escaped', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const escaped = value.replace(/[\s\\]/g, '\\$&');
        expect(parseOptions(`-c a=${escaped}`)).toEqual({ ok: true, parameters: new Map([['a', value]]) });
      }),
      { numRuns: 300 },
    );
  });
});
