// A cancel request that came in at another worker: it enters as a connection of its own, so that it is treated as any other.

import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { cancelRequest } from '../protocol/writer.ts';

/** What of a socket is looked at over a connection like this one. */
class CarriedCancel extends Duplex {
  constructor(packet: Buffer) {
    super({ allowHalfOpen: false });
    this.push(packet);
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

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  /** Nobody is at the other end who would close it. */
  override _final(done: () => void): void {
    done();
    this.destroy();
  }
}

/** Resolves when the request was dealt with. */
export function carryIn(
  accept: (socket: Socket, isUnix: boolean) => void,
  processId: number,
  key: Uint8Array,
): Promise<null> {
  const socket = new CarriedCancel(cancelRequest(processId, Buffer.from(key)));
  return new Promise((resolve) => {
    socket.once('close', () => resolve(null));
    accept(socket as unknown as Socket, true);
  });
}
