// Finds where messages begin and end in a byte stream, without copying what is only passed on.
//
// A cursor: push() a chunk, then call next() until it says false. Each time it stands on a *fragment*: a whole message,
// or a part of a long one (first and last tell which). Types named in the hold table are gathered until they are whole
// (up to the size given there), because their reader wants the body; all others come as they arrived. Only a message
// that straddles chunks is ever copied, and then only its 5 header bytes or a held body; and what waits in many pieces.

const HEADER_LENGTH = 5; // type byte and int32 length, which counts itself but not the type byte

/** For each type byte, the largest message (in bytes, header included) that is gathered before it is shown. */
export type HoldTable = Uint32Array;

/** A table that holds the given types up to maxBytes each. */
export function holdTable(types: readonly number[], maxBytes: number): HoldTable {
  const table = new Uint32Array(256);
  for (const type of types) table[type] = maxBytes;
  return table;
}

/** For each type byte, how much of a longer message is gathered before its first fragment is shown: its reader wants the head. */
export type HeadTable = Uint16Array;

export function headTable(types: readonly number[], bytes: number): HeadTable {
  const table = new Uint16Array(256);
  for (const type of types) table[type] = bytes;
  return table;
}

const NO_HEADS: HeadTable = new Uint16Array(256);

/** A table that holds every type: for the login, where every message is small and is read. */
export function holdEverything(maxBytes: number): HoldTable {
  return new Uint32Array(256).fill(maxBytes);
}

const EMPTY = Buffer.alloc(0);
/** More chunks than this in the queue are joined: a peer that sends bytes one by one must not cost an object for each. */
const MAX_QUEUED_CHUNKS = 64;

export class FrameReader {
  /** Type byte of the message under the cursor. */
  type = 0;
  /** The message's bytes on the wire, header included. */
  messageLength = 0;
  /** The fragment: buffer[start, end). Valid until the next call of next(). */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** The fragment holds the message's header / its last byte. A whole message has both. */
  first = false;
  last = false;
  /** Set when the stream can't be read on; next() is false from then on. */
  error: string | null = null;

  #hold: HoldTable;
  #heads = NO_HEADS;
  readonly #maxLength: number;
  #chunk: Buffer = EMPTY;
  #position = 0;
  #queue: Buffer[] | null = null;
  #queuedBytes = 0;
  /** Body bytes of the current message that have not been seen yet. */
  #remaining = 0;
  #held: Buffer | null = null;
  #heldLength = 0;
  #header: Buffer | null = null;
  #headerLength = 0;
  #again = false;

  /** maxLength: the largest length word that is believed (PgBouncer: max_packet_size). */
  constructor(hold: HoldTable, maxLength: number) {
    this.#hold = hold;
    this.#maxLength = maxLength;
  }

  /** The tables count for messages that begin from now on. */
  setHold(hold: HoldTable, heads: HeadTable = NO_HEADS): void {
    this.#hold = hold;
    this.#heads = heads;
  }

