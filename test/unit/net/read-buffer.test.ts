import { createHash, randomBytes } from 'node:crypto';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dialStream } from '../../../src/net/dial.ts';
import { giveBackLarge, MOST_READ, ReadBuffer, readInto } from '../../../src/net/read-buffer.ts';
import { Stream, type StreamHandler } from '../../../src/net/stream.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SMALL = 1_024;
const REGULAR = 8_192;

describe('the buffer that a socket reads into', () => {
  it('is asked for until something was read, and then only where it is another', () => {
    const reads = ReadBuffer.ofClient();
    const first = reads.current;
    expect([reads.next(), reads.next()]).toEqual([first, first]);
    reads.settle(10, false);
    expect(reads.next()).toBeUndefined();
    reads.settle(10, true);
    const second = reads.next()!;
    expect(second).not.toBe(first);
    expect(second).toHaveLength(SMALL);
    expect(reads.next()).toBeUndefined();
  });

  it('grows when it was filled, stays at what most need, and is large only as long as much comes', () => {
    const reads = ReadBuffer.ofClient();
    const sizes = [SMALL, 100, REGULAR, REGULAR - 1, REGULAR, MOST_READ, REGULAR, 20].map((bytes) => {
      reads.settle(bytes, false);
      return reads.current.length;
    });
    expect(sizes).toEqual([REGULAR, REGULAR, MOST_READ, REGULAR, MOST_READ, MOST_READ, MOST_READ, REGULAR]);
  });

  it('is never one that somebody needs', () => {
    const reads = ReadBuffer.ofServer();
    const handedOut = new Set<Buffer>();
    for (const bytes of [1, REGULAR, MOST_READ, MOST_READ, 9_000, 100, 1]) {
      const { current } = reads;
      expect(handedOut.has(current)).toBe(false);
      handedOut.add(current);
      reads.settle(Math.min(bytes, current.length), true);
    }
  });

  it('is used again when it was large and is given back', () => {
    const reads = ReadBuffer.ofServer();
    reads.settle(REGULAR, false);
    const large = reads.current;
    reads.settle(MOST_READ, true);
    expect(giveBackLarge(large)).toBe(true);
    const other = ReadBuffer.ofServer();
    other.settle(REGULAR, false);
    expect(other.current.buffer).toBe(large.buffer);
    expect(giveBackLarge(Buffer.alloc(100))).toBe(false);
  });
});

describe('this Node', () => {
  it('lets a socket that was accepted read into a buffer of its own', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const arrival = once(server, 'connection');
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await arrival) as [Socket];
    const reads = ReadBuffer.ofClient();
    const got = new Promise((done) => {
      const isTaken = readInto(socket, reads, (bytes, buffer) => {
        done([buffer === reads.current, buffer.toString('latin1', 0, bytes)]);
        return true;
      });
      expect(isTaken).toBe(true);
    });
    peer.write('hello');
    expect(await got).toEqual([true, 'hello']);
    peer.destroy();
    socket.destroy();
    server.close();
  });

  it('is not trusted to have it', () => {
    expect(readInto(new Socket(), ReadBuffer.ofClient(), () => true)).toBe(false);
  });
});

/** Relays what comes from one stream to the other, in two slices, and reads no faster than that one writes. */
class Relay implements StreamHandler {
  stream: Stream | null = null;
  to: Stream | null = null;
  readonly keepsChunk = false;
  readonly bugs: unknown[] = [];
  drained: () => void = () => {};

  onData(chunk: Buffer): void {
    const to = this.to!;
    const middle = chunk.length >> 1;
    to.relay(chunk, 0, middle);
    if (middle % 3 === 0) to.gather();
    to.relay(chunk, middle, chunk.length);
    to.flush();
    to.spend(chunk);
    if (to.isFull) this.stream!.pauseReading();
  }
  onDrain(): void {
    this.drained();
  }
  onEnd(): void {
    this.to?.end(null);
  }
  onBug(error: unknown): void {
    this.bugs.push(error);
  }
}

describe('bytes between an accepted and a dialled connection', () => {
  let echo: Server;
  let front: Server;
  const bugs: unknown[] = [];

  beforeAll(async () => {
    // It takes its time, so that what is written to it does not leave at once.
    echo = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        socket.write(chunk);
        socket.pause();
        setImmediate(() => socket.resume());
      });
    }).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    const { port } = echo.address() as AddressInfo;
    front = createServer((socket) => {
      const [there, back] = [new Relay(), new Relay()];
      const client = Stream.accepted(socket, there, false);
      const server = new Stream(dialStream({ host: 'localhost', port }, lookup), back);
      Object.assign(there, { stream: client, to: server, bugs, drained: () => server.resumeReading() });
      Object.assign(back, { stream: server, to: client, bugs, drained: () => client.resumeReading() });
    }).listen(0, '127.0.0.1');
    await once(front, 'listening');
  });
  afterAll(() => {
    front.close();
    echo.close();
  });

  it.each([1, 100, 1_024, 1_025, 8_192, 20_000, 65_536, 3_000_000])(
    'arrive as they were sent, in pieces of %i bytes',
    async (size) => {
      const sockets = Array.from({ length: 4 }, () => connect((front.address() as AddressInfo).port, '127.0.0.1'));
      await Promise.all(
        sockets.map(async (socket) => {
          const [sent, received] = [createHash('md5'), createHash('md5')];
          let missing = 0;
          socket.on('data', (chunk) => {
            received.update(chunk);
            missing -= chunk.length;
            // A reader that is slow now and then.
            if (chunk.length > 10_000) {
              socket.pause();
              setTimeout(() => socket.resume(), 1);
            }
          });
          for (let piece = 0; piece < 30; piece += 1) {
            const bytes = randomBytes(size);
            sent.update(bytes);
            missing += size;
            if (!socket.write(bytes)) await once(socket, 'drain');
            else if (piece % 3 === 0) await waitUntil(() => missing === 0);
          }
          await waitUntil(() => missing === 0, { timeoutMs: 8_000 });
          expect(received.digest('hex')).toBe(sent.digest('hex'));
          socket.destroy();
        }),
      );
      expect(bugs).toEqual([]);
    },
  );
});
