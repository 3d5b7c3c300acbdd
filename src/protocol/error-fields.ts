// ErrorResponse and NoticeResponse: their fields, read and written. "Error and Notice Message Fields" in the protocol.

import { Backend } from './message-types.ts';
import { message } from './writer.ts';

export interface ErrorFields {
  readonly severity: string;
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Field R: the routine of Postgres that raised it. */
  readonly routine?: string;
}

/**
 * The fields of a whole ErrorResponse or NoticeResponse at buffer[start, end), header included. A peer may leave out
 * any of them (CVE-2026-6666: an error without SQLSTATE), so each has a default: XX000 for the code.
 */
export function readErrorFields(buffer: Buffer, start: number, end: number): ErrorFields {
  const fields = new Map<string, string>();
  let at = start + 5;
  while (at < end && buffer[at] !== 0) {
    const code = String.fromCharCode(buffer[at]!);
    const valueEnd = buffer.indexOf(0, at + 1);
    if (valueEnd < 0 || valueEnd >= end) break;
    fields.set(code, buffer.toString('utf8', at + 1, valueEnd));
    at = valueEnd + 1;
  }
  const detail = fields.get('D');
  const hint = fields.get('H');
  const routine = fields.get('R');
  return {
    severity: fields.get('V') ?? fields.get('S') ?? 'ERROR',
    sqlstate: fields.get('C') ?? 'XX000',
    message: fields.get('M') ?? 'error without a message',
    ...(detail !== undefined && { detail }),
    ...(hint !== undefined && { hint }),
    ...(routine !== undefined && { routine }),
  };
}

function encode(type: number, fields: ErrorFields): Buffer {
  const parts: [string, string | undefined][] = [
    ['S', fields.severity],
    ['V', fields.severity],
    ['C', fields.sqlstate],
    ['M', fields.message],
    ['D', fields.detail],
    ['H', fields.hint],
    ['R', fields.routine],
  ];
  const text = parts
    .filter((part): part is [string, string] => part[1] !== undefined)
    .map(([code, value]) => `${code}${value.replaceAll('\0', ' ')}\0`)
    .join('');
  return message(type, Buffer.from(`${text}\0`, 'utf8'));
}

export function errorResponse(fields: ErrorFields): Buffer {
  return encode(Backend.ErrorResponse, fields);
}

export function noticeResponse(fields: ErrorFields): Buffer {
  return encode(Backend.NoticeResponse, fields);
}
