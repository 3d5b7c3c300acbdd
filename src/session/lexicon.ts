// The words that a statement is searched for, by the hash of each: keywords, functions that may change a session, and
// relations whose use may (by a trigger, a rule, a default). Two words with one hash only make a statement look worse.

import { Suspect } from './suspect.ts';

/** What a word means to the scanner, where it stands right: 0 for nothing. */
export const Word = {
  None: 0,
  Set: 1,
  Reset: 2,
  Discard: 3,
  Prepare: 4,
  Execute: 5,
  Deallocate: 6,
  Listen: 7,
  Load: 8,
  Do: 9,
  Declare: 10,
  /** CLOSE, UNLISTEN. */
  Ends: 11,
  Drop: 12,
  Create: 13,
  Alter: 14,
  Explain: 15,
  Select: 16,
  Into: 17,
  Temp: 18,
  Hold: 19,
  Default: 20,
  All: 21,
  Local: 22,
  /** TRANSACTION, CONSTRAINTS. */
  OfTransaction: 23,
  PgTemp: 24,
  PgSettings: 25,
  PgPreparedStatements: 26,
  /** In a function's body the next word begins a statement. */
  Opens: 27,
  /** LANGUAGE, and the one that is read. */
  Language: 28,
} as const;

/** Pairs, because an object with `then` would look like a promise. */
const KEYWORDS: readonly (readonly [word: string, code: number])[] = [
  ['all', Word.All],
  ['alter', Word.Alter],
  ['atomic', Word.Opens],
  ['begin', Word.Opens],
  ['close', Word.Ends],
  ['constraints', Word.OfTransaction],
  ['create', Word.Create],
  ['deallocate', Word.Deallocate],
  ['declare', Word.Declare],
  ['default', Word.Default],
  ['discard', Word.Discard],
  ['do', Word.Do],
  ['drop', Word.Drop],
  ['else', Word.Opens],
  ['execute', Word.Execute],
  ['explain', Word.Explain],
  ['hold', Word.Hold],
  ['import', Word.Create],
  ['into', Word.Into],
  ['language', Word.Language],
  ['listen', Word.Listen],
  ['load', Word.Load],
  ['local', Word.Local],
  ['loop', Word.Opens],
  ['pg_prepared_statements', Word.PgPreparedStatements],
  ['pg_settings', Word.PgSettings],
  ['pg_temp', Word.PgTemp],
  ['plpgsql', Word.Language],
  ['prepare', Word.Prepare],
  ['reset', Word.Reset],
  ['select', Word.Select],
  ['set', Word.Set],
  ['temp', Word.Temp],
  ['temporary', Word.Temp],
  ['then', Word.Opens],
  ['transaction', Word.OfTransaction],
  ['unlisten', Word.Ends],
];

/** Of pg_catalog, and of extensions that come with Postgres. What stays and no view shows counts as Load. */
const FUNCTIONS: readonly (readonly [names: string, mask: number])[] = [
  ['set_config', Suspect.Parameter],
  ['pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared', Suspect.AdvisoryLock],
  ['pg_advisory_unlock pg_advisory_unlock_shared pg_advisory_unlock_all', Suspect.Ends],
  ['nextval currval lastval setval', Suspect.Sequence],
  ['setseed', Suspect.Seed],
  ['pg_backup_start pg_start_backup pg_replication_origin_session_setup dblink_connect dblink_connect_u', Suspect.Load],
  // They run a text that they are given.
  [
    'query_to_xml query_to_xml_and_xmlschema query_to_xmlschema ts_stat ts_rewrite crosstab crosstab2 crosstab3 crosstab4 xpath_table connectby',
    Suspect.Opaque,
  ],
  ['set_limit', Suspect.Parameter], // pg_trgm
];

const MIN_SLOTS = 256;

/** FNV-1a, 32 bits, over bytes in lower case; never 0. */
export const FNV_BASIS = 0x811c9dc5 | 0;
export const FNV_PRIME = 0x01000193;

export function wordHash(word: string | Buffer): number {
  let hash = FNV_BASIS;
  for (const byte of typeof word === 'string' ? Buffer.from(word) : word) {
    const lower = byte >= 65 && byte <= 90 ? byte | 32 : byte;
    hash = Math.imul(hash ^ lower, FNV_PRIME);
  }
  return hash === 0 ? 1 : hash;
}

export class Lexicon {
  /** Open addressing: hash at a slot, 0 where it is free. At most half full. */
  readonly keys: Int32Array;
  /** A Word. */
  readonly codes: Uint8Array;
  /** Bits of Suspect: when a parenthesis follows; wherever it stands. */
  readonly calls: Int32Array;
  readonly names: Int32Array;
  readonly #mask: number;

  /** calls, names: masks by hash, besides Postgres' own. */
  constructor(calls: ReadonlyMap<number, number> = new Map(), names: ReadonlyMap<number, number> = new Map()) {
    const own = KEYWORDS.length + FUNCTIONS.reduce((n, [words]) => n + words.split(' ').length, 0);
    let slots = MIN_SLOTS;
    while (slots < 2 * (own + calls.size + names.size)) slots *= 2;
    this.#mask = slots - 1;
    this.keys = new Int32Array(slots);
    this.codes = new Uint8Array(slots);
    this.calls = new Int32Array(slots);
    this.names = new Int32Array(slots);
    for (const [word, code] of KEYWORDS) this.codes[this.#claim(wordHash(word))] = code;
    for (const [words, mask] of FUNCTIONS) for (const word of words.split(' ')) this.#addCall(wordHash(word), mask);
    for (const [hash, mask] of calls) this.#addCall(hash, mask);
    for (const [hash, mask] of names) this.names[this.#claim(hash)]! |= mask;
  }

  /** The slot of this hash, or a free one. */
  slot(hash: number): number {
    const mask = this.#mask;
    let at = hash & mask;
    for (let key = this.keys[at]!; key !== 0 && key !== hash; key = this.keys[at]!) at = (at + 1) & mask;
    return at;
  }

  #claim(hash: number): number {
    const at = this.slot(hash);
    this.keys[at] = hash;
    return at;
  }

  #addCall(hash: number, mask: number): void {
    const at = this.#claim(hash);
    this.calls[at]! |= mask;
  }
}

/** What is known without having asked a database. */
export const POSTGRES_LEXICON = new Lexicon();
