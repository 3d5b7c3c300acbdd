// Where messages begin and end: what the cursor shows of whole, cut, held and broken messages.
import { describe, expect, it } from 'vitest';
import { FrameReader, holdEverything, holdTable } from '../../../src/protocol/frame-reader.ts';
import { copyData, message, messageWithLength, parse, query, sync } from '../../support/wire-messages.ts';

const MAX = 1_000_000;
const Q = 'Q'.charCodeAt(0);

function reader(chunks: readonly Buffer[] = [], hold = holdTable([], 0), max = MAX): FrameReader {
  const it = new FrameReader(hold, max);
  for (const chunk of chunks) it.push(chunk);
  return it;
}

interface Fragment {
  type: string;
  text: string;
  part: 'whole' | 'first' | 'middle' | 'last';
}

function fragment({ type, buffer, start, end, first, last }: FrameReader): Fragment {
  const part = first ? (last ? 'whole' : 'first') : last ? 'last' : 'middle';
  return { type: String.fromCharCode(type), text: buffer.toString('latin1', start, end), part };
}

function read(it: FrameReader): Fragment[] {
  const fragments: Fragment[] = [];
  while (it.next()) fragments.push(fragment(it));
  return fragments;
}

const text = (bytes: Buffer) => bytes.toString('latin1');

describe('messages that lie whole in a chunk', () => {
  it('are shown one by one, where they lie', () => {
    const chunk = Buffer.concat([query('one'), sync(), parse({ sql: 'two' })]);
    const it = reader([chunk]);
    expect(it.next()).toBe(true);
    expect(it.buffer).toBe(chunk);
    expect([it.start, it.end, it.messageLength]).toEqual([0, 9, 9]);
    expect(it.next()).toBe(true);
    expect([it.start, it.end, it.messageLength]).toEqual([9, 14, 5]);
    expect(read(it)).toEqual([{ type: 'P', text: text(parse({ sql: 'two' })), part: 'whole' }]);
    expect(it.atBoundary).toBe(true);
  });

  it('are not copied, even where the table holds them', () => {
    const chunk = query('one');
    const it = reader([chunk], holdEverything(100));
    it.next();
    expect(it.buffer).toBe(chunk);
  });

  it('keep their order over chunks that were pushed ahead, and empty ones are nothing', () => {
    const it = reader([query('1'), Buffer.alloc(0), query('2'), query('3')]);
    expect(read(it).map((one) => one.text)).toEqual([query('1'), query('2'), query('3')].map(text));
  });
});

describe('a message that is cut', () => {
  const whole = copyData('0123456789');

  it('is shown in the pieces that it came in', () => {
    const it = reader([whole.subarray(0, 7), whole.subarray(7, 9), whole.subarray(9)]);
    expect(read(it)).toEqual([
      { type: 'd', text: text(whole.subarray(0, 7)), part: 'first' },
      { type: 'd', text: '23', part: 'middle' },
      { type: 'd', text: '456789', part: 'last' },
    ]);
  });

  it('within its header has the whole header as its first piece', () => {
    const it = reader([whole.subarray(0, 2), whole.subarray(2, 4), whole.subarray(4)]);
    expect(read(it)).toEqual([
      { type: 'd', text: text(whole.subarray(0, 5)), part: 'first' },
      { type: 'd', text: '0123456789', part: 'last' },
    ]);
    expect(read(reader([sync().subarray(0, 3), sync().subarray(3)]))).toEqual([
      { type: 'S', text: text(sync()), part: 'whole' },
    ]);
  });

  it('stands in the middle of a message until its last piece was shown', () => {
    const it = reader([whole.subarray(0, 7)]);
    expect([it.atBoundary, it.midMessage]).toEqual([false, false]);
    it.next();
    expect([it.atBoundary, it.midMessage, it.messageLength]).toEqual([false, true, whole.length]);
    expect(it.next()).toBe(false);
    it.push(whole.subarray(7));
    expect(it.next()).toBe(true);
    expect([it.atBoundary, it.midMessage, it.last]).toEqual([true, false, true]);
  });

  it('is not between messages while its header is half read', () => {
    const it = reader([Buffer.concat([sync(), whole.subarray(0, 3)])]);
    expect(read(it)).toHaveLength(1);
    expect([it.atBoundary, it.midMessage]).toEqual([false, false]);
  });

  it('may be longer than anything that is kept: each piece is gone once it was shown', () => {
    const it = reader([messageWithLength('d', 900_004, Buffer.alloc(100))]);
    let seen = 0;
    for (let sent = 100; sent <= 900_000; sent += 100) {
      while (it.next()) seen += it.end - it.start;
      expect(it.unreadBytes).toBe(0);
      it.push(Buffer.alloc(100));
    }
    expect(seen).toBe(900_005);
    expect(it.midMessage).toBe(false);
  });
});

