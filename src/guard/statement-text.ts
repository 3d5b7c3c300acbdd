// A client's statement as reports show it: one line, without control characters, and normalised without a value of it.
//
// It works from what may be shown, not from what must be hidden: keywords, identifiers, operators and `$1` pass, and every other token is a `?`.

import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { firstCharacters, printable } from '../util/printable.ts';
import { isParserLoaded, type ParsedStatement, parseStatements, type Token } from './statement-parser.ts';
import { wordsOf } from './statement-words.ts';
import { shownIdentifier, utilityText } from './utility-text.ts';

export { loadStatementParser } from './statement-parser.ts';

export type StatementTextMode = 'normalized' | 'full' | 'off';

const MAX_BYTES = 1024;
const MAX_CHARACTERS = 300;
const MAX_CACHED = 256;

const QUERIES = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);

const OPERATOR = /^[-+*/<>=~!@#%^&|`?.,:()[\]]+$/;
const PARAMETER = /^\$\d{1,5}$/;
const LETTER = /^[\p{L}_]/u;
const LITERALS = /\?(?: ?, ?\?)+/g;

/** By a hash, so that no text of a client stays in memory for it; the least recently used goes first. */
const cache = new Map<string, string>();

/** bytes: the first of a statement, totalLength: how many it really has. Never throws. */
export function statementText(bytes: Buffer, totalLength: number, mode: StatementTextMode): string {
  if (mode === 'off' || totalLength <= 0) return '';
  const head = bytes.subarray(0, Math.min(MAX_BYTES, totalLength));
  if (mode === 'full') return fullText(head, totalLength);
  // Made without the parser it is cheap, and worse than what comes later.
  if (!isParserLoaded()) return wordsOf(head, totalLength, false);
  const key = hash('sha256', head, 'base64') + totalLength;
  let text = cache.get(key);
  if (text === undefined) {
    text = cut(normalizedText(head, totalLength));
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value!);
  } else {
    cache.delete(key);
  }
  cache.set(key, text);
  return text;
}

function fullText(head: Buffer, totalLength: number): string {
  const text = printable(head.toString('utf8'));
  return totalLength > head.length ? `${firstCharacters(text, MAX_BYTES - 1)}…` : text;
}

function cut(text: string): string {
  return text.length <= MAX_CHARACTERS ? text : `${firstCharacters(text, MAX_CHARACTERS - 1)}…`;
}

function normalizedText(head: Buffer, totalLength: number): string {
  const isCut = totalLength > head.length;
  if (isCut || head.includes(0) || !isUtf8(head)) return wordsOf(head, totalLength, isCut);
  const text = head.toString('utf8');
  const statements = parseStatements(text, head);
  if (statements === null || statements.length === 0 || !isSure(text, statements)) {
    return wordsOf(head, totalLength, false);
  }
  return statements.map(shownStatement).join('; ');
}

/** Strings end where the parser thinks they end, whatever standard_conforming_strings and client_encoding are, and nobody forgot to double a quote. */
function isSure(text: string, statements: readonly ParsedStatement[]): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII
  if (/[^\x00-\x7f]\\/.test(text)) return false;
  return statements.every(({ tokens }) =>
    tokens.every((token, i) => {
      if (token.raw.startsWith("'") && token.raw.includes("\\'")) return false;
      if (token.raw.endsWith('"') && token.raw.includes("'")) return false;
      // `''secret''`: what was to be in a string stands behind one. (So does an alias without AS.)
      return token.isKeyword || i === 0 || !LETTER.test(token.raw) || !/['$]$/.test(tokens[i - 1]!.raw);
    }),
  );
}

function shownStatement(statement: ParsedStatement): string {
  const { type, node, tokens } = statement;
  const inner = type === 'ExplainStmt' ? Object.keys((node.query ?? {}) as object)[0] : type;
  if (!QUERIES.has(inner ?? '')) return utilityText(statement);
  let text = '';
  for (const token of tokens) text += (token.isJoined || text === '' ? '' : ' ') + shownToken(token);
  return text.replace(LITERALS, '?, …');
}

function shownToken({ raw, isKeyword }: Token): string {
  if (isKeyword || OPERATOR.test(raw) || PARAMETER.test(raw)) return raw;
  const isIdentifier = /^(?:u&)?"/i.test(raw) || (LETTER.test(raw) && !raw.endsWith("'"));
  return isIdentifier ? shownIdentifier(raw) : '?';
}
