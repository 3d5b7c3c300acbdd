// ErrorResponse and NoticeResponse, read from what a peer sent and written for a client.
import { describe, expect, it } from 'vitest';
import { errorResponse, noticeResponse, readErrorFields } from '../../../src/protocol/error-fields.ts';
import { backend, decode } from '../../support/wire-backend.ts';
import { message } from '../../support/wire-messages.ts';

const read = (bytes: Buffer) => readErrorFields(bytes, 0, bytes.length);

describe('an error of Postgres', () => {
  it('is read with its detail, hint and routine', () => {
    const bytes = backend.error({ C: '23505', M: 'doppelt: ü', D: 'd', H: 'h', R: 'r', P: '7', F: 'f.c' });
    expect(read(bytes)).toEqual({
      severity: 'ERROR',
      sqlstate: '23505',
      message: 'doppelt: ü',
      detail: 'd',
      hint: 'h',
      routine: 'r',
    });
  });

  it('is read by the severity that is never translated', () => {
    expect(read(backend.error({ S: 'SCHWERWIEGEND', V: 'FATAL' })).severity).toBe('FATAL');
    expect(read(message('E', Buffer.from('SFATAL\0C57P01\0\0'))).severity).toBe('FATAL');
  });

  it('is read where it lies between others', () => {
    const before = backend.error({ M: 'before' });
    const it = backend.error({ M: 'it', C: '00001' });
    const bytes = Buffer.concat([before, it, backend.error({ M: 'after', D: 'not its own' })]);
    expect(readErrorFields(bytes, before.length, before.length + it.length)).toEqual({
      severity: 'ERROR',
      sqlstate: '00001',
      message: 'it',
    });
  });

  it('may leave out any field', () => {
    const nothing = { severity: 'ERROR', sqlstate: 'XX000', message: 'error without a message' };
    expect(read(message('E', Buffer.from([0])))).toEqual(nothing);
    expect(read(message('E'))).toEqual(nothing);
  });

  it('may be cut short anywhere without borrowing from what follows', () => {
    const bytes = backend.error({ C: '12345', M: 'text' });
    const more = Buffer.concat([bytes, backend.error({ D: 'foreign', M: 'foreign' })]);
    for (let end = 5; end <= bytes.length; end += 1) {
      expect(JSON.stringify(readErrorFields(more, 0, end)), `cut at ${end}`).not.toContain('foreign');
    }
  });
});

describe('an error of ours', () => {
  it('says severity in both fields, and only what is there', () => {
    const { type, fields } = body(errorResponse({ severity: 'FATAL', sqlstate: '57P01', message: 'm' }));
    expect([type, fields]).toEqual(['E', { S: 'FATAL', V: 'FATAL', C: '57P01', M: 'm' }]);
  });

  it('carries detail, hint and routine, and a notice is one too', () => {
    const it = { severity: 'NOTICE', sqlstate: '00000', message: 'ü', detail: 'd', hint: 'h', routine: 'r' };
    const { type, fields } = body(noticeResponse(it));
    expect([type, fields]).toEqual(['N', { S: 'NOTICE', V: 'NOTICE', C: '00000', M: 'ü', D: 'd', H: 'h', R: 'r' }]);
    expect(read(errorResponse(it))).toEqual(it);
  });

  it('is not cut short by a zero byte in a text', () => {
    const { fields } = body(errorResponse({ severity: 'ERROR', sqlstate: 'XX000', message: 'a\0b', detail: '\0' }));
    expect(fields).toMatchObject({ M: 'a b', D: ' ' });
  });
});

function body(bytes: Buffer) {
  expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
  return decode(bytes.toString('latin1', 0, 1), bytes.subarray(5));
}
