// Whatever bytes come to the console, it answers or refuses them in its own words.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Answer } from '../../src/admin/answer.ts';
import { toBinary } from '../../src/admin/binary.ts';
import { parseCommand, splitStatements } from '../../src/admin/command.ts';
import { ConsoleError } from '../../src/admin/console-error.ts';
import { ExtendedQuery } from '../../src/admin/extended-query.ts';
import { ColumnType } from '../../src/protocol/writer.ts';
import { decode } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';

const ANSWER: Answer = { notices: [], rows: [['1'], [null], ['-30000']], tag: 'SHOW' };
const understand = () => ({ columns: [{ name: 'a', type: ColumnType.Numeric }], run: () => ANSWER });

/** A whole message: a right one, one that is cut or has a byte too many, or anything. */
const message = fc.oneof(
  fc.constantFrom(
    build.parse({ sql: 'SHOW a' }),
    build.parse({ name: 's', sql: 'SHOW a', types: [23] }),
    build.bind({ statement: 's', values: ['1'], resultFormats: [1] }),
    build.bind({ resultFormats: [1] }),
    build.describe('S', 's'),
    build.describe('P'),
    build.execute('', 1),
    build.execute(),
    build.close('S', 's'),
    build.flush(),
  ),
  fc
    .tuple(fc.constantFrom(...'PBDECHdcf!'), fc.uint8Array({ maxLength: 40 }))
    .map(([type, body]) => build.message(type, Buffer.from(body))),
);
const damaged = fc.tuple(message, fc.integer({ min: -8, max: 3 })).map(([bytes, change]) => {
  const body = bytes.subarray(5);
  if (change <= 0) return { type: bytes[0]!, body: body.subarray(0, Math.max(body.length + change, 0)) };
  return { type: bytes[0]!, body: Buffer.concat([body, Buffer.alloc(change)]) };
});

/** Cuts replies apart; throws when they are no messages. */
function cut(bytes: Buffer): string {
  let types = '';
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readInt32BE(at + 1);
    const type = bytes.toString('latin1', at, at + 1);
    decode(type, bytes.subarray(at + 5, at + 1 + length));
    types += type;
    at += length + 1;
  }
  return types;
}

test('any sequence of messages of the extended protocol is answered by whole messages or refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(damaged, { maxLength: 30 }), async (messages) => {
      const extended = new ExtendedQuery(understand);
      for (const { type, body } of messages) {
        try {
          expect(cut(await extended.answer(type, body))).toMatch(/^[123tTnDCIs]*$/);
        } catch (error) {
          if (!(error instanceof ConsoleError)) throw error;
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a text is a command or none, and nothing of it is lost between statements', () => {
  const text = fc.string({ unit: fc.constantFrom(...`aSET =;"' \t\n0`), maxLength: 60 });
  fc.assert(
    fc.property(text, (sql) => {
      parseCommand(sql);
      const parts = splitStatements(sql);
      const blank = (value: string) => value.replaceAll(/[;\s]/g, '');
      expect(blank(parts.join(''))).toBe(blank(sql));
    }),
    { numRuns: 5_000 },
  );
});

test('whole numbers survive the binary format of numeric', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => {
      const bytes = toBinary({ name: 'a', type: ColumnType.Numeric }, String(value));
      const [count, weight, sign, scale] = [0, 2, 4, 6].map((at) => bytes.readUInt16BE(at)) as [
        number,
        number,
        number,
        number,
      ];
      let read = 0n;
      for (let index = 0; index <= weight; index += 1)
        read = read * 10_000n + (index < count ? BigInt(bytes.readUInt16BE(8 + 2 * index)) : 0n);
      expect([sign === 0x4000 ? -read : read, scale, bytes.length]).toEqual([value, 0, 8 + 2 * count]);
    }),
  );
});
