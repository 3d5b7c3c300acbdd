// What may this statement do to its session? One pass over its bytes, without allocation: strings and comments are
// skipped as Postgres' scanner does (src/backend/parser/scan.l), words are looked up in the lexicon.
//
// It only suspects, and rather once too often: the server is asked what has really come of it (inspection.ts).

import { FNV_BASIS, FNV_PRIME, type Lexicon, Word } from './lexicon.ts';
import type { Lexing } from './lexing.ts';
import { Suspect } from './suspect.ts';

const LETTER = 1;
const DIGIT = 2;
const SPACE = 3;
const QUOTE = 4;
const DOUBLE_QUOTE = 5;
const DOLLAR = 6;
const MINUS = 7;
const SLASH = 8;
const SEMICOLON = 9;
const OPEN = 10;

const CLASS = new Uint8Array(256);
for (let byte = 0; byte < 256; byte += 1) {
  const lower = byte | 32;
  if ((lower >= 97 && lower <= 122) || byte === 95 || byte >= 128) CLASS[byte] = LETTER;
  else if (byte >= 48 && byte <= 57) CLASS[byte] = DIGIT;
}
for (const byte of [9, 10, 11, 12, 13, 32]) CLASS[byte] = SPACE;
CLASS[39] = QUOTE;
CLASS[34] = DOUBLE_QUOTE;
CLASS[36] = DOLLAR;
CLASS[45] = MINUS;
CLASS[47] = SLASH;
CLASS[59] = SEMICOLON;
CLASS[40] = OPEN;

const BACKSLASH = 92;
const NEWLINE = 10;
const RETURN = 13;
const STAR = 42;
const AMPERSAND = 38;
/** The text ends inside a string or a comment: Postgres takes it for an error, and so nothing is known of it. */
const UNENDED = -1;
/** A plain string with a backslash, where that may or may not mean something. */
const UNSURE = -2;

/** DO inside DO. */
const MAX_DEPTH = 3;

/** Hashes of the words of a function's body, where they are wanted. */
export type WordSink = Set<number>;

/** The text at buffer[start, end): bits of Suspect. */
export function scan(buffer: Buffer, start: number, end: number, lexicon: Lexicon, lexing: Lexing): number {
  return scanText(buffer, start, end, lexicon, lexing, 0, null);
}

/** The body of a function in SQL or PL/pgSQL, where more words begin a statement and EXECUTE runs what nobody can see. */
export function scanBody(body: Buffer, lexicon: Lexicon, lexing: Lexing, sink: WordSink): number {
  return scanText(body, 0, body.length, lexicon, lexing, 1, sink);
}

