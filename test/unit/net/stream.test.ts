// The stream over real sockets: writes in batches, backpressure as a fact, and every way in which a connection ends.
import { once } from 'node:events';
import { Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Stream } from '../../../src/net/stream.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { Diary, pair } from './pair.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** All that the peer gets until the other side ends. */
async function readAll(peer: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  peer.on('data', (chunk: Buffer) => chunks.push(chunk));
  peer.resume();
  if (!peer.readableEnded) await once(peer, 'end');
  return Buffer.concat(chunks).toString();
}

const bytes = (text: string) => Buffer.from(text);
const MEGABYTE = Buffer.alloc(1_048_576, 'x');

/** Writes until the system takes no more. */
function fill(stream: Stream): number {
  let written = 0;
  for (; !stream.isFull; written += MEGABYTE.length) stream.write(MEGABYTE);
  return written;
}

describe('a batch', () => {
  it('of neighbouring slices is one write of one slice', async () => {
    const { stream, socket, peer } = await pair();
    const write = vi.spyOn(socket, 'write');
    const chunk = bytes('0123456789');
    stream.relay(chunk, 2, 4);
    stream.relay(chunk, 4, 5);
    stream.relay(chunk, 5, 8);
    expect(write).not.toHaveBeenCalled();
    stream.flush();
    expect(write.mock.calls.map(([slice]) => String(slice))).toEqual(['234567']);
    stream.end(null);
    expect(await readAll(peer)).toBe('234567');
  });

  it('that is a whole chunk is written as it came', async () => {
    const { stream, socket } = await pair();
    const write = vi.spyOn(socket, 'write');
    const chunk = bytes('0123');
    stream.relay(chunk, 0, 4);
    stream.flush();
    expect(write.mock.calls[0]![0]).toBe(chunk);
  });

  it('of short slices that lie apart is one write of one slice, in order', async () => {
    const { stream, socket, peer } = await pair();
    const write = vi.spyOn(socket, 'write');
    const [one, two] = [bytes('0123456789'), bytes('abc')];
    stream.relay(one, 0, 2);
    stream.relay(one, 5, 6);
    stream.relay(two, 0, 3);
    stream.relay(one, 6, 7);
    stream.flush();
    expect(write.mock.calls.map(([slice]) => String(slice))).toEqual(['015abc6']);
    expect(socket.writableCorked).toBe(0);
    stream.end(null);
    expect(await readAll(peer)).toBe('015abc6');
  });

  it.each([[3_000], [9_000]])(
    'of slices of %i bytes that lie apart leaves in one call to the system',
    async (length) => {
      const { stream, socket, peer } = await pair();
      const writev = vi.spyOn(socket as Socket & { _writev: () => void }, '_writev');
      const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(length));
      for (const text of texts) stream.relay(bytes(text), 0, length);
      stream.flush();
      expect(writev).toHaveBeenCalledTimes(1);
      expect(socket.writableCorked).toBe(0);
      stream.end(null);
      expect(await readAll(peer)).toBe(texts.join(''));
    },
  );

  it('of short slices is nobody else’s, whether both streams are at it or one has died over it', async () => {
    const [first, second, third] = [await pair(), await pair(), await pair()];
    const chunk = bytes('0123456789');
    first.stream.relay(chunk, 0, 1);
    second.stream.relay(chunk, 8, 9);
    first.stream.relay(chunk, 2, 3);
    second.stream.relay(chunk, 6, 7);
    second.stream.flush();
    third.stream.relay(chunk, 5, 6);
    first.stream.destroy();
    third.stream.relay(chunk, 3, 4);
    const write = vi.spyOn(third.socket, 'write');
    third.stream.flush();
    expect(write.mock.calls.map(([slice]) => String(slice))).toEqual(['53']);
    third.stream.relay(chunk, 9, 10);
    third.stream.flush();
    for (const { stream } of [second, third]) stream.end(null);
    expect(await Promise.all([second, third].map(({ peer }) => readAll(peer)))).toEqual(['86', '539']);
  });

  it('of short slices that the peer has no room for is kept as it was', async () => {
    const { stream, peer } = await pair();
    const written = fill(stream);
    const chunk = bytes('0123456789');
    for (let i = 0; i < 10; i += 1) {
      stream.relay(chunk, i, i + 1);
      stream.relay(chunk, 9 - i, 10 - i);
      stream.flush();
    }
    stream.end(null);
    expect((await readAll(peer)).slice(written)).toBe('09182736455463728190');
  });

  it('is nothing when nothing was relayed', async () => {
    const { stream, socket } = await pair();
    const write = vi.spyOn(socket, 'write');
    stream.flush();
    stream.flush();
    expect(write).not.toHaveBeenCalled();
  });
});

