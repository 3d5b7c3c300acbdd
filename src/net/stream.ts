// A socket with the two things the data plane needs beyond it: writes gathered per batch, and backpressure as a fact.
//
// Every write of a batch is one system call: relay() collects neighbouring slices of a chunk into one, short ones are put
// side by side, flush() corks the rest into a writev. Ownership: a buffer that was written must not be changed afterwards.

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SYSTEM_KEEPIDLE_MS } from './keepalive-default.ts';
import { giveBackLarge, MOST_READ, ReadBuffer, readInto } from './read-buffer.ts';
import { describeTls, endPointHash, peerCertificate } from './tls-peer.ts';

/** What a stream tells its owner. */
export interface StreamHandler {
  /** Bytes came in. They are the handler's until it returns, and longer where keepsChunk says so, or where they were relayed. */
  onData(chunk: Buffer): void;
  /** Asked when onData() has returned: it still needs some of the bytes, and looks at them later. */
  readonly keepsChunk: boolean;
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
const READS: unique symbol = Symbol('pgsluice.reads');
type OwnedSocket = Socket & { [STREAM]?: Stream; [READS]?: ReadBuffer };

/** What is being read, where its bytes will be overwritten by the next read; whom it was relayed to, */
let reading: Buffer | null = null;
let readingTo: Stream | null = null;
/** and whether there were several of those. */
let isRelayedWidely = false;

/** net.connect: option onread. */
function onRead(this: Socket, bytes: number, buffer: Buffer): boolean {
  const stream = (this as OwnedSocket)[STREAM]!;
  if (stream.isOver) return true; // what comes behind the last words
  const { handler } = stream;
  const chunk = bytes === buffer.length ? buffer : buffer.subarray(0, bytes);
  if (bytes === MOST_READ) stream.yieldTurn();
  reading = chunk;
  readingTo = null;
  isRelayedWidely = false;
  try {
    handler.onData(chunk);
  } catch (error) {
    handler.onBug(error);
  }
  const isKept = handler.keepsChunk || isRelayedWidely || (readingTo as Stream | null)?.holdsRead === true;
  reading = null;
  readingTo = null;
  (this as OwnedSocket)[READS]!.settle(bytes, isKept);
  return true;
}

/** For a socket that is about to be opened: its reads go to a buffer of its own. */
export function readsOf(reads: ReadBuffer) {
  return { buffer: reads.next as () => Buffer, callback: onRead as (bytes: number, buffer: Uint8Array) => boolean };
}

/** The socket was opened with readsOf(). */
export function ownReads(socket: Socket, reads: ReadBuffer): Socket {
  (socket as OwnedSocket)[READS] = reads;
  return socket;
}

// One set of listeners for all sockets: they find their stream on the socket, so that an idle client costs no closures.
function onData(this: OwnedSocket, chunk: Buffer): void {
  const stream = this[STREAM]!;
  const { handler } = stream;
  if (chunk.length === MOST_READ) stream.yieldTurn();
  try {
    handler.onData(chunk);
  } catch (error) {
    handler.onBug(error);
  }
}
/** Records come in pieces of 16 kB, many from one read of the system: so many bytes are a full read here. */
function onTlsData(this: OwnedSocket, chunk: Buffer): void {
  this[STREAM]!.countTlsRead(chunk.length);
  onData.call(this, chunk);
}
function onDrain(this: OwnedSocket): void {
  const stream = this[STREAM]!;
  const { handler } = stream;
  stream.giveBackSpent();
  try {
    handler.onDrain();
  } catch (error) {
    handler.onBug(error);
  }
}
function onEnd(this: OwnedSocket): void {
  this[STREAM]!.ended(null);
}
function onClose(this: OwnedSocket): void {
  this[STREAM]!.ended(null);
  this[READS]?.close();
}
function onError(this: OwnedSocket, error: Error): void {
  this[STREAM]!.ended(error);
}

function ignore(): void {}

// A read that came back full (MOST_READ) says that more waits; libuv (uv__read) would read up to 32 in a row before it looks at another socket.

/** Memory of a read as large as this is given back by us: else each 64 MB of them would make V8 mark its whole heap, for milliseconds. */
const WORTH_GIVING_BACK = 16_384;

/** Had a full read in this turn of the event loop: they go on in the next one, when all others had theirs. */
let yielding: Stream[] = [];

function nextTurn(): void {
  const streams = yielding;
  yielding = [];
  for (const stream of streams) stream.takeTurn();
}

function giveBack(chunk: Buffer): void {
  if (!giveBackLarge(chunk)) (chunk.buffer as ArrayBuffer).transfer(0);
}

/** Slices that are together no longer than this are copied side by side: copies and a plain write cost 0.2 us less than a writev of two. */
const ASIDE_BYTES = 4_096;

/** Where they are copied to, by one stream at a time: between its first slice and its flush(). */
let aside = Buffer.allocUnsafeSlow(ASIDE_BYTES);
let asideOwner: Stream | null = null;

/** A closing connection is cut when for so long nothing moves on it, */
const LINGER_MS = 5_000;
/** and after so long whatever moves: a peer that trickles bytes would keep it for ever. */
const LINGER_AT_MOST_MS = 30_000;

export class Stream {
  handler: StreamHandler;
  /** It came over a Unix socket. Not to be guessed from an address that is missing: a closed TCP socket has none either. */
  readonly isUnix: boolean;
  #socket: OwnedSocket;
  /** Its socket is being encrypted: what is read and closed there is not this stream's yet. */
  #isReleased = false;
  #keepAlive: KeepAlive | null = null;
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;
  /** Bytes that are set aside and go before these. */
  #asideBytes = 0;
  #corked = false;
  #over = false;
  #isTls = false;
  /** Of what is being read, something was written behind other bytes that had not left. */
  #wasBehind = false;
  #readingPaused = false;
  #yielding = false;
  /** Read over TLS since it yielded last. */
  #tlsBytes = 0;
  /** Chunks whose memory is given back when what was written has left. */
  #spent: Buffer[] | null = null;
  /** For unmovedSince(): bytes that had left when it was last asked, and since when they are so many. */
  #leftBytes = 0;
  #unmovedSince = 0;

