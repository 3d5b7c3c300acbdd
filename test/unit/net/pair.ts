// A stream on a real socket, what it says written down, and the socket at its other end: for the tests of the stream.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { Stream, type StreamHandler } from '../../../src/net/stream.ts';

let listener: Server;
const open: Socket[] = [];

beforeAll(async () => {
  listener = createServer({ pauseOnConnect: true });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
});
afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});
afterAll(() => listener.close());

/** Writes down what a stream says. */
export class Diary implements StreamHandler {
  received = Buffer.alloc(0);
  drains = 0;
  readonly ends: (string | null)[] = [];
  readonly bugs: unknown[] = [];

  onData(chunk: Buffer): void {
    this.received = Buffer.concat([this.received, chunk]);
  }
  get keepsChunk(): boolean {
    return false;
  }
  onDrain(): void {
    this.drains += 1;
  }
  onEnd(error: Error | null): void {
    this.ends.push(error === null ? null : ((error as NodeJS.ErrnoException).code ?? error.message));
  }
  onBug(error: unknown): void {
    this.bugs.push(error);
  }
}

/** A stream and the socket at its other end, which reads when it is told to. */
export async function pair() {
  const { port } = listener.address() as { port: number };
  const arrival = once(listener, 'connection');
  const socket = connect({ port, host: '127.0.0.1' });
  const [peer] = (await arrival) as [Socket];
  await once(socket, 'connect');
  peer.on('error', () => {});
  open.push(socket, peer);
  const diary = new Diary();
  return { stream: new Stream(socket, diary), socket, peer, diary };
}
