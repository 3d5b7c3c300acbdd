// What is normal for a kind of transaction: how long its clients are silent inside it, learned from those that came back.
//
// A kind is an application and the route tag of its first statement, or else a hash of that statement without its values; so a
// leaking code path is told from healthy ones of the same application. Pure; stamps are handed in.

/** A kind that was forgotten is learned again. */
const MAX_KINDS = 1_000;
/** Upper bounds of the buckets: 64 ms, doubled each time, to about two minutes. */
const FIRST_BUCKET_MS = 64;
const BUCKETS = 12;
/** So many of a kind have to have come back before what is usual for it is believed to be all there is. */
const KNOWN_AFTER = 5;
/** A silence is far outside its kind beyond so many times of what 99 in 100 of the kind do. */
const FAR_OUTSIDE = 2;
/** Memory of what was learned: beyond so many, all counts are halved. */
const HALVE_AFTER = 1_000;
/** So many leaks, and more of them than of transactions that ended, put a kind into quarantine */
const QUARANTINE_AFTER = 3;
/** until it has behaved for so long. */
export const QUARANTINE_MS = 60_000;

export class Kind {
  readonly application: string;
  /** Transactions that ended by themselves, and the longest silence in each. */
  completed = 0;
  readonly gaps = new Uint32Array(BUCKETS);
  /** Transactions that were taken back, or are held beyond leak_detection_threshold. */
  leaks = 0;
  /** Recent ones among them, halved like what was learned. */
  recentLeaks = 0;
  lastLeakAt = Number.NEGATIVE_INFINITY;

  constructor(application: string) {
    this.application = application;
  }

  /** One ended by itself; its client was silent for at most so long. */
  ended(longestGapMs: number): void {
    this.completed += 1;
    const bucket = bucketOf(longestGapMs);
    this.gaps[bucket]! += 1;
    if (this.completed % HALVE_AFTER === 0) {
      for (let i = 0; i < BUCKETS; i += 1) this.gaps[i] = this.gaps[i]! >> 1;
      this.recentLeaks >>= 1;
    }
  }

  leaked(now: number): void {
    this.leaks += 1;
    this.recentLeaks += 1;
    this.lastLeakAt = now;
  }

  /** It keeps leaking: it gets a small share of the pool until it has behaved for a while. */
  isQuarantined(now: number): boolean {
    if (this.recentLeaks < QUARANTINE_AFTER) return false;
    if (now - this.lastLeakAt < QUARANTINE_MS) return true;
    this.recentLeaks = 0;
    return false;
  }

  /** The silence that 99 of 100 did not exceed, in ms; 0 when nothing is known. */
  get usualGapMs(): number {
    let total = 0;
    for (const count of this.gaps) total += count;
    if (total === 0) return 0;
    let beyond = Math.floor(total / 100);
    for (let bucket = BUCKETS - 1; bucket >= 0; bucket -= 1) {
      const count = this.gaps[bucket]!;
      if (count > beyond) return FIRST_BUCKET_MS * 2 ** bucket;
      beyond -= count;
    }
    return 0;
  }

  /**
   * While others wait: how long a client of this kind may be silent before it is taken for a leak. silent: how many of the kind are
   * silent right now, for longer than the floor; the more of them and none that ever came back, the less is needed.
   */
  allowedGapMs(silent: number, thresholdMs: number, floorMs: number): number {
    const unproven = thresholdMs / Math.max(1, silent);
    const usual = FAR_OUTSIDE * this.usualGapMs;
    const allowed = this.completed >= KNOWN_AFTER ? usual : Math.max(usual, unproven);
    return Math.min(Math.max(allowed, floorMs), thresholdMs);
  }
}

function bucketOf(gapMs: number): number {
  if (gapMs <= FIRST_BUCKET_MS) return 0;
  return Math.min(Math.ceil(Math.log2(gapMs / FIRST_BUCKET_MS)), BUCKETS - 1);
}

export class Kinds {
  readonly #kinds = new Map<string, Map<number, Kind>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The kind of a transaction; made when it is new. */
  of(application: string, key: number): Kind {
    let kinds = this.#kinds.get(application);
    if (kinds === undefined) {
      kinds = new Map();
      this.#kinds.set(application, kinds);
    }
    let kind = kinds.get(key);
    if (kind === undefined) {
      if (this.#size >= MAX_KINDS) {
        this.#kinds.clear();
        this.#size = 0;
        kinds.clear();
        this.#kinds.set(application, kinds);
      }
      kind = new Kind(application);
      kinds.set(key, kind);
      this.#size += 1;
    }
    return kind;
  }
}

/** So much of a statement tells its kind: enough for its verb and its tables. */
const HASHED_BYTES = 256;
const QUOTE = 0x27;
const SLASH = 0x2f;
const STAR = 0x2a;

/** A number for the statement without its numbers, its texts in quotes, its comments and the length of its blanks. */
export function statementKey(bytes: Buffer): number {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  const end = Math.min(bytes.length, HASHED_BYTES);
  for (let at = 0; at < end; at += 1) {
    let byte = bytes[at]!;
    if (byte === QUOTE) {
      at = endOfText(bytes, at + 1, end);
    } else if (byte === SLASH && bytes[at + 1] === STAR) {
      at = skipComment(bytes, at + 2, end);
      continue;
    } else if (byte >= 0x30 && byte <= 0x39) {
      while (at + 1 < end && isDigit(bytes[at + 1]!)) at += 1;
      byte = 0x30;
    } else if (byte <= 0x20) {
      continue;
    } else if (byte >= 0x41 && byte <= 0x5a) {
      byte |= 0x20;
    }
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

function isDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2e;
}

/** Where its last quote stands; two in a row are a part of the text. */
function endOfText(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && (bytes[at] !== QUOTE || bytes[at + 1] === QUOTE)) at += bytes[at] === QUOTE ? 2 : 1;
  return at;
}

function skipComment(bytes: Buffer, from: number, end: number): number {
  let at = from;
  while (at < end && !(bytes[at] === STAR && bytes[at + 1] === SLASH)) at += 1;
  return at + 1;
}