describe('backpressure', () => {
  it('is told while the peer does not read, and its end is told once', async () => {
    const { stream, peer, diary } = await pair();
    expect(stream.isFull).toBe(false);
    const written = fill(stream);
    expect(stream.unsentBytes).toBeGreaterThan(0);
    expect(diary.drains).toBe(0);
    const all = readAll(peer);
    await waitUntil(() => diary.drains === 1);
    expect([stream.isFull, stream.unsentBytes]).toEqual([false, 0]);
    stream.end(null);
    expect((await all).length).toBe(written);
  });

  it('the other way round leaves bytes where they are until reading goes on', async () => {
    const { stream, peer, diary } = await pair();
    stream.pauseReading();
    stream.pauseReading();
    expect(stream.isReadingPaused).toBe(true);
    while (peer.write(MEGABYTE));
    await waitUntil(() => peer.writableLength > 0);
    expect(diary.received).toHaveLength(0);
    stream.resumeReading();
    stream.resumeReading();
    expect(stream.isReadingPaused).toBe(false);
    await waitUntil(() => peer.writableLength === 0 && diary.received.length > 0);
  });
});

describe('a peer that floods', () => {
  /** What each turn of the event loop brings to a stream whose peer has written all that the system takes. */
  it('is read once in a turn, so that others have theirs', async () => {
    const { stream, peer } = await pair();
    let turn = 0;
    const turns: number[] = [];
    stream.pauseReading();
    while (peer.write(MEGABYTE));
    await new Promise((done) => setTimeout(done, 50));
    const count = () => {
      turn += 1;
      if (!stream.isOver) setImmediate(count);
    };
    count();
    stream.handler = {
      onData: (chunk) => {
        if (chunk.length === 65_536) turns.push(turn);
      },
      keepsChunk: false,
      onDrain: () => {},
      onEnd: () => {},
      onBug: (error) => {
        throw error;
      },
    };
    stream.resumeReading();
    await waitUntil(() => turns.length >= 8);
    expect(new Set(turns).size).toBe(turns.length);
  });

  it('is not read on when it was paused meanwhile, and is when it is resumed', async () => {
    const { stream, peer } = await pair();
    let chunks = 0;
    stream.handler = {
      onData: () => {
        chunks += 1;
        stream.pauseReading();
      },
      keepsChunk: false,
      onDrain: () => {},
      onEnd: () => {},
      onBug: (error) => {
        throw error;
      },
    };
    stream.pauseReading();
    while (peer.write(MEGABYTE));
    await new Promise((done) => setTimeout(done, 50));
    for (let expected = 1; expected < 5; expected += 1) {
      stream.resumeReading();
      await waitUntil(() => chunks === expected);
      await new Promise((done) => setTimeout(done, 20));
      expect(chunks).toBe(expected);
    }
  });

  it('and ends meanwhile is heard to the end', async () => {
    const { stream, peer, diary } = await pair();
    stream.pauseReading();
    peer.end(MEGABYTE);
    await new Promise((done) => setTimeout(done, 50));
    stream.resumeReading();
    await waitUntil(() => diary.ends.length === 1);
    expect(diary.received.length).toBe(MEGABYTE.length);
  });
});

describe('the memory of a chunk that was passed on', () => {
  const large = (length: number) => Buffer.from(new ArrayBuffer(length)).fill('y');

  it('is given back at once when it has left', async () => {
    const { stream, peer } = await pair();
    const chunk = large(60_000);
    stream.relay(chunk, 0, 100);
    stream.relay(chunk, 200, 300);
    stream.flush();
    stream.spend(chunk);
    expect(chunk.length).toBe(0);
    stream.end(null);
    expect(await readAll(peer)).toBe('y'.repeat(200));
  });

  it('is given back later when the system did not take it at once, and not a byte is lost', async () => {
    const { stream, peer } = await pair();
    const written = fill(stream);
    const chunks = [large(60_000), large(20_000)];
    for (const chunk of chunks) {
      stream.relay(chunk, 0, chunk.length);
      stream.flush();
      stream.spend(chunk);
    }
    expect(chunks.map(({ length }) => length)).toEqual([60_000, 20_000]);
    const all = readAll(peer);
    await waitUntil(() => chunks.every(({ length }) => length === 0));
    stream.end(null);
    expect(await all).toBe('x'.repeat(written) + 'y'.repeat(80_000));
  });

  it.each([
    ['that is small', large(16_383)],
    ['that shares its memory with others', large(60_000).subarray(1)],
  ])('%s is left to the garbage collector', async (_, chunk) => {
    const { stream } = await pair();
    const { length } = chunk;
    stream.relay(chunk, 0, length);
    stream.flush();
    stream.spend(chunk);
    expect(chunk.length).toBe(length);
  });

  it('is kept while a part of it is still to be written', async () => {
    const { stream, peer } = await pair();
    const chunk = large(60_000);
    stream.relay(chunk, 0, 100);
    stream.spend(chunk);
    stream.end(null);
    expect(await readAll(peer)).toBe('y'.repeat(100));
  });
});

