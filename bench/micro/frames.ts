// The scanner of messages, as both sides use it: push a chunk, and go through what lies in it.
import { makeRelayTables } from '../../src/client/relay-tables.ts';
import { FrameReader } from '../../src/protocol/frame-reader.ts';
import { backend } from '../../test/support/wire-backend.ts';
import { message, query } from '../../test/support/wire-messages.ts';
import { type Case, type Group, sink } from './case.ts';

const MEGABYTE = 2 ** 20;
const CHUNK = 65_536;

function times(one: Buffer, count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => one));
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length]!;
    // Copies: each chunk of a socket is a buffer of its own.
    pieces.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return pieces;
}

/** per: messages, or megabytes. Each run ends between two messages. */
function reading(name: string, per: number, chunks: readonly Buffer[]): Case {
  const { hold, heads } = makeRelayTables(65_536);
  const reader = new FrameReader(hold, 2 ** 30);
  reader.setHold(hold, heads);
  const run = () => {
    let bytes = 0;
    for (const chunk of chunks) {
      reader.push(chunk);
      while (reader.next()) bytes += reader.end - reader.start;
    }
    if (reader.error !== null) throw new Error(reader.error);
    sink.value = bytes;
  };
  return { name, per, run };
}

export const frames: Group = {
  name: 'the scanner of messages',
  open: async () => {
    const select = query('SELECT abalance FROM pgbench_accounts WHERE aid = 12345');
    const row = backend.dataRow(['12345', 'a name', null, '2026-01-31 23:59:59']);
    const rows = times(row, 1_000);
    const large = Array.from({ length: 16 }, () => message('d', Buffer.alloc(MEGABYTE - 5)));
    return {
      cases: [
        reading(
          'a statement, alone in its chunk',
          100,
          Array.from({ length: 100 }, () => select),
        ),
        reading('a statement, cut in its header', 100, cut(times(select, 100), [3, select.length - 3])),
        reading('a statement, cut in its text: it is gathered', 100, cut(times(select, 100), [20, select.length - 20])),
        reading('a row among those of one chunk', 1_000, [rows]),
        reading('a row, chunks of 1,000 bytes', 1_000, cut(rows, [1_000])),
        reading('a row, cut at odd places', 1_000, cut(rows, [7, 13, 1, 101, 3])),
        reading('a megabyte of one message, chunks of 64 kB', 16, cut(Buffer.concat(large), [CHUNK])),
      ],
    };
  },
};
