// Reads the small files that a configuration names, with a bound, and never throws.
import { closeSync, openSync, readSync } from 'node:fs';
import { Fault } from './kinds.ts';

/** The text of a file of at most `maxBytes` of UTF-8, or why not: "cannot be read: ENOENT". */
export function readTextFile(path: string, maxBytes: number): string | Fault {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    return new Fault(`cannot be read: ${codeOf(error)}`);
  }
  try {
    // Not by the size that the system tells: it is 0 for what is no plain file.
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.alloc(65_536);
      const length = readSync(fd, chunk, 0, chunk.length, null);
      if (length === 0) break;
      total += length;
      if (total > maxBytes) return new Fault(`is larger than ${maxBytes} bytes`);
      chunks.push(chunk.subarray(0, length));
    }
    return decode(Buffer.concat(chunks));
  } catch (error) {
    return new Fault(`cannot be read: ${codeOf(error)}`);
  } finally {
    closeSync(fd);
  }
}

function decode(bytes: Buffer): string | Fault {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new Fault('is not UTF-8');
  }
}

/** ENOENT, EACCES and their kind; the message of the system would repeat the path. */
function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
