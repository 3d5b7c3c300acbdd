// Names of custom parameters ("app.tenant"). Postgres shows no list of those that a session has set, so they are asked for
// by name: this gathers the names, from whatever text may set one.

/** More are not asked for: what they may have been set to is undone before another client gets the server. */
const MAX_NAMES = 256;
/** Postgres: a name can be longer, but NAMEDATALEN is what identifiers have. */
const MAX_LENGTH = 127;

const PART = String.raw`[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*`;
const NAME = String.raw`${PART}(?:\.${PART})+`;
const WHOLE_NAME = new RegExp(`^${NAME}$`);
const QUOTED_PART = `(?:"${PART}"|${PART})`;
/** SET x.y, RESET x.y; and each string that is such a name. */
const MENTIONS = new RegExp(
  String.raw`\b(?:set|reset)\s+(?:(?:session|local)\s+)?(${QUOTED_PART}(?:\s*\.\s*${QUOTED_PART})+)|'(${NAME})'`,
  'gi',
);
const CALLS = /\bset_config\s*\(/gi;
/** With a name that can be read: here, or from Bind. */
const CLEAR_CALLS = /\bset_config"?\s*\(\s*(?:'[^']*'|\$\d+)\s*(?:::\s*(?:pg_catalog\s*\.\s*)?(?:text|varchar)\s*)?,/gi;

export class CustomNames {
  readonly #names = new Set<string>();
  #sql: string | null = null;

  /** All names in a statement, or in a function's body. False: one may be set that can't be known. */
  readText(text: string): boolean {
    let isClear = (text.match(CALLS)?.length ?? 0) === (text.match(CLEAR_CALLS)?.length ?? 0);
    for (const [, set, literal] of text.matchAll(MENTIONS)) {
      if (!this.add((literal ?? set)!.replace(/["\s]/g, ''))) isClear = false;
    }
    return isClear;
  }

  /** A value that a statement was given, which may be a name. False: as above. */
  readValue(value: string): boolean {
    return !WHOLE_NAME.test(value) || this.add(value);
  }

  add(name: string): boolean {
    const lower = name.toLowerCase();
    if (this.#names.has(lower)) return true;
    // It is asked for in whatever encoding a session has.
    const isAscii = !/[^\x20-\x7e]/.test(lower);
    if (!isAscii || this.#names.size >= MAX_NAMES || lower.length > MAX_LENGTH) return false;
    this.#names.add(lower);
    this.#sql = null;
    return true;
  }

  get size(): number {
    return this.#names.size;
  }

  /** As the text of an array of Postgres. Names have letters, digits, underscores, dollars and dots alone. */
  get arrayText(): string {
    this.#sql ??= `{${[...this.#names].join(',')}}`;
    return this.#sql;
  }
}