function scanText(
  buffer: Buffer,
  start: number,
  end: number,
  lexicon: Lexicon,
  lexing: Lexing,
  depth: number,
  sink: WordSink | null,
): number {
  const isBody = depth > 0;
  let found: number = Suspect.None;
  /** The first word of the statement under way; Word.None where it does not matter. */
  let statement: number = Word.None;
  /** Words of the statement so far. */
  let words = 0;
  let previous: number = Word.None;
  /** What it means if a parenthesis is next. */
  let call: number = Suspect.None;
  /** An E'' string has just ended: what follows on the next line is more of it. */
  let isEscaped = false;
  let at = start;
  while (at < end) {
    const byte = buffer[at]!;
    switch (CLASS[byte]) {
      case SPACE:
        at += 1;
        continue;
      case LETTER: {
        let hash = FNV_BASIS;
        const from = at;
        let next = byte;
        do {
          const lower = next >= 65 && next <= 90 ? next | 32 : next;
          hash = Math.imul(hash ^ lower, FNV_PRIME);
          at += 1;
          if (at === end) break;
          next = buffer[at]!;
        } while (CLASS[next] === LETTER || CLASS[next] === DIGIT || next === 36);
        if (byte >= 128 && !lexing.asciiSafe) return Suspect.Opaque;
        if (at - from === 1 && at < end) {
          if (next === 39) {
            isEscaped = (byte | 32) === 101;
            continue; // E'', B'', X'', N''
          }
          // U&"": a name that is written in escapes.
          if ((byte | 32) === 117 && next === AMPERSAND && buffer[at + 1] === 34) return Suspect.Opaque;
        }
        isEscaped = false;
        const slot = lexicon.slot(hash === 0 ? 1 : hash);
        call = lexicon.calls[slot]!;
        found |= lexicon.names[slot]!;
        const word = lexicon.codes[slot]!;
        if (words === 0) {
          statement = word;
          found |= ofFirstWord(word, isBody);
          words = word === Word.Opens && isBody ? 0 : 1;
        } else {
          if (statement === Word.Do && word !== Word.Language) return Suspect.Opaque;
          if (statement === Word.Set && words === 1) {
            if (word === Word.Local || word === Word.OfTransaction) statement = Word.None;
            else found |= Suspect.Parameter;
          }
          if (word !== Word.None) found |= ofLaterWord(word, statement, words, previous, isBody);
          if (isBody) {
            if (word === Word.Opens) words = -1;
            else if (word === Word.Execute) found |= Suspect.Opaque;
          }
          words += 1;
        }
        previous = word;
        sink?.add(hash === 0 ? 1 : hash);
        continue;
      }
      case OPEN:
        found |= call;
        at += 1;
        break;
      case QUOTE:
        at = isEscaped ? skipEscaped(buffer, at + 1, end, lexing) : skipString(buffer, at + 1, end, lexing);
        if (at < 0 || statement === Word.Do) return Suspect.Opaque;
        call = Suspect.None;
        continue; // isEscaped stays
      case DOUBLE_QUOTE: {
        // The same as a word, if it is one.
        let hash = FNV_BASIS;
        for (at += 1; at < end; at += 1) {
          let inside = buffer[at]!;
          if (inside === 34) {
            if (buffer[at + 1] !== 34 || at + 1 === end) break;
            at += 1;
          }
          if (inside >= 128 && !lexing.asciiSafe) return Suspect.Opaque;
          if (inside >= 65 && inside <= 90) inside |= 32;
          hash = Math.imul(hash ^ inside, FNV_PRIME);
        }
        if (at >= end) return Suspect.Opaque;
        at += 1;
        const slot = lexicon.slot(hash === 0 ? 1 : hash);
        call = lexicon.calls[slot]!;
        found |= lexicon.names[slot]!;
        const word = lexicon.codes[slot]!;
        if (word >= Word.PgTemp && word <= Word.PgPreparedStatements)
          found |= ofLaterWord(word, statement, words, previous, isBody);
        if (statement === Word.Set && words === 1) found |= Suspect.Parameter;
        words += 1;
        sink?.add(hash === 0 ? 1 : hash);
        isEscaped = false;
        continue;
      }
      case DOLLAR:
        {
          const from = at;
          at = skipDollar(buffer, at, end);
          if (at < 0) return Suspect.Opaque;
          if (statement === Word.Do) {
            if (depth >= MAX_DEPTH) return Suspect.Opaque;
            const tag = buffer.indexOf(36, from + 1) + 1 - from;
            found |= scanText(buffer, from + tag, at - tag, lexicon, lexing, depth + 1, sink);
          }
        }
        break;
      case MINUS:
        at += 1;
        if (at < end && buffer[at] === 45) {
          while (at < end && buffer[at] !== NEWLINE && buffer[at] !== RETURN) at += 1;
          continue;
        }
        break;
      case SLASH:
        at += 1;
        if (at < end && buffer[at] === STAR) {
          at = skipComment(buffer, at + 1, end);
          if (at < 0) return Suspect.Opaque;
          continue;
        }
        break;
      case SEMICOLON:
        statement = Word.None;
        words = 0;
        previous = Word.None;
        at += 1;
        break;
      case DIGIT:
        do at += 1;
        while (at < end && (CLASS[buffer[at]!] === DIGIT || CLASS[buffer[at]!] === LETTER));
        break;
      default:
        at += 1;
    }
    call = Suspect.None;
    isEscaped = false;
  }
  return found;
}

function ofFirstWord(word: number, isBody: boolean): number {
  switch (word) {
    case Word.Reset:
      return Suspect.Parameter | Suspect.Resets;
    case Word.Prepare:
      return Suspect.Prepare;
    case Word.Execute:
      return isBody ? Suspect.Opaque : Suspect.Execute;
    case Word.Deallocate:
      return Suspect.Prepare;
    case Word.Listen:
      return Suspect.Listen;
    case Word.Load:
      return Suspect.Load;
    case Word.Ends:
      return Suspect.Ends;
    case Word.Drop:
      return Suspect.Ends | Suspect.Catalog;
    case Word.Create:
      return Suspect.Temp | Suspect.Catalog;
    case Word.Alter:
      return Suspect.Catalog;
    default:
      return Suspect.None;
  }
}