describe('a held type', () => {
  const table = () => holdTable([Q], 20);

  it('is gathered until it is whole', () => {
    const it = reader([], table());
    for (const byte of query('0123456789')) {
      expect(it.next()).toBe(false);
      expect(it.midMessage).toBe(false);
      it.push(Buffer.from([byte]));
    }
    expect(read(it)).toEqual([{ type: 'Q', text: text(query('0123456789')), part: 'whole' }]);
  });

  it('is held up to the size given, header included', () => {
    for (const [length, part] of [
      [14, 'whole'],
      [15, 'first'],
    ] as const) {
      for (const cut of [3, 5, 7]) {
        const bytes = query('x'.repeat(length));
        const it = reader([bytes.subarray(0, cut), bytes.subarray(cut)], table());
        expect(read(it)[0]!.part, `${length} cut at ${cut}`).toBe(part);
      }
    }
  });

  it('leaves other types alone', () => {
    const bytes = copyData('0123');
    expect(read(reader([bytes.subarray(0, 6), bytes.subarray(6)], table()))[0]!.part).toBe('first');
  });

  it('may be changed for the messages that begin from then on', () => {
    const bytes = query('0123');
    const it = reader([bytes.subarray(0, 6)], table());
    expect(it.next()).toBe(false);
    it.setHold(holdTable([], 0));
    it.push(bytes.subarray(6));
    it.push(bytes.subarray(0, 6));
    expect(read(it).map((one) => one.part)).toEqual(['whole', 'first']);
  });
});

describe('again()', () => {
  it('shows a fragment once more, and counts it as unread until then', () => {
    const it = reader([Buffer.concat([query('1'), sync()])]);
    it.next();
    it.again();
    expect([it.unreadBytes, it.atBoundary]).toEqual([12, false]);
    expect(read(it).map((one) => one.type)).toEqual(['Q', 'S']);
    expect([it.unreadBytes, it.atBoundary]).toEqual([0, true]);
  });

  it('keeps what is pushed meanwhile behind it', () => {
    const it = reader([query('1')]);
    it.next();
    it.again();
    for (let i = 0; i < 500; i += 1) it.push(sync());
    expect(it.unreadBytes).toBe(7 + 500 * 5);
    const fragments = read(it);
    expect(fragments[0]).toEqual({ type: 'Q', text: text(query('1')), part: 'whole' });
    expect(fragments.slice(1).map((one) => one.text)).toEqual(Array(500).fill(text(sync())));
    expect([it.unreadBytes, it.atBoundary]).toEqual([0, true]);
  });
});

describe('a look ahead at the end of what is unread', () => {
  it('is true for the last bytes of the last chunk only', () => {
    const it = reader([query('1')]);
    expect(it.endsUnreadWith(sync())).toBe(false);
    it.push(Buffer.concat([query('2'), sync()]));
    expect(it.endsUnreadWith(sync())).toBe(true);
    read(it);
    expect(it.endsUnreadWith(sync())).toBe(false);
  });
});

describe('a length that can not be', () => {
  it.each([
    ['-1', -1],
    ['0', 0],
    ['3', 3],
    ['2^31', 2 ** 31],
    ['one more than the limit', MAX + 1],
  ])('of %s ends the stream, whole or cut', (_, length) => {
    const bytes = messageWithLength('Q', length, Buffer.alloc(10));
    for (const chunks of [[bytes], [bytes.subarray(0, 3), bytes.subarray(3)]]) {
      const it = reader([sync(), ...chunks, sync()], holdEverything(100));
      expect(read(it).map((one) => one.type)).toEqual(['S']);
      expect(it.error).toContain('invalid message length');
      expect(it.error).toContain('0x51');
      it.push(sync());
      expect([it.next(), it.unreadBytes]).toEqual([false, 0]);
    }
  });

  it('is told from the largest and the smallest that may be', () => {
    const it = reader([messageWithLength('d', MAX), message('S')]);
    it.next();
    expect([it.error, it.messageLength, it.midMessage]).toEqual([null, MAX + 1, true]);
    expect(read(reader([messageWithLength('S', 4)]))).toHaveLength(1);
    expect(reader([messageWithLength('d', 2 ** 31 - 1)], holdTable([], 0), 2 ** 31 - 1).next()).toBe(true);
  });
});
