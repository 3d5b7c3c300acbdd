// Reads what stands behind the name of a database, a user or a peer: `host=db.internal port=5432 connect_query='SELECT ''x'''`.

/** One pair, and where key and value begin in the text, from 0. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly keyAt: number;
  readonly valueAt: number;
}

export type Pairs =
  | { readonly ok: true; readonly pairs: readonly Pair[] }
  | { readonly ok: false; readonly at: number; readonly message: string };

/** A value in single quotes has '' for a quote; a bare one ends at a blank. PgBouncer allows neither an empty value nor an empty key. */
const pair = /([^\s=]*)[ \t]*(=?)[ \t]*(?:'((?:[^']|'')*)'|([^\s']\S*))?/y;

/** The pairs in their order. Messages never carry a value: it may be a password. */
export function readPairs(text: string): Pairs {
  const pairs: Pair[] = [];
  let at = skipBlanks(text, 0);
  while (at < text.length) {
    pair.lastIndex = at;
    const match = pair.exec(text);
    const key = match?.[1] ?? '';
    if (!match || key === '' || match[2] !== '=') return { ok: false, at, message: 'expected key=value' };
    const value = match[3]?.replaceAll("''", "'") ?? match[4];
    if (value === undefined || value === '') return { ok: false, at, message: `${key} has no value that ends` };
    const written = match[3] === undefined ? value.length : match[3].length + 2;
    pairs.push({ key, value, keyAt: at, valueAt: pair.lastIndex - written });
    at = skipBlanks(text, pair.lastIndex);
  }
  return { ok: true, pairs };
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ' || text[at] === '\t') at += 1;
  return at;
}
