// A pair of sockets that are not: what one writes the other reads, in the very pieces in which it was written.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort = 1;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 2;
  peer: MemorySocket | null = null;
  #pending: (() => void) | null = null;

  constructor() {
    super({ allowHalfOpen: false });
  }

  override _read(): void {
    const resume = this.peer?.takePending();
    resume?.();
  }

  takePending(): (() => void) | null {
    const pending = this.#pending;
    this.#pending = null;
    return pending;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // Never from within the write: no socket answers before the writer has returned.
    queueMicrotask(() => {
      const { peer } = this;
      if (peer === null || peer.destroyed || peer.readableEnded) done();
      // A full reader takes no more until it has read: backpressure, as with a socket.
      else if (peer.push(Buffer.from(chunk))) done();
      else this.#pending = done;
    });
  }

  override _final(done: () => void): void {
    this.peer?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const { peer } = this;
    this.peer = null;
    if (peer !== null && !peer.destroyed) {
      peer.takePending()?.();
      if (!peer.readableEnded) peer.push(null);
    }
    done(error);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }
}

/** Two ends; each is as good as a net.Socket for what src/net does with one. */
export function memorySocketPair(): [Socket, Socket] {
  const [a, b] = [new MemorySocket(), new MemorySocket()];
  a.peer = b;
  b.peer = a;
  return [a as unknown as Socket, b as unknown as Socket];
}
