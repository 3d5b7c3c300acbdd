// A socket with the two things the data plane needs beyond it: writes gathered per batch, and backpressure as a fact.
//
// Every write of a batch is one system call: relay() collects neighbouring slices of a chunk into one, flush() corks
// the rest into a writev. Ownership: a buffer that was written must not be changed afterwards.

import type { Socket } from 'node:net';
import { SYSTEM_KEEPIDLE_MS } from './keepalive-default.ts';

/** What a stream tells its owner. */
export interface StreamHandler {
  /** Bytes came in. The buffer belongs to the handler from now on. */
  onData(chunk: Buffer): void;
  /** The peer reads again: what was written before has left. */
  onDrain(): void;
  /** The connection is over: the peer ended it (null), or an error did. Called once, never after destroy(). */
  onEnd(error: Error | null): void;
  /** One of the others threw, which is a mistake of ours: this connection and what hangs on it have to be closed. */
  onBug(error: unknown): void;
}

/** Milliseconds, and a count; 0 keeps the default of Node or of the system. */
export interface KeepAlive {
  readonly idleMs: number;
  readonly intervalMs: number;
  readonly count: number;
}

const STREAM: unique symbol = Symbol('pgsluice.stream');
type OwnedSocket = Socket & { [STREAM]?: Stream };

// One set of listeners for all sockets: they find their stream on the socket, so that an idle client costs no closures.
function onData(this: OwnedSocket, chunk: Buffer): void {
  const { handler } = this[STREAM]!;
  try {
    handler.onData(chunk);
  } catch (error) {
    handler.onBug(error);
  }
}
function onDrain(this: OwnedSocket): void {
  const { handler } = this[STREAM]!;
  try {
    handler.onDrain();
  } catch (error) {
    handler.onBug(error);
  }
}
function onEnd(this: OwnedSocket): void {
  this[STREAM]!.ended(null);
}
function onError(this: OwnedSocket, error: Error): void {
  this[STREAM]!.ended(error);
}

/** A closing connection is cut when for so long nothing moves on it, */
const LINGER_MS = 5_000;
/** and after so long whatever moves: a peer that trickles bytes would keep it for ever. */
const LINGER_AT_MOST_MS = 30_000;

export class Stream {
  handler: StreamHandler;
  readonly #socket: OwnedSocket;
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;
  #corked = false;
  #over = false;
  #readingPaused = false;

  constructor(socket: Socket, handler: StreamHandler) {
    this.handler = handler;
    this.#socket = socket;
    this.#socket[STREAM] = this;
    socket.setNoDelay(true);
    socket.on('data', onData);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onError);
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? 'unix';
  }

  get remotePort(): number {
    return this.#socket.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.#socket.localAddress ?? 'unix';
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** The peer does not read as fast as we write: whoever feeds this stream should pause until onDrain. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  /** Bytes accepted for writing that the kernel has not taken yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  get isReadingPaused(): boolean {
    return this.#readingPaused;
  }

  write(bytes: Buffer): void {
    if (!this.#over) this.#socket.write(bytes);
  }

  /** Adds buffer[start, end) to the batch that flush() writes. */
  relay(buffer: Buffer, start: number, end: number): void {
    if (buffer === this.#buffer && start === this.#end) {
      this.#end = end;
      return;
    }
    if (this.#buffer !== null) {
      if (!this.#corked) {
        this.#corked = true;
        this.#socket.cork();
      }
      this.#writeRun();
    }
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  /** Writes the batch. */
  flush(): void {
    if (this.#buffer !== null) this.#writeRun();
    if (this.#corked) {
      this.#corked = false;
      this.#socket.uncork();
    }
  }

  #writeRun(): void {
    const buffer = this.#buffer!;
    this.#buffer = null;
    if (this.#over) return;
    const whole = this.#start === 0 && this.#end === buffer.length;
    this.#socket.write(whole ? buffer : buffer.subarray(this.#start, this.#end));
  }

  pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#readingPaused) return;
    this.#readingPaused = false;
    this.#socket.resume();
  }

  /** PgBouncer: tcp_keepalive, tcp_keepidle, tcp_keepintvl, tcp_keepcnt. */
  setKeepAlive(keepAlive: KeepAlive): void {
    // Node before 24.19 ignores the last two arguments. libuv: uv_tcp_keepalive refuses an idle time of 0, and with it the rest.
    const { idleMs, intervalMs, count } = keepAlive;
    this.#socket.setKeepAlive(true, idleMs || SYSTEM_KEEPIDLE_MS, intervalMs || undefined, count || undefined);
  }

  /** Sends the last bytes, closes, and cuts the connection when the peer does not take them in time. */
  end(lastBytes: Buffer | null): void {
    if (this.#over) return;
    this.flush();
    this.#over = true;
    const socket = this.#socket;
    socket.removeListener('data', onData);
    socket.resume(); // so that the peer's own close is seen
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    const deadline = setTimeout(() => socket.destroy(), LINGER_AT_MOST_MS);
    socket.once('close', () => clearTimeout(deadline));
    if (lastBytes === null) socket.end();
    else socket.end(lastBytes);
  }

  /** Closes at once; unsent bytes are lost. */
  destroy(): void {
    if (this.#over && this.#socket.destroyed) return;
    this.#over = true;
    this.#socket.destroy();
  }

  /** From the listeners only. */
  ended(error: Error | null): void {
    if (this.#over) return;
    this.#over = true;
    this.#buffer = null;
    this.#socket.destroy();
    try {
      this.handler.onEnd(error);
    } catch (bug) {
      this.handler.onBug(bug);
    }
  }
}
