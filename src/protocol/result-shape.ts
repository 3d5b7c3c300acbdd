// What a statement takes and returns, in a form that can be compared: two servers that tell the same mean the same. Pure.

import { hash } from 'node:crypto';

/** Of a ParameterDescription: its body. */
export function parameterTypes(buffer: Buffer, start: number, end: number): string {
  return buffer.toString('latin1', start + 5, end);
}

/**
 * parameters: see above. buffer[start, end): the RowDescription, or the NoData, that followed. As Postgres compares (equalRowTypes): names, types
 * and modifiers; not the table and the format, which RowDescription tells too. Null: it can't be read.
 */
export function resultShape(parameters: string, buffer: Buffer, start: number, end: number): string | null {
  if (end - start === 5) return hash('sha256', parameters, 'base64');
  if (end - start < 7) return null;
  const count = buffer.readInt16BE(start + 5);
  const columns: string[] = [];
  let at = start + 7;
  for (let column = 0; column < count; column += 1) {
    const nameEnd = buffer.indexOf(0, at);
    if (nameEnd < 0 || nameEnd + AFTER_NAME >= end) return null;
    const type = nameEnd + 1 + 6; // behind the table's oid and the column's number
    columns.push(buffer.toString('latin1', at, nameEnd + 1), buffer.toString('latin1', type, type + 4));
    columns.push(buffer.toString('latin1', type + 6, type + 10)); // behind typlen: the modifier
    at = nameEnd + 1 + AFTER_NAME;
  }
  return at === end ? hash('sha256', `${parameters}\0${columns.join('')}`, 'base64') : null;
}

/** Table, column, type, its length, its modifier, the format. */
const AFTER_NAME = 4 + 2 + 4 + 2 + 4 + 2;
