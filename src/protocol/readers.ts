// Reads the few bodies of messages that pooling has to understand.

/** Longer ones can't be what is looked for. */
const MAX_VALUE = 127;

/** The short values of a whole Bind at buffer[start, end), as text; null when it is malformed. */
export function readBindValues(buffer: Buffer, start: number, end: number): string[] | null {
  const portalEnd = buffer.indexOf(0, start + 5);
  if (portalEnd < 0) return null;
  const statementEnd = buffer.indexOf(0, portalEnd + 1);
  if (statementEnd < 0 || statementEnd + 3 > end) return null;
  let at = statementEnd + 3 + 2 * buffer.readUInt16BE(statementEnd + 1);
  if (at + 2 > end) return null;
  const count = buffer.readUInt16BE(at);
  at += 2;
  const values: string[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > end) return null;
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < 0) continue;
    if (at + length > end) return null;
    if (length <= MAX_VALUE) values.push(buffer.toString('utf8', at, at + length));
    at += length;
  }
  return values;
}

/** The columns of a whole DataRow at buffer[start, end), as text; null when it is malformed. */
export function readDataRow(buffer: Buffer, start: number, end: number): (string | null)[] | null {
  let at = start + 7;
  if (at > end) return null;
  const count = buffer.readUInt16BE(start + 5);
  const columns: (string | null)[] = [];
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > end) return null;
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < -1 || at + length > end) return null;
    columns.push(length < 0 ? null : buffer.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return columns;
}
