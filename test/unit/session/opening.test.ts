// Which messages only open a transaction: one too many would run in the session of another client.
import { expect, test } from 'vitest';
import { FrameReader, holdEverything } from '../../../src/protocol/frame-reader.ts';
import { onlyOpensTransaction } from '../../../src/session/opening.ts';
import * as build from '../../support/wire-messages.ts';

function opens(bytes: Buffer): boolean {
  const reader = new FrameReader(holdEverything(65_536), 1_000_000);
  reader.push(bytes);
  reader.next();
  return onlyOpensTransaction(reader);
}

test.for([
  'BEGIN',
  'begin;',
  ' \n\tBegin ; ',
  'BEGIN WORK',
  'BEGIN TRANSACTION READ ONLY',
  'START TRANSACTION',
  'start\ntransaction isolation level serializable, read only, deferrable;',
  'BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE NOT DEFERRABLE',
  'BEGIN ISOLATION  LEVEL READ COMMITTED',
])('%j only opens a transaction', (sql) => {
  expect(opens(build.query(sql))).toBe(true);
});

test.for([
  '',
  'START',
  'BEGINNING',
  'BEGIN; SELECT 1',
  'BEGIN;;',
  'BEGIN -- tenant()',
  'BEGIN /* */',
  'BEGIN READ ONLY,',
  'BEGIN , READ ONLY',
  'BEGINREAD ONLY',
  'BEGIN WORKREAD ONLY',
  'BEGIN READ ONLY; COMMIT',
  'BEGIN ISOLATION LEVEL SNAPSHOT',
  'COMMIT; BEGIN',
  'BEGIN\u00a0READ ONLY',
  `BEGIN${' '.repeat(300)}`,
  'SELECT 1',
])('%j is more, or something else', (sql) => {
  expect(opens(build.query(sql))).toBe(false);
});

test('a Parse of BEGIN, and a Query without an end, are something else', () => {
  expect(opens(build.parse({ sql: 'BEGIN' }))).toBe(false);
  expect(opens(Buffer.concat([Buffer.from('Q\0\0\0\x09', 'latin1'), Buffer.from('BEGIN')]))).toBe(false);
});
