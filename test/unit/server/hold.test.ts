// What is kept of a client's statements while it holds a server.
import { describe, expect, it } from 'vitest';
import { Hold, NOTED_BYTES } from '../../../src/server/hold.ts';

function noted(...texts: string[]): Hold {
  const hold = new Hold();
  hold.begin(1);
  for (const text of texts) note(hold, text);
  return hold;
}

function note(hold: Hold, text: string): void {
  const bytes = Buffer.from(`Q1234${text}\0`);
  hold.note(bytes, 5, bytes.length, bytes.length - 6);
}

const read = (hold: Hold) => [hold.first, hold.last].map((one) => String(one.read().bytes));

describe('the statement that tells the kind of a transaction', () => {
  it.each([
    ['BEGIN', 'SELECT 1'],
    ['begin transaction isolation level serializable read only;', 'SELECT 1'],
    ['\n START  TRANSACTION', 'SELECT 1'],
  ])('is the one behind %s', (...texts) => {
    expect(read(noted(...texts))).toEqual(['SELECT 1', 'SELECT 1']);
  });

  it.each(['SELECT 1', 'BEGIN; SELECT 1', 'SAVEPOINT a', 'beginning', 'SELECT 2 -- begin'])('is %s itself', (text) => {
    expect(read(noted(text, 'SELECT 9'))).toEqual([text, 'SELECT 9']);
  });

  it('stays while others follow, until the next transaction', () => {
    const hold = noted('BEGIN', 'SELECT 1', 'SELECT 22', 'SELECT 333');
    expect(read(hold)).toEqual(['SELECT 1', 'SELECT 333']);
    hold.beginTransaction();
    note(hold, 'SELECT 4444');
    expect(read(hold)).toEqual(['SELECT 4444', 'SELECT 4444']);
  });
});

describe('a note', () => {
  it('is a copy of the first bytes, and knows how long the statement is', () => {
    const bytes = Buffer.from('x'.repeat(5000));
    const hold = new Hold();
    hold.begin(1);
    hold.note(bytes, 0, bytes.length, 9000);
    bytes.fill('y');
    const { bytes: kept, totalLength } = hold.last.read();
    expect([kept.length, totalLength, String(kept.subarray(0, 3))]).toEqual([NOTED_BYTES, 9000, 'xxx']);
  });

  it('ends at the zero byte, behind which types of parameters stand', () => {
    const hold = new Hold();
    hold.begin(1);
    hold.noteShared(Buffer.from('SELECT $1\0\0\x01\0\0\0\x17', 'latin1'));
    expect(hold.last.read()).toEqual({ bytes: Buffer.from('SELECT $1'), totalLength: 9 });
  });

  it('of nobody is empty', () => {
    const hold = noted('SELECT 1');
    hold.begin(2);
    expect([read(hold), hold.statements, hold.bytes]).toEqual([['', ''], 0, 0]);
  });
});