  /** Takes a chunk over: it must not be changed afterwards. Chunks queue up while the cursor has not reached them. */
  push(chunk: Buffer): void {
    if (chunk.length === 0 || this.error !== null) return;
    if (this.#position === this.#chunk.length && !this.#again && this.#queue === null) {
      this.#chunk = chunk;
      this.#position = 0;
      return;
    }
    if (this.#queue === null) this.#queue = [];
    else if (this.#queue.length === MAX_QUEUED_CHUNKS) this.#queue = [Buffer.concat(this.#queue)];
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
  }

  /** Bytes that were pushed and wait for the cursor; those of a held message that is not whole do not. */
  get unreadBytes(): number {
    return this.#chunk.length - this.#position + this.#queuedBytes + (this.#again ? this.end - this.start : 0);
  }

  /** Whether bytes wait to be shown and the last ones are these: a look ahead that holds where they came in one chunk. */
  endsUnreadWith(bytes: Buffer): boolean {
    if (this.unreadBytes < bytes.length) return false;
    const last = this.#queue?.at(-1) ?? this.#chunk;
    return last.length >= bytes.length && last.compare(bytes, 0, bytes.length, last.length - bytes.length) === 0;
  }

  /** True when the cursor stands between two messages: everything pushed so far was shown, nothing is half read. */
  get atBoundary(): boolean {
    return (
      this.#remaining === 0 &&
      this.#held === null &&
      this.#headerLength === 0 &&
      !this.#again &&
      this.#queue === null &&
      this.#position === this.#chunk.length
    );
  }

  /** True when a message's first part was shown and its rest was not. */
  get midMessage(): boolean {
    return this.#remaining > 0;
  }

  /** The fragment under the cursor is shown again by the next next(): for a reader that can't take it yet. */
  again(): void {
    this.#again = true;
  }

  next(): boolean {
    if (this.#again) {
      this.#again = false;
      return true;
    }
    for (;;) {
      const available = this.#chunk.length - this.#position;
      if (available === 0) {
        if (!this.#advance()) return false;
        continue;
      }
      if (this.#held !== null) {
        if (this.#fillHeld(available)) return true;
      } else if (this.#remaining > 0) {
        this.#show(this.#chunk, this.#position, Math.min(this.#remaining, available), false);
        this.#position = this.end;
        this.#remaining -= this.end - this.start;
        this.last = this.#remaining === 0;
        return true;
      } else if (this.#headerLength > 0 || available < HEADER_LENGTH) {
        if (this.#fillHeader(available)) return true;
      } else if (this.#begin(available)) {
        return true;
      }
      if (this.error !== null) return false;
    }
  }

  /** The common case: a header that lies whole in the chunk. */
  #begin(available: number): boolean {
    const chunk = this.#chunk;
    const at = this.#position;
    const type = chunk[at]!;
    const length = (chunk[at + 1]! << 24) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 8) | chunk[at + 4]!;
    if (length < 4 || length > this.#maxLength) return this.#fail(type, length);
    const total = length + 1;
    this.type = type;
    this.messageLength = total;
    if (available >= total) {
      this.#show(chunk, at, total, true);
      this.#position = at + total;
      this.last = true;
      return true;
    }
    const wanted = this.#wanted(type, total);
    if (available < wanted) {
      this.#held = Buffer.allocUnsafe(wanted);
      this.#heldLength = 0;
      return false; // #fillHeld goes on
    }
    this.#show(chunk, at, available, true);
    this.#position = chunk.length;
    this.#remaining = total - available;
    this.last = false;
    return true;
  }

  #fillHeld(available: number): boolean {
    const held = this.#held!;
    const taken = Math.min(held.length - this.#heldLength, available);
    this.#chunk.copy(held, this.#heldLength, this.#position, this.#position + taken);
    this.#position += taken;
    this.#heldLength += taken;
    if (this.#heldLength < held.length) return false;
    this.#held = null;
    this.#heldLength = 0;
    this.#show(held, 0, held.length, true);
    this.#remaining = this.messageLength - held.length;
    this.last = this.#remaining === 0;
    return true;
  }

  /** How much of a message that does not lie whole in the chunk is gathered. */
  #wanted(type: number, total: number): number {
    return total <= this.#hold[type]! ? total : Math.min(total, this.#heads[type]!);
  }

  /** A header that straddles chunks: gathered in a buffer of its own, which then is the first fragment. */
  #fillHeader(available: number): boolean {
    this.#header ??= Buffer.allocUnsafe(HEADER_LENGTH);
    const taken = Math.min(HEADER_LENGTH - this.#headerLength, available);
    this.#chunk.copy(this.#header, this.#headerLength, this.#position, this.#position + taken);
    this.#position += taken;
    this.#headerLength += taken;
    if (this.#headerLength < HEADER_LENGTH) return false;
    const header = this.#header;
    this.#header = null; // whoever writes the fragment may keep it
    this.#headerLength = 0;
    const type = header[0]!;
    const length = header.readInt32BE(1);
    if (length < 4 || length > this.#maxLength) return this.#fail(type, length);
    this.type = type;
    this.messageLength = length + 1;
    const wanted = this.#wanted(type, length + 1);
    if (wanted > HEADER_LENGTH) {
      this.#held = Buffer.allocUnsafe(wanted);
      header.copy(this.#held, 0);
      this.#heldLength = HEADER_LENGTH;
      return false;
    }
    this.#show(header, 0, HEADER_LENGTH, true);
    this.#remaining = length - 4;
    this.last = this.#remaining === 0;
    return true;
  }

  #advance(): boolean {
    const queue = this.#queue;
    const next = queue?.shift();
    if (queue === null || next === undefined) {
      this.#chunk = EMPTY;
      this.#position = 0;
      return false;
    }
    if (queue.length === 0) this.#queue = null;
    this.#queuedBytes -= next.length;
    this.#chunk = next;
    this.#position = 0;
    return true;
  }

  #show(buffer: Buffer, start: number, length: number, first: boolean): void {
    this.buffer = buffer;
    this.start = start;
    this.end = start + length;
    this.first = first;
  }

  #fail(type: number, length: number): false {
    this.error = `invalid message length ${length} (type 0x${type.toString(16).padStart(2, '0')})`;
    this.#chunk = EMPTY;
    this.#position = 0;
    this.#queue = null;
    this.#queuedBytes = 0;
    return false;
  }
}
