// What a client is told when it gets no server: the protocol's rules for an error, and when only FATAL is honest.
import { describe, expect, it } from 'vitest';
import { isExtended, type Refusal, refuseAll } from '../../../src/client/refusal.ts';
import { FrameReader, holdTable } from '../../../src/protocol/frame-reader.ts';
import { backend } from '../../support/wire-backend.ts';
import * as build from '../../support/wire-messages.ts';

const error = backend.error({ C: '53300', M: 'no server' });

function refuse(bytes: Buffer, moreOnTheWay = false): Refusal {
  const reader = new FrameReader(holdTable([], 0), 1_000_000);
  reader.push(bytes);
  return refuseAll(reader, error, moreOnTheWay);
}

/** The replies as letters. */
function replies(...messages: Buffer[]): string {
  const { replies: sent } = refuse(Buffer.concat(messages));
  for (const reply of sent) expect([error, backend.readyForQuery('I')]).toContainEqual(reply);
  return sent.map((reply) => String.fromCharCode(reply[0]!)).join('');
}

const flags = (refusal: Refusal) => ({ ...refusal, replies: refusal.replies.length });

const { query, parse, bind, execute, describe: describeIt, close, sync, flush } = build;
const select = () => query('SELECT 1');
const exchange = (sql: string) => Buffer.concat([parse({ sql }), bind(), describeIt('P'), execute(), sync()]);

describe('the replies', () => {
  it('are an error and ReadyForQuery for each query and function call', () => {
    expect(replies(select())).toBe('EZ');
    expect(replies(select(), select(), build.functionCall(1, []))).toBe('EZEZEZ');
  });

  it('are one error and one ReadyForQuery for each extended exchange', () => {
    expect(replies(exchange('SELECT 1'))).toBe('EZ');
    expect(replies(exchange('SELECT 1'), exchange('SELECT 2'), select())).toBe('EZEZEZ');
    expect(replies(close('S'), sync())).toBe('EZ');
    expect(replies(sync())).toBe('Z');
  });

  it('leave out what stands between an error and Sync', () => {
    expect(replies(parse({ sql: 'SELECT 1' }), select(), build.functionCall(1, []), sync())).toBe('EZ');
  });

  it('say nothing to Flush and to the data of a copy', () => {
    expect(replies(flush())).toBe('');
    expect(replies(query('COPY t FROM STDIN'), build.copyData('x'), build.copyDone(), select())).toBe('EZEZ');
  });

  it('to an exchange whose Sync has not come are an error, and the rest is skipped', () => {
    expect(flags(refuse(Buffer.concat([parse({ sql: 'SELECT 1' }), bind()])))).toEqual({
      replies: 1,
      skipping: true,
      isFatal: false,
      terminated: false,
    });
    expect(refuse(exchange('SELECT 1')).skipping).toBe(false);
  });

  it('end with a good-bye', () => {
    const refusal = refuse(Buffer.concat([query('BEGIN'), select(), build.terminate(), select()]));
    expect([refusal.terminated, refusal.isFatal]).toEqual([true, false]);
  });
});

describe('a refused BEGIN', () => {
  it.each([
    ['by itself', query('BEGIN'), false],
    ['with its statements in one query', query('BEGIN; UPDATE t SET a = 1; COMMIT'), false],
    ['in an exchange by itself', exchange('BEGIN'), false],
    ['with a statement behind it', Buffer.concat([query('BEGIN'), query('UPDATE t SET a = 1')]), true],
    ['with an exchange behind it', Buffer.concat([exchange('BEGIN'), exchange('UPDATE t SET a = 1')]), true],
    ['in an exchange without Sync', Buffer.concat([parse({ sql: 'BEGIN' }), bind(), execute()]), true],
    ['written otherwise', Buffer.concat([query('start  transaction'), select()]), true],
    ['behind a comment', Buffer.concat([query('/* x */ Begin'), select()]), true],
    ['behind others', Buffer.concat([select(), query('SELECT 1;BEGIN'), select()]), true],
    ['and half a message', Buffer.concat([query('BEGIN'), query('UPDATE').subarray(0, 8)]), true],
    ['prepared earlier', Buffer.concat([bind({ statement: 'b' }), execute(), sync(), select()]), true],
  ])('%s is fatal only where more may follow', (_, bytes, isFatal) => {
    expect(refuse(bytes).isFatal).toBe(isFatal);
  });

  it('is fatal when the client sends so much that it is not read any more', () => {
    expect(refuse(query('BEGIN'), true).isFatal).toBe(true);
    expect(refuse(select(), true).isFatal).toBe(false);
  });

  it('is not suspected where nothing opens a transaction', () => {
    for (const sql of ['SELECT 1', 'SELECT beginning, restart FROM t', 'COMMIT', '']) {
      expect(refuse(Buffer.concat([query(sql), exchange(sql), query(sql)])).isFatal, sql).toBe(false);
    }
    expect(refuse(Buffer.concat([exchange('SELECT 1'), parse({ sql: 'SELECT 1' })])).isFatal).toBe(false);
  });

  it('is suspected in a statement that has not been read whole', () => {
    const cut = query(`SELECT ${'x'.repeat(100)}`).subarray(0, 50);
    expect(refuse(Buffer.concat([select(), cut])).isFatal).toBe(true);
    const cutBind = bind({ portal: 'x'.repeat(100) }).subarray(0, 50);
    expect(refuse(cutBind).isFatal).toBe(true);
  });
});

it('a broken length ends the reading', () => {
  const reader = new FrameReader(holdTable([], 0), 100);
  reader.push(Buffer.concat([select(), build.messageWithLength('Q', 3)]));
  expect(refuseAll(reader, error, false).replies).toHaveLength(2);
  expect(reader.error).not.toBeNull();
});

it('Parse, Bind, Describe, Execute and Close make an extended exchange', () => {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  expect([...letters].filter((letter) => isExtended(letter.charCodeAt(0))).join('')).toBe('BCDEP');
});
