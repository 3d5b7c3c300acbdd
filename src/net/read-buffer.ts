// Where the system puts what it reads: a buffer of the socket's own, filled again and again, instead of a new one for each read.
//
// Node ("onread" of net.connect): the buffer must stay as it is while a write still needs a part of it. Then it is handed over,
// and the next read gets another.

import type { Socket } from 'node:net';

/** Node (stream_base.cc): EmitToJSStreamListener reads as much at once. */
export const MOST_READ = 65_536;
/** Most messages of applications are shorter, and 10,000 idle clients have one each. */
const FIRST_OF_CLIENT = 1_024;
/** Who has sent more at once gets this, and keeps it. */
const REGULAR = 8_192;
/** Large ones that nobody uses at the moment: a stream of data takes one after the other. */
const MOST_SPARE = 16;

const spare: Buffer[] = [];
/** First ones of clients that are gone: a client that comes costs no new one. */
const spareFirst: Buffer[] = [];
const MOST_SPARE_FIRST = 256;
let isPoisoned = false;

/** For tests: what was read is overwritten as soon as nobody may look at it any more. */
export function poisonReads(): void {
  isPoisoned = true;
}

function takeLarge(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(MOST_READ);
}

/** Nobody looks at it any more. False: it is none of these. */
export function giveBackLarge(chunk: Buffer): boolean {
  if (chunk.buffer.byteLength !== MOST_READ) return false;
  if (spare.length < MOST_SPARE) spare.push(Buffer.from(chunk.buffer));
  return true;
}

export class ReadBuffer {
  /** Where the next read goes. */
  current: Buffer;
  #regular: Buffer;
  #isNew = true;
  #isFirst = true;

  private constructor(first: Buffer) {
    this.#regular = first;
    this.current = first;
  }

  static ofClient(): ReadBuffer {
    return new ReadBuffer(spareFirst.pop() ?? Buffer.allocUnsafeSlow(FIRST_OF_CLIENT));
  }

  static ofServer(): ReadBuffer {
    return new ReadBuffer(Buffer.allocUnsafeSlow(REGULAR));
  }

  /** Node asks before the first read, more than once where it tries several addresses, and behind each read; undefined: the same. */
  readonly next = (): Buffer | undefined => {
    if (!this.#isNew && !this.#isFirst) return undefined;
    this.#isNew = false;
    return this.current;
  };

  /** So many bytes were read into it and dealt with. isKept: somebody still needs them. */
  settle(bytes: number, isKept: boolean): void {
    const { current } = this;
    this.#isFirst = false;
    if (isPoisoned && !isKept) current.fill(0xdd, 0, bytes);
    const isLarge = current.length === MOST_READ;
    if (bytes === current.length) {
      // There is more.
      if (isLarge && !isKept) return;
      if (!isLarge && this.#regular.length < REGULAR) {
        this.#regular = Buffer.allocUnsafeSlow(REGULAR);
        this.current = this.#regular;
      } else {
        if (isKept && !isLarge) this.#regular = Buffer.allocUnsafeSlow(REGULAR);
        this.current = takeLarge();
      }
    } else if (isLarge && (isKept || bytes < REGULAR)) {
      if (!isKept) giveBackLarge(current);
      this.current = bytes < REGULAR ? this.#regular : takeLarge();
    } else if (isKept) {
      this.#regular = Buffer.allocUnsafeSlow(this.#regular.length);
      this.current = this.#regular;
    } else return;
    this.#isNew = true;
  }

  /** The socket is closed: nothing is read any more. */
  close(): void {
    const buffer = this.#regular;
    if (buffer.length === FIRST_OF_CLIENT && spareFirst.length < MOST_SPARE_FIRST) spareFirst.push(buffer);
  }
}

/** Called with the socket as `this`. */
export type OnRead = (this: Socket, bytes: number, buffer: Buffer) => boolean;

/** What net.js calls the fields that its option onread sets. */
interface Names {
  readonly buffer: symbol;
  readonly callback: symbol;
  readonly generate: symbol;
}

function namesOf(socket: Socket): Names | null {
  const symbols = Object.getOwnPropertySymbols(socket);
  const [buffer, callback, generate] = ['kBuffer', 'kBufferCb', 'kBufferGen'].map((name) =>
    symbols.find(({ description }) => description === name),
  );
  if (buffer === undefined || callback === undefined || generate === undefined) return null;
  return { buffer, callback, generate };
}

let names: Names | null = null;

/** What of a socket is touched that Node does not promise. */
interface Inside {
  _handle?: { useUserBuffer?: (buffer: Buffer) => void } | null;
  [name: symbol]: unknown;
}

/**
 * Gives a socket that was accepted what net.connect gives by its option onread: there is no public way. False: this Node has another
 * inside, and the socket goes on with its data events.
 */
export function readInto(socket: Socket, reads: ReadBuffer, onRead: OnRead): boolean {
  // It had to wait before anybody looked at it: what has come is where data events find it.
  if (socket.readableLength > 0) return false;
  names ??= namesOf(socket);
  const inside = socket as unknown as Inside;
  const handle = inside._handle;
  if (names === null || typeof handle?.useUserBuffer !== 'function') return false;
  const { current } = reads;
  inside[names.buffer] = current;
  inside[names.callback] = onRead;
  inside[names.generate] = reads.next;
  handle.useUserBuffer(current);
  return true;
}
