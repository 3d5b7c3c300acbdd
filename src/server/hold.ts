// What a client does with the server that it holds, as a report may need it: written on the way of a statement with at
// most one copy of 1 kB per batch, and read only when somebody asks.

/** So much of a statement is copied. */
export const NOTED_BYTES = 1024;

/** The first bytes of a statement. */
export class StatementNote {
  #copy: Buffer | null = null;
  #bytes: Buffer | null = null;
  #start = 0;
  #end = 0;
  /** How long the statement is, in bytes; a message that is not whole counts with its parameter types. */
  totalLength = 0;

  get isEmpty(): boolean {
    return this.#bytes === null;
  }

  clear(): void {
    this.#bytes = null;
  }

  /** Copies the text that begins at buffer[start]; it ends with a zero byte, or at end. totalLength: as far as the message tells. */
  copy(buffer: Buffer, start: number, end: number, totalLength: number): void {
    this.#copy ??= Buffer.allocUnsafeSlow(NOTED_BYTES);
    const length = Math.min(end - start, NOTED_BYTES);
    buffer.copy(this.#copy, 0, start, start + length);
    this.#bytes = this.#copy;
    this.#start = 0;
    this.#end = length;
    this.totalLength = totalLength;
  }

  /** Keeps a text that nobody changes: that of a shared prepared statement. */
  refer(text: Buffer): void {
    this.#bytes = text;
    this.#start = 0;
    this.#end = Math.min(text.length, NOTED_BYTES);
    this.totalLength = text.length;
  }

  /** The text without its zero byte, at most NOTED_BYTES of it: valid until the next note. */
  read(): { readonly bytes: Buffer; readonly totalLength: number } {
    if (this.#bytes === null) return { bytes: NOTHING, totalLength: 0 };
    const bytes = this.#bytes.subarray(this.#start, this.#end);
    const zero = bytes.indexOf(0);
    return zero < 0 ? { bytes, totalLength: this.totalLength } : { bytes: bytes.subarray(0, zero), totalLength: zero };
  }
}

const NOTHING = Buffer.alloc(0);

/** Who is charged for a server that is held: the pool keeps it, by application. */
export interface Account {
  gaveBack(heldMs: number): void;
}

/** One per server, used again for each link. Stamps of the clock, in ms. */
export class Hold {
  /** When the link was made; 0: there is none. */
  since = 0;
  /** How long its client had waited for it; 0 again when that was told. */
  waitedMs = 0;
  /** Whose share of the pool it is; null: nobody holds it. */
  account: Account | null = null;
  /** Batches since then. */
  statements = 0;
  /** Bytes to and from the client since then. */
  bytes = 0;
  /** The longest that the client has been silent inside the transaction that is open. */
  longestGapMs = 0;
  /** The transaction has been idle: BEGIN and what follows came apart. */
  isExplicit = false;
  /** The transaction was traced: in a pipeline, others end before the next one begins here. */
  isTraced = false;
  /** The statement that tells what kind of transaction this is: the first one behind BEGIN. */
  readonly first = new StatementNote();
  readonly #second = new StatementNote();
  #last = this.first;

  /** What was sent last. */
  get last(): StatementNote {
    return this.#last;
  }

  begin(now: number): void {
    this.since = now;
    this.waitedMs = 0;
    this.statements = 0;
    this.bytes = 0;
    this.beginTransaction();
    this.#second.clear();
    this.#last = this.first;
  }

  beginTransaction(): void {
    this.longestGapMs = 0;
    this.isExplicit = false;
    this.isTraced = false;
    this.first.clear();
  }

  /** The client was silent for so long inside its transaction, and speaks again. */
  resumed(gapMs: number): void {
    this.isExplicit = true;
    if (gapMs > this.longestGapMs) this.longestGapMs = gapMs;
  }

  /** A batch begins whose first text begins at buffer[start]. */
  note(buffer: Buffer, start: number, end: number, totalLength: number): void {
    const target = this.first.isEmpty && !opensTransaction(buffer, start, end) ? this.first : this.#second;
    target.copy(buffer, start, end, totalLength);
    this.#last = target;
  }

  /** A batch begins with a prepared statement. */
  noteShared(text: Buffer): void {
    const target = this.first.isEmpty && !opensTransaction(text, 0, text.length) ? this.first : this.#second;
    target.refer(text);
    this.#last = target;
  }
}

/** BEGIN and START TRANSACTION with all their options are shorter. */
const LONGEST_BEGIN = 120;

/**
 * The text is BEGIN or START TRANSACTION and nothing else: it says nothing about what the transaction is for.
 * Most statements are told apart by their first two letters, before a text is made of them.
 */
function opensTransaction(buffer: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && buffer[at]! <= 0x20 && buffer[at] !== 0) at += 1;
  if (end - at > LONGEST_BEGIN || end - at < 2) return false;
  const letters = ((buffer[at]! | 0x20) << 8) | buffer[at + 1]! | 0x20;
  if (letters !== BE && letters !== ST) return false;
  return (
    /^(begin|start\s+transaction)\b[^;]*;?\s*\0?/i.exec(buffer.toString('latin1', at, end))?.[0].length === end - at
  );
}

const BE = 0x6265;
const ST = 0x7374;