  constructor(socket: Socket, handler: StreamHandler, isUnix = false) {
    this.handler = handler;
    this.isUnix = isUnix;
    this.#socket = socket;
    this.#listen(socket);
  }

  /** Of a socket that was accepted and not read so far (listen). */
  static accepted(socket: OwnedSocket, handler: StreamHandler, isUnix: boolean): Stream {
    const reads = ReadBuffer.ofClient();
    if (readInto(socket, reads, onRead)) ownReads(socket, reads);
    const stream = new Stream(socket, handler, isUnix);
    socket.resume();
    return stream;
  }

  #listen(socket: OwnedSocket): void {
    socket[STREAM] = this;
    this.#isTls = socket instanceof TLSSocket;
    socket.setNoDelay(true);
    if (socket[READS] === undefined) socket.on('data', this.#isTls ? onTlsData : onData);
    socket.on('drain', onDrain);
    socket.on('end', onEnd);
    socket.on('close', onClose);
    socket.on('error', onError);
  }

  /** The socket so far, for whoever encrypts it. Until adopt() or fail() nothing is read, written or heard here. */
  release(): Socket {
    const socket = this.#socket;
    this.#isReleased = true;
    socket.removeListener('data', onData);
    socket.removeListener('drain', onDrain);
    socket.removeListener('end', onEnd);
    socket.removeListener('close', onClose);
    socket.removeListener('error', onError);
    socket.on('error', ignore);
    socket.pause();
    return socket;
  }

