// A parsed statement that is no query, in reports: its verb and its name, never what it is given.

import type { Node, ParsedStatement, Token } from './statement-parser.ts';

/** `CREATE INDEX CONCURRENTLY IF NOT EXISTS name` */
const MAX_KEYWORDS = 6;

/** Behind these may come a value that is written as a name (`SET x TO secret`), where the name before it is a keyword. */
const BEFORE_VALUES = new Set('AS CONNECTION ENCRYPTED IS OPTIONS PASSWORD SET TO USING VALUES WITH'.split(' '));

const PLAIN = /^[\p{L}_][\p{L}\p{M}\p{N}_$]*$/u;
const QUOTED = /^"[\p{L}\p{N}_$ .-]{1,63}"$/u;

/** An identifier as it stands in the text; one that could hold anything (line ends, escapes for terminals) is not shown. */
export function shownIdentifier(raw: string): string {
  if (PLAIN.test(raw)) return raw;
  return QUOTED.test(raw) ? raw : '"?"';
}

/** A name from the tree, where it stands without its quotes. */
function shownName(...parts: readonly unknown[]): string {
  return parts
    .filter((part) => typeof part === 'string' && part !== '')
    .map((part) => (/^[a-z_][a-z0-9_$]*$/.test(part as string) ? (part as string) : shownIdentifier(`"${part}"`)))
    .join('.');
}

/** Parameters' names may have dots. */
function parameterName(node: Node): string {
  return typeof node.name === 'string' && /^[\w.$ ]{1,63}$/.test(node.name) ? node.name : '?';
}

function isName(token: Token | undefined): token is Token {
  return token !== undefined && (token.isKeyword || token.raw.startsWith('"') || PLAIN.test(token.raw));
}

/** The keywords that it begins with, and the name behind them. */
function leadingWords(tokens: readonly Token[], isTransaction: boolean): string {
  const words: string[] = [];
  for (let i = 0; i < tokens.length && words.length <= MAX_KEYWORDS; i += 1) {
    const token = tokens[i]!;
    if (!isName(token)) break;
    if (!token.isKeyword || tokens[i + 1]?.raw === '.') {
      words.push(dottedName(tokens, i));
      break;
    }
    const keyword = token.raw.toUpperCase();
    if (words.length > 0 && BEFORE_VALUES.has(keyword) && !(isTransaction && keyword === 'TO')) break;
    words.push(keyword);
  }
  return words.join(' ');
}

function dottedName(tokens: readonly Token[], from: number): string {
  let name = shownIdentifier(tokens[from]!.raw);
  for (let i = from + 1; tokens[i]?.raw === '.' && isName(tokens[i + 1]); i += 2) {
    name += `.${shownIdentifier(tokens[i + 1]!.raw)}`;
  }
  return name;
}

function setText(node: Node): string {
  if (node.kind === 'VAR_RESET_ALL') return 'RESET ALL';
  if (node.kind === 'VAR_RESET') return `RESET ${parameterName(node)}`;
  return `SET ${node.is_local === true ? 'LOCAL ' : ''}${parameterName(node)}`;
}

function copyText(node: Node): string {
  const relation = node.relation as Node | undefined;
  const name = relation ? shownName(relation.catalogname, relation.schemaname, relation.relname) : '(query)';
  return `COPY ${name} ${node.is_from === true ? 'FROM' : 'TO'}`;
}

export function utilityText(statement: ParsedStatement): string {
  const { type, node, tokens } = statement;
  switch (type) {
    case 'VariableSetStmt':
      return setText(node);
    case 'AlterSystemStmt':
      return `ALTER SYSTEM ${setText((node.setstmt ?? {}) as Node)}`;
    case 'CopyStmt':
      return copyText(node);
    case 'FetchStmt':
      return `${node.ismove === true ? 'MOVE' : 'FETCH'} ${shownName(node.portalname)}`;
    case 'DoStmt':
      return 'DO';
    default:
      return leadingWords(tokens, type === 'TransactionStmt');
  }
}
