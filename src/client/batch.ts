// The batch under way, where it came in one chunk: Postgres may want it once more (a plan that is out of date).

import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend, TxStatus } from '../protocol/message-types.ts';
import type { Server } from '../server/server.ts';

export class Batch {
  /** Its bytes are buffer[start, end); null: it came in pieces, a later one was sent, or it can't be repeated. */
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;
  /** Its Sync was sent. */
  #isWhole = false;
  /** Its bytes are its own, and it may be repeated. */
  #isCopied = false;

  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** An extended message is about to be sent. */
  note(server: Server, type: number, { buffer, start, end }: FrameReader): void {
    if (server.replies.isIdle && server.txStatus === TxStatus.Idle) {
      this.#buffer = buffer;
      this.#start = start;
      this.#end = end;
      this.#isWhole = false;
      this.#isCopied = false;
      server.isUntouched = true;
    } else if (this.#buffer === buffer && this.#end === start && !this.#isWhole) {
      this.#end = end;
    } else this.#buffer = null;
    if (type === Frontend.Sync) this.#isWhole = true;
  }

  /** The chunk is the reader's no longer: what may have to be repeated is copied. maxBytes: of longer ones nothing is. */
  settle(maxBytes: number): void {
    const buffer = this.#buffer;
    if (buffer === null || this.#isCopied) return;
    if (!this.mayRepeat(maxBytes)) {
      this.#buffer = null;
      return;
    }
    const length = this.#end - this.#start;
    const copy = Buffer.allocUnsafe(length);
    buffer.copy(copy, 0, this.#start, this.#end);
    this.#buffer = copy;
    this.#start = 0;
    this.#end = length;
    this.#isCopied = true;
  }

  /** It is answered, or something else was sent: the chunk is let go. */
  drop(): void {
    this.#buffer = null;
  }

  /**
   * It is known, not longer than that, and asks for a description: who does not would take a new result for the old one. Where it
   * waited for its server, its chunk was kept, and there was nothing to copy.
   */
  mayRepeat(maxBytes: number): boolean {
    if (this.#buffer === null || this.#end - this.#start > maxBytes) return false;
    return this.#isCopied || describes(this.#buffer, this.#start, this.#end);
  }

  /** Its bytes, given once. */
  take(): Buffer {
    const bytes = this.#buffer!.subarray(this.#start, this.#end);
    this.#buffer = null;
    return bytes;
  }
}

/** Whether the batch whose messages lie at buffer[start, end) asks for a description before its Sync. */
export function describes(buffer: Buffer, start: number, end: number): boolean {
  for (let at = start; at + 5 <= end; at += 1 + Math.max(buffer.readInt32BE(at + 1), 4)) {
    const type = buffer[at];
    if (type === Frontend.Describe) return true;
    if (type === Frontend.Sync || type === Frontend.Query) return false;
  }
  return false;
}