  /** Goes on over this socket: the encrypted one, or another in the place of the first. */
  adopt(socket: Socket): void {
    this.#isReleased = false;
    this.#socket = socket;
    if (this.#over) {
      socket.on('error', ignore);
      socket.destroy();
      return;
    }
    this.#listen(socket);
    if (this.#keepAlive !== null) this.setKeepAlive(this.#keepAlive);
    if (this.#readingPaused) socket.pause();
    else socket.resume();
  }

  /** The connection came to nothing: closes, and the owner is told why; null: the peer has closed it. */
  fail(error: Error | null): void {
    this.ended(error);
  }

  /** Version and cipher; empty: not encrypted. */
  get tls(): string {
    return this.#socket instanceof TLSSocket ? describeTls(this.#socket) : '';
  }

  /** RFC 5929: hash of the peer's certificate; null: there is none, or none that can be used. */
  get peerEndPointHash(): Buffer | null {
    const certificate = this.#socket instanceof TLSSocket ? peerCertificate(this.#socket) : null;
    return certificate === null ? null : endPointHash(certificate);
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

  /**
   * Stamp since when the peer has taken nothing of what waits to be sent; null when it has, or nothing waits. As exact as it is
   * asked often: what moves between two questions, within a chunk or in the buffers of the system, is not seen.
   */
  unmovedSince(now: number): number | null {
    const unsent = this.#socket.writableLength;
    if (unsent === 0 || this.#over) {
      this.#unmovedSince = 0;
      return null;
    }
    const left = this.#socket.bytesWritten - unsent;
    if (this.#unmovedSince === 0 || left !== this.#leftBytes) {
      this.#leftBytes = left;
      this.#unmovedSince = now;
    }
    return this.#unmovedSince;
  }

  get isReadingPaused(): boolean {
    return this.#readingPaused;
  }

  write(bytes: Buffer): void {
    if (!this.#over && !this.#isReleased) this.#socket.write(bytes);
  }

  /** A part of what is being read has not left. */
  get holdsRead(): boolean {
    if (this.#buffer !== null) return true;
    // Node (tls_wrap.cc): it is encrypted at once, or copied, unless another write is under way.
    return this.#isTls ? this.#wasBehind : this.#socket.writableLength > 0;
  }

  /** Adds buffer[start, end) to the batch that flush() writes. */
  relay(buffer: Buffer, start: number, end: number): void {
    if (buffer === reading && readingTo !== this) {
      if (readingTo === null) readingTo = this;
      else isRelayedWidely = true;
      this.#wasBehind = false;
    }
    if (buffer === this.#buffer && start === this.#end) {
      this.#end = end;
      return;
    }
    if (this.#buffer !== null && !this.#setAside(this.#buffer)) {
      this.gather();
      this.#writeRun();
    }
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  /** False: it is too long, or another stream has the room. */
  #setAside(buffer: Buffer): boolean {
    const total = this.#asideBytes + this.#end - this.#start;
    if (total > ASIDE_BYTES || !this.#mayUseAside) return false;
    asideOwner = this;
    buffer.copy(aside, this.#asideBytes, this.#start, this.#end);
    this.#asideBytes = total;
    return true;
  }

  get #mayUseAside(): boolean {
    return asideOwner === null || asideOwner === this || asideOwner.#over;
  }

  /** What is written from here on leaves with the next flush(). */
  gather(): void {
    if (this.#corked) return;
    this.#corked = true;
    this.#socket.cork();
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
    if (this.#isTls && this.#socket.writableLength > 0) this.#wasBehind = true;
    if (this.#asideBytes > 0 && this.#writeAside(buffer)) return;
    const whole = this.#start === 0 && this.#end === buffer.length;
    this.#socket.write(whole ? buffer : buffer.subarray(this.#start, this.#end));
  }

  /** True: the last slice went along. */
  #writeAside(last: Buffer): boolean {
    const total = this.#asideBytes + this.#end - this.#start;
    const isAll = total <= ASIDE_BYTES;
    if (isAll) last.copy(aside, this.#asideBytes, this.#start, this.#end);
    else this.gather();
    this.#socket.write(aside.subarray(0, isAll ? total : this.#asideBytes));
    this.#asideBytes = 0;
    asideOwner = null;
    // What has not left still lies there.
    if (this.#socket.writableLength > 0) aside = Buffer.allocUnsafeSlow(ASIDE_BYTES);
    return isAll;
  }

  pauseReading(): void {
    if (this.#readingPaused) return;
    this.#readingPaused = true;
    if (!this.#yielding) this.#socket.pause();
  }

  resumeReading(): void {
    if (!this.#readingPaused) return;
    this.#readingPaused = false;
    if (!this.#yielding) this.#socket.resume();
  }

  /** From the listeners only: reads no further in this turn of the event loop. */
  yieldTurn(): void {
    if (this.#yielding || this.#over) return;
    this.#yielding = true;
    if (yielding.push(this) === 1) setImmediate(nextTurn);
    if (!this.#readingPaused) this.#socket.pause();
  }

  countTlsRead(bytes: number): void {
    this.#tlsBytes += bytes;
    if (this.#tlsBytes < MOST_READ) return;
    this.#tlsBytes = 0;
    this.yieldTurn();
  }

  takeTurn(): void {
    this.#yielding = false;
    if (!this.#readingPaused && !this.#over) this.#socket.resume();
  }

  /**
   * The chunk came from another stream's onData(), was relayed to here as far as it was relayed at all, and nobody keeps a part
   * of it: the memory of a large one is given back as soon as it has left, and must not be looked at any more.
   */
  spend(chunk: Buffer): void {
    if (chunk.length < WORTH_GIVING_BACK || chunk.buffer.byteLength !== chunk.length) return;
    if (this.#buffer !== null) return;
    // The next read goes there again, unless it is handed over.
    if (chunk === reading && !this.holdsRead) return;
    if (this.#socket.writableLength === 0) giveBack(chunk);
    else if (this.#socket.writableNeedDrain) {
      this.#spent ??= [];
      this.#spent.push(chunk);
    }
  }

  /** From the listeners only: nothing is unsent. */
  giveBackSpent(): void {
    if (this.#spent === null) return;
    for (const chunk of this.#spent) giveBack(chunk);
    this.#spent = null;
  }

  /** PgBouncer: tcp_keepalive, tcp_keepidle, tcp_keepintvl, tcp_keepcnt. */
  setKeepAlive(keepAlive: KeepAlive): void {
    // Node before 24.19 ignores the last two arguments. libuv: uv_tcp_keepalive refuses an idle time of 0, and with it the rest.
    const { idleMs, intervalMs, count } = keepAlive;
    this.#keepAlive = keepAlive;
    this.#socket.setKeepAlive(true, idleMs || SYSTEM_KEEPIDLE_MS, intervalMs || undefined, count || undefined);
  }

  /** Sends the last bytes, closes, and cuts the connection when the peer does not take them in time. */
  end(lastBytes: Buffer | null): void {
    if (this.#over) return;
    if (this.#isReleased) {
      this.destroy();
      return;
    }
    this.flush();
    this.#over = true;
    const socket = this.#socket;
    socket.removeListener('data', onData);
    socket.removeListener('data', onTlsData);
    socket.resume(); // so that the peer's own close is seen
    socket.setTimeout(LINGER_MS, () => socket.destroy());
    const deadline = setTimeout(() => socket.destroy(), LINGER_AT_MOST_MS);
    socket.once('close', () => clearTimeout(deadline));
    if (lastBytes === null) socket.end();
    else socket.end(lastBytes);
  }

  /** The peer has said good-bye, so nobody waits for its end of the connection: what was written arrives all the same. */
  bye(): void {
    this.flush();
    if (this.#isTls || this.#socket.writableLength > 0) this.end(null);
    else this.destroy();
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
