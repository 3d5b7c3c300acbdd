// The unnamed prepared statement of a client, for those who bind it in a later batch than the one that parsed it: it may have
// to be parsed again on another server, or because a question of ours has ended it. Who binds it at once costs no copy.

import type { FrameReader } from '../protocol/frame-reader.ts';

/** Each client can have one; a longer one is not kept. */
const MAX_KEPT = 16_384;

export class UnnamedStatement {
  /** The Parse, to be sent again; null: there is none, or it was bound in its own batch. */
  text: Buffer | null = null;
  /** The Parse of the batch under way: buffer[start, end). */
  #buffer: Buffer | null = null;
  #start = 0;
  #end = 0;
  #isCopied = false;

  /** A Parse without a Bind so far. */
  get isOpen(): boolean {
    return this.#buffer !== null;
  }

  /** The Parse under the cursor. A long one is not kept. */
  parsed({ buffer, start, end, last }: FrameReader): void {
    this.text = null;
    this.#buffer = last && end - start <= MAX_KEPT ? buffer : null;
    this.#start = start;
    this.#end = end;
    this.#isCopied = false;
  }

  /** The chunk is the reader's no longer. */
  settle(): void {
    if (this.#buffer === null || this.#isCopied) return;
    this.#isCopied = true;
    this.#buffer = Buffer.from(this.#buffer.subarray(this.#start, this.#end));
    this.#start = 0;
    this.#end = this.#buffer.length;
  }

  bound(): void {
    this.#buffer = null;
  }

  /** The batch ends. */
  synced(): void {
    this.text = Buffer.from(this.#buffer!.subarray(this.#start, this.#end));
    this.#buffer = null;
  }

  /** A simple query ends it. Postgres: exec_simple_query drops it. */
  drop(): void {
    this.text = null;
    this.#buffer = null;
  }
}