/** words: how many of this statement stand before it. */
function ofLaterWord(word: number, statement: number, words: number, previous: number, isBody: boolean): number {
  switch (word) {
    case Word.PgTemp:
      return Suspect.Temp;
    case Word.PgSettings:
      return statement === Word.Select ? Suspect.None : Suspect.Parameter;
    case Word.PgPreparedStatements:
      return Suspect.Execute;
    case Word.Into:
      return !isBody && (statement === Word.Select || statement === Word.Explain) ? Suspect.Temp : Suspect.None;
    case Word.Temp:
      if (statement === Word.Discard) return Suspect.Ends;
      return previous === Word.Into || previous === Word.Local ? Suspect.Temp : Suspect.None;
    case Word.Hold:
      return statement === Word.Declare ? Suspect.HoldCursor : Suspect.None;
    case Word.Default:
      return statement === Word.Set ? Suspect.Resets : Suspect.None;
    case Word.Local:
      return statement === Word.Set && words > 1 ? Suspect.Resets : Suspect.None; // SET TIME ZONE LOCAL
    case Word.All:
      if (statement === Word.Discard) return DISCARD_ALL;
      return statement === Word.Deallocate ? Suspect.DeallocateAll : Suspect.None;
    case Word.Execute:
      return statement === Word.Explain || statement === Word.Create ? Suspect.Execute : Suspect.None;
    case Word.Create:
      return statement === Word.Explain ? Suspect.Temp | Suspect.Catalog : Suspect.None;
    default:
      return Suspect.None;
  }
}

const DISCARD_ALL = Suspect.Parameter | Suspect.Resets | Suspect.Prepare | Suspect.DeallocateAll | Suspect.Ends;

/** Behind the string whose first quote is before `at`. */
function skipString(buffer: Buffer, at: number, end: number, lexing: Lexing): number {
  for (let next = at; next < end; next += 1) {
    const byte = buffer[next]!;
    if (byte === 39) {
      if (next + 1 === end || buffer[next + 1] !== 39) return next + 1;
      next += 1;
    } else if (byte === BACKSLASH && lexing.backslashes) return UNSURE;
    else if (byte >= 128 && !lexing.asciiSafe) return UNSURE;
  }
  return UNENDED;
}

function skipEscaped(buffer: Buffer, at: number, end: number, lexing: Lexing): number {
  for (let next = at; next < end; next += 1) {
    const byte = buffer[next]!;
    if (byte === BACKSLASH) next += 1;
    else if (byte === 39) {
      if (next + 1 === end || buffer[next + 1] !== 39) return next + 1;
      next += 1;
    } else if (byte >= 128 && !lexing.asciiSafe) return UNSURE; // the next one may look like a backslash
  }
  return UNENDED;
}

/** They nest. */
function skipComment(buffer: Buffer, at: number, end: number): number {
  let depth = 1;
  for (let next = at; next + 1 < end; next += 1) {
    if (buffer[next] === STAR && buffer[next + 1] === 47) {
      depth -= 1;
      next += 1;
      if (depth === 0) return next + 1;
    } else if (buffer[next] === 47 && buffer[next + 1] === STAR) {
      depth += 1;
      next += 1;
    }
  }
  return UNENDED;
}

/** $1, or $tag$ and what it quotes. */
function skipDollar(buffer: Buffer, at: number, end: number): number {
  let next = at + 1;
  if (next < end && CLASS[buffer[next]!] === DIGIT) {
    while (next < end && (CLASS[buffer[next]!] === DIGIT || CLASS[buffer[next]!] === LETTER)) next += 1;
    return next;
  }
  while (next < end && (CLASS[buffer[next]!] === LETTER || CLASS[buffer[next]!] === DIGIT)) next += 1;
  if (next >= end || buffer[next] !== 36) return at + 1; // a dollar that is no quote
  const length = next + 1 - at;
  for (let close = next + 1; close + length <= end; close += 1) {
    if (buffer[close] !== 36) continue;
    let same = 1;
    while (same < length && buffer[close + same] === buffer[at + same]) same += 1;
    if (same === length) return close + length;
  }
  return UNENDED;
}

/** Names in the RESETs and SET TO DEFAULTs of a text, or 'all'. Far from exact: what is set once too often is set to what it has. */
export function readResets(text: string): readonly string[] | 'all' {
  if (/\b(?:reset|discard)\s+all\b/i.test(text)) return 'all';
  const names: string[] = [];
  const name = String.raw`((?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))*)`;
  const reset = new RegExp(
    String.raw`\breset\s+${name}|\bset\s+(?:session\s+)?${name}\s*(?:=|\bto\b)\s*default\b`,
    'gi',
  );
  for (const [, plain, set] of text.matchAll(reset)) names.push((plain ?? set)!.replaceAll('"', ''));
  if (/\btime\s+zone\b/i.test(text)) names.push('timezone');
  if (/\bset\s+(?:session\s+)?names\b/i.test(text)) names.push('client_encoding');
  if (/\btransaction\s+isolation\b/i.test(text)) names.push('transaction_isolation');
  return /\/\*|--/.test(text) ? 'all' : names;
}
