// The frame reader under every cut: whatever pieces a stream comes in, the same messages come out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameReader, holdTable } from '../../src/protocol/frame-reader.ts';
import { message } from '../support/wire-messages.ts';

const MAX = 100_000;
const types = fc.constantFrom(...'QPBDESdcZTC');
const oneMessage = fc
  .tuple(types, fc.uint8Array({ maxLength: 60 }))
  .map(([type, body]) => message(type, Buffer.from(body)));
const stream = fc.array(oneMessage, { minLength: 1, maxLength: 12 });
const hold = fc.tuple(fc.subarray([...'QPBDESdcZTC']), fc.integer({ min: 0, max: 70 })).map(([held, max]) =>
  holdTable(
    held.map((type) => type.charCodeAt(0)),
    max,
  ),
);

/** What a reader shows, put together again; held messages must come whole. */
class Collector {
  readonly messages: Buffer[] = [];
  #parts: Buffer[] = [];

  take(reader: FrameReader, table: Uint32Array): void {
    expect(reader.first).toBe(this.#parts.length === 0);
    const piece = Buffer.from(reader.buffer.subarray(reader.start, reader.end));
    expect(piece.length).toBeGreaterThan(0);
    this.#parts.push(piece);
    if (reader.first) expect(piece.length).toBeGreaterThanOrEqual(5);
    if (reader.messageLength <= table[reader.type]!) expect([reader.first, reader.last]).toEqual([true, true]);
    expect(reader.midMessage).toBe(!reader.last);
    if (!reader.last) return;
    const whole = Buffer.concat(this.#parts);
    expect(whole).toHaveLength(reader.messageLength);
    this.messages.push(whole);
    this.#parts = [];
  }
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((n) => n % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end));
}

describe('a stream of messages', () => {
  it('is the same messages wherever it is cut once', () => {
    fc.assert(
      fc.property(fc.array(oneMessage, { minLength: 1, maxLength: 4 }), hold, (messages, table) => {
        const bytes = Buffer.concat(messages);
        for (let at = 0; at <= bytes.length; at += 1) {
          const reader = new FrameReader(table, MAX);
          const seen = new Collector();
          for (const chunk of [bytes.subarray(0, at), bytes.subarray(at)]) {
            reader.push(chunk);
            while (reader.next()) seen.take(reader, table);
          }
          expect(seen.messages).toEqual(messages);
          expect([reader.atBoundary, reader.unreadBytes, reader.error]).toEqual([true, 0, null]);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is the same messages byte by byte, and in pieces that queue up, read again and again', () => {
    const play = fc.record({
      messages: stream,
      table: hold,
      cuts: fc.oneof(fc.constant(null), fc.array(fc.nat({ max: 1000 }), { maxLength: 20 })),
      reads: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 10 }),
      again: fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }),
    });
    fc.assert(
      fc.property(play, ({ messages, table, cuts, reads, again }) => {
        const bytes = Buffer.concat(messages);
        const chunks = cuts === null ? Array.from(bytes, (byte) => Buffer.from([byte])) : cut(bytes, cuts);
        const reader = new FrameReader(table, MAX);
        const seen = new Collector();
        let calls = 0;
        const readOne = (): boolean => {
          if (!reader.next()) return false;
          calls += 1;
          if (again[calls % again.length]) {
            const unread = reader.unreadBytes;
            reader.again();
            expect(reader.unreadBytes).toBe(unread + reader.end - reader.start);
            expect(reader.next()).toBe(true);
          }
          seen.take(reader, table);
          return true;
        };
        for (const [i, chunk] of chunks.entries()) {
          reader.push(chunk);
          for (let left = reads[i % reads.length]!; left > 0 && readOne(); left -= 1);
        }
        while (readOne());
        expect(seen.messages).toEqual(messages);
        expect([reader.atBoundary, reader.unreadBytes, reader.error]).toEqual([true, 0, null]);
      }),
      { numRuns: 1000 },
    );
  });

  it('is at a boundary exactly when all pushed bytes are whole messages that were shown', () => {
    fc.assert(
      fc.property(stream, hold, (messages, table) => {
        const ends = new Set<number>();
        let length = 0;
        for (const one of messages) {
          length += one.length;
          ends.add(length);
        }
        const reader = new FrameReader(table, MAX);
        for (const [i, byte] of Buffer.concat(messages).entries()) {
          reader.push(Buffer.from([byte]));
          while (reader.next()) expect(reader.error).toBeNull();
          expect(reader.atBoundary).toBe(ends.has(i + 1));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('any bytes', () => {
  it('never throw, never loop, and are all shown or refused', () => {
    const chunks = fc.array(
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        fc.tuple(types, fc.constantFrom(-1, 0, 3, 4, 5, 30, MAX, MAX + 1, 2 ** 31 - 1)).map(([type, length]) => {
          const header = Buffer.from(`${type}0000`);
          header.writeInt32BE(length, 1);
          return header;
        }),
      ),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(chunks, hold, fc.constantFrom(4, 100, MAX), (pieces, table, max) => {
        const reader = new FrameReader(table, max);
        let pushed = 0;
        let shown = 0;
        for (const piece of pieces) {
          if (reader.error === null) pushed += piece.length;
          reader.push(piece);
          while (reader.next()) {
            shown += reader.end - reader.start;
            expect(reader.messageLength).toBeGreaterThanOrEqual(5);
            expect(reader.messageLength - 1).toBeLessThanOrEqual(max);
          }
          expect(reader.unreadBytes).toBe(0);
        }
        expect(shown).toBeLessThanOrEqual(pushed);
        if (reader.atBoundary && reader.error === null) expect(shown).toBe(pushed);
      }),
      { numRuns: 3000 },
    );
  });
});
