// What a session has set: an immutable map of parameters, and the statements that lead from one to another. Pure.
//
// A client has one (what it expects), a server has one (what was set on it). Most of the time they are the same
// object, which is the cheap question that every checkout asks.

export class ParameterSet {
  static readonly EMPTY = new ParameterSet(new Map());

  readonly entries: ReadonlyMap<string, string>;
  /** Equal sets have equal keys. */
  readonly key: string;

  private constructor(entries: ReadonlyMap<string, string>) {
    this.entries = entries;
    this.key = JSON.stringify([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  static of(entries: Iterable<readonly [string, string]>): ParameterSet {
    const map = new Map<string, string>();
    for (const [name, value] of entries) map.set(canonicalName(name), value);
    return map.size === 0 ? ParameterSet.EMPTY : new ParameterSet(map);
  }

  with(name: string, value: string): ParameterSet {
    const canonical = canonicalName(name);
    if (this.entries.get(canonical) === value) return this;
    return new ParameterSet(new Map(this.entries).set(canonical, value));
  }

  equals(other: ParameterSet): boolean {
    return this === other || this.key === other.key;
  }
}

/** A statement of SQL's PREPARE is kept like a parameter: its name behind this, its text as the value. No parameter is called so. */
const PREPARED_PREFIX = '\0prepared ';

export function preparedName(statement: string): string {
  return PREPARED_PREFIX + statement;
}

export function isPreparedName(name: string): boolean {
  return name.startsWith(PREPARED_PREFIX);
}

/** Parameter names are case-insensitive (Postgres: guc_name_compare); those of prepared statements are not. */
function canonicalName(name: string): string {
  return isPreparedName(name) ? name : lowerAscii(name);
}

/** Postgres folds A to Z alone: "Ä" is another schema than "ä". */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Reported by Postgres but not a session's to set, so never carried from one server to another. session_authorization
 * and role follow from who logged in. Postgres: GUC_REPORT with GUC_DISALLOW_IN_FILE or PGC_INTERNAL.
 */
const NOT_CARRIED = new Set([
  'in_hot_standby',
  'integer_datetimes',
  'is_superuser',
  'server_encoding',
  'server_version',
  'session_authorization',
]);

/** Whether a parameter that the server reported belongs to what a session has set. */
export function isCarried(name: string): boolean {
  return !NOT_CARRIED.has(canonicalName(name));
}

/** Values that are lists of identifiers: each element is quoted by itself. Postgres: GUC_LIST_QUOTE in guc_tables.c. */
const LIST_QUOTED = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'temp_tablespaces',
]);

/**
 * The statements that make a server with `from` into one with `to`; empty when nothing differs. Who one is goes first when
 * it is left and last when it is taken: what lies between may need the rights of who logged in. isTainted: more may be set
 * on it than is known.
 */
export function difference(from: ParameterSet, to: ParameterSet, isTainted = false): string {
  if (from.equals(to) && !isTainted) return '';
  const statements: string[] = [];
  const isForeign = !isUtf8(from.entries.get('client_encoding'));
  for (const name of IDENTITY.toReversed()) if (from.entries.has(name)) statements.push(resetStatement(name));
  if (isTainted) statements.push('RESET ALL');
  for (const [name, value] of from.entries) {
    if (IDENTITY.includes(name) || (isTainted && !isPreparedName(name))) continue;
    const isKept = isPreparedName(name) ? to.entries.get(name) === value : to.entries.has(name);
    if (!isKept) statements.push(resetStatement(name));
  }
  const prepared: string[] = [];
  for (const [name, value] of to.entries) {
    if (IDENTITY.includes(name)) continue;
    if (from.entries.get(name) === value && !(isTainted && !isPreparedName(name))) continue;
    if (isPreparedName(name)) prepared.push(value);
    else statements.push(setStatement(name, value, isForeign));
  }
  for (const name of IDENTITY) {
    const value = to.entries.get(name);
    if (value !== undefined) statements.push(setStatement(name, value, isForeign));
  }
  return [...statements, ...prepared].join(';');
}

/** Who the session is, in the order in which it becomes that. Postgres: SET SESSION AUTHORIZATION takes the role away. */
const IDENTITY: readonly string[] = ['session_authorization', 'role'];

function resetStatement(name: string): string {
  return isPreparedName(name)
    ? `DEALLOCATE ${quoteIdentifier(name.slice(PREPARED_PREFIX.length))}`
    : `RESET ${quoteName(name)}`;
}

function setStatement(name: string, value: string, isForeign: boolean): string {
  const elements = LIST_QUOTED.has(name) ? splitIdentifiers(value) : [value];
  // SET has no words for an empty list, and would take a broken one for a name: Postgres is to say what is wrong with it.
  const isSettable = elements !== null && elements.length > 0;
  const literals = (isSettable ? elements : [value]).map(quoteLiteral).join(', ');
  const safe = isForeign ? asciiOnly(literals) : literals;
  if (isSettable) return `SET ${quoteName(name)} TO ${safe}`;
  return `SELECT pg_catalog.set_config('${name}', ${safe}, false)`;
}

/** Where nothing was set, the server has our own encoding, or takes bytes as they are. */
function isUtf8(clientEncoding: string | undefined): boolean {
  return clientEncoding === undefined || /^['"\s]*(utf-?8|unicode)['"\s]*$/i.test(clientEncoding);
}

/**
 * Literals as pure ASCII: the text is sent as UTF-8, and a session whose client_encoding is another one would read it as
 * something else.
 */
function asciiOnly(literals: string): string {
  if (!/[^\0-\x7f]/.test(literals)) return literals;
  const escaped = (char: string) => `\\U${char.codePointAt(0)!.toString(16).padStart(8, '0')}`;
  return literals.replace(/( E)?'(?:[^']|'')*'/g, (literal, isEscaped: string | undefined) =>
    /[^\0-\x7f]/.test(literal) ? `${isEscaped ? '' : ' E'}${literal.replace(/[^\0-\x7f]/gu, escaped)}` : literal,
  );
}

/** Custom parameters have a dot: each part is an identifier of its own. */
function quoteName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}

function quoteIdentifier(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Independent of standard_conforming_strings: an E'' string as soon as there is a backslash. */
function quoteLiteral(text: string): string {
  const quoted = text.replaceAll("'", "''");
  return quoted.includes('\\') ? ` E'${quoted.replaceAll('\\', '\\\\')}'` : `'${quoted}'`;
}

/** Postgres: SplitIdentifierString (utils/adt/varlena.c): commas, double quotes, unquoted names folded to lower case. */
export function splitIdentifiers(text: string): string[] | null {
  const elements: string[] = [];
  let at = skipSpace(text, 0);
  if (at === text.length) return elements;
  for (;;) {
    let element = '';
    if (text[at] === '"') {
      for (;;) {
        const quote = text.indexOf('"', at + 1);
        if (quote < 0) return null;
        element += text.slice(at + 1, quote);
        at = quote + 1;
        if (text[at] !== '"') break;
        element += '"';
      }
    } else {
      const begin = at;
      while (at < text.length && text[at] !== ',' && !isSpace(text[at]!)) at += 1;
      if (at === begin) return null;
      element = lowerAscii(text.slice(begin, at));
    }
    elements.push(element);
    at = skipSpace(text, at);
    if (at === text.length) return elements;
    if (text[at] !== ',') return null;
    at = skipSpace(text, at + 1);
    if (at === text.length) return null;
  }
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r' || char === '\f' || char === '\v';
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && isSpace(text[at]!)) at += 1;
  return at;
}
