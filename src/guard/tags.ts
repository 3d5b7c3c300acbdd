// The tags that an application's library writes into its statements: sqlcommenter's comment, `/*route='%2Forders',…*/`.

import { firstCharacters, printable } from '../util/printable.ts';

export interface StatementTags {
  readonly traceparent?: string;
  readonly route?: string;
  readonly controller?: string;
  readonly action?: string;
  readonly file?: string;
}

type Tags = { -readonly [Key in keyof StatementTags]: StatementTags[Key] };

/** Any other key may hold what nobody wants to see in a log. */
const ALLOWED: ReadonlySet<string> = new Set<keyof StatementTags>([
  'traceparent',
  'route',
  'controller',
  'action',
  'file',
]);

const MAX_CHARACTERS = 128;
/** More is no comment of tags; bounds the work. */
const MAX_PAIRS = 64;

const STAR = 42;
const SLASH = 47;
const SEMICOLON = 59;

/** sqlcommenter: both are url-encoded, then quotes in the value are escaped with a backslash. */
const PAIR = /\s*([^\s=,']{1,128})\s*=\s*'((?:[^'\\]|\\.)*)'\s*(,|$)/sy;

function isBlank(byte: number | undefined): boolean {
  return byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13);
}

/** Of the comment that a statement ends with, and of one that it begins with; the former goes first. Never throws. */
export function statementTags(bytes: Buffer): StatementTags {
  const tags: Tags = {};
  let end = bytes.length;
  while (end > 0 && (isBlank(bytes[end - 1]) || bytes[end - 1] === SEMICOLON)) end -= 1;
  if (end >= 4 && bytes[end - 1] === SLASH && bytes[end - 2] === STAR) {
    const start = bytes.lastIndexOf('/*', end - 4, 'latin1');
    if (start >= 0) readPairs(bytes.toString('utf8', start + 2, end - 2), tags);
  }
  let start = 0;
  while (isBlank(bytes[start])) start += 1;
  if (bytes[start] === SLASH && bytes[start + 1] === STAR) {
    const close = bytes.indexOf('*/', start + 2, 'latin1');
    if (close >= 0 && close + 2 < end) readPairs(bytes.toString('utf8', start + 2, close), tags);
  }
  return tags;
}

/** Where the form is wrong it ends, and what came before stays. */
function readPairs(comment: string, tags: Tags): void {
  PAIR.lastIndex = 0;
  for (let i = 0; i < MAX_PAIRS; i += 1) {
    const pair = PAIR.exec(comment);
    if (pair === null) return;
    const key = decoded(pair[1]!);
    if (key !== null && ALLOWED.has(key) && tags[key as keyof StatementTags] === undefined) {
      const value = decoded(pair[2]!.replace(/\\(.)/gs, '$1'));
      const shown = value === null ? '' : firstCharacters(printable(value), MAX_CHARACTERS);
      if (shown !== '') tags[key as keyof StatementTags] = shown;
    }
    if (pair[3] === '') return;
  }
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