describe('end()', () => {
  it('delivers what was relayed and not flushed, what was written, and the last bytes', async () => {
    const { stream, peer, diary } = await pair();
    const chunk = bytes('relayed');
    stream.write(bytes('written '));
    stream.relay(chunk, 0, 3);
    stream.relay(chunk, 5, 7);
    stream.end(bytes(' last'));
    expect(stream.isOver).toBe(true);
    expect(await readAll(peer)).toBe('written reled last');
    expect(diary.ends).toEqual([]);
  });

  it('delivers them to a peer that reads late, and hears it no more', async () => {
    const { stream, peer, diary } = await pair();
    const written = fill(stream);
    stream.end(bytes('last'));
    peer.write('too late');
    const all = await readAll(peer);
    expect([all.length, all.slice(-4)]).toEqual([written + 4, 'last']);
    expect(diary.received).toHaveLength(0);
  });

  it('lets go of the socket when the peer closes too, even where reading was paused', async () => {
    const { stream, socket, peer, diary } = await pair();
    stream.pauseReading();
    stream.end(null);
    await readAll(peer);
    peer.end();
    await waitUntil(() => socket.destroyed);
    expect(diary.ends).toEqual([]);
  });
});

describe('end() to a peer that stays', () => {
  it('cuts it in the end, though it trickles bytes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const { stream, socket, peer } = await pair();
    stream.end(null);
    peer.write('x');
    vi.advanceTimersByTime(29_000);
    expect(socket.destroyed).toBe(false);
    vi.advanceTimersByTime(1_000);
    expect(socket.destroyed).toBe(true);
    vi.useRealTimers();
    peer.destroy();
  });
});

describe('a peer', () => {
  it('that ends is told once, behind its last bytes', async () => {
    const { stream, socket, peer, diary } = await pair();
    peer.end('good-bye');
    await waitUntil(() => diary.ends.length > 0 && socket.closed);
    expect([diary.received.toString(), diary.ends, stream.isOver]).toEqual(['good-bye', [null], true]);
  });

  it('that resets the connection is told with the error', async () => {
    const { peer, diary, socket } = await pair();
    peer.resetAndDestroy();
    await waitUntil(() => diary.ends.length > 0 && socket.closed);
    expect(diary.ends).toEqual(['ECONNRESET']);
  });

  it('that was never there is told with the error', async () => {
    const socket = new Socket();
    const diary = new Diary();
    const stream = new Stream(socket, diary);
    stream.write(bytes('queued while it connects'));
    socket.emit('error', Object.assign(new Error('no route'), { code: 'ECONNREFUSED' }));
    expect([diary.ends, stream.isOver, socket.destroyed]).toEqual([['ECONNREFUSED'], true, true]);
  });
});

describe('destroy()', () => {
  it('closes at once, and nobody is told', async () => {
    const { stream, socket, peer, diary } = await pair();
    stream.destroy();
    stream.destroy();
    expect([stream.isOver, socket.destroyed]).toEqual([true, true]);
    await readAll(peer);
    await waitUntil(() => socket.closed);
    expect(diary.ends).toEqual([]);
  });

  it('cuts short an end() whose bytes do not leave', async () => {
    const { stream, socket } = await pair();
    fill(stream);
    stream.end(bytes('last'));
    stream.destroy();
    expect(socket.destroyed).toBe(true);
  });
});

describe('after it is over', () => {
  it.each(['end', 'destroy', 'peer'] as const)(
    'by %s, whatever is called does nothing and throws nothing',
    async (how) => {
      const { stream, peer, diary, socket } = await pair();
      if (how === 'end') stream.end(null);
      else if (how === 'destroy') stream.destroy();
      else peer.destroy();
      await waitUntil(() => stream.isOver);
      const write = vi.spyOn(socket, 'write');
      const chunk = bytes('0123');
      stream.write(chunk);
      stream.relay(chunk, 0, 1);
      stream.relay(chunk, 2, 3);
      stream.flush();
      stream.pauseReading();
      stream.resumeReading();
      stream.end(chunk);
      stream.destroy();
      expect([write.mock.calls.length, stream.isFull, typeof stream.remoteAddress]).toEqual([0, false, 'string']);
      await waitUntil(() => socket.closed);
      expect(diary.bugs).toEqual([]);
      expect(diary.ends).toEqual(how === 'peer' ? [null] : []);
    },
  );
});

describe('a handler that throws', () => {
  it('is a bug of its own connection, and the process goes on', async () => {
    const { stream, peer, diary } = await pair();
    const mistake = new Error('ours');
    stream.handler = {
      onData: () => {
        throw mistake;
      },
      keepsChunk: false,
      onDrain: () => {},
      onEnd: () => {
        throw mistake;
      },
      onBug: (error) => diary.onBug(error),
    };
    peer.end('x');
    await waitUntil(() => diary.bugs.length === 2);
    expect(diary.bugs).toEqual([mistake, mistake]);
  });

  it('may be another one than at first: the login hands over', async () => {
    const { stream, peer, diary } = await pair();
    const next = new Diary();
    stream.handler = next;
    peer.write('x');
    await waitUntil(() => next.received.length === 1);
    expect(diary.received).toHaveLength(0);
  });
});
