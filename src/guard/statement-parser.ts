// Postgres' own parser, as WASM: does this text parse, which statements is it, which tokens has each. Only for reports.

import { setFlagsFromString } from 'node:v8';

export interface Token {
  /** As the client wrote it. */
  readonly raw: string;
  readonly isKeyword: boolean;
  /** Nothing stands between it and the token before it. */
  readonly isJoined: boolean;
}

/** A node of the parse tree; its fields are the parser's. */
export type Node = Record<string, unknown>;

export interface ParsedStatement {
  /** `SelectStmt`, `CopyStmt`, … */
  readonly type: string;
  readonly node: Node;
  /** Without comments. */
  readonly tokens: readonly Token[];
}

interface RawStatement {
  stmt?: Record<string, Node>;
  stmt_location?: number;
  stmt_len?: number;
}

interface Library {
  loadModule(): Promise<void>;
  parseSync(text: string): { stmts?: RawStatement[] };
  scanSync(text: string): { tokens: { start: number; end: number; keywordKind: number }[] };
}

let library: Library | null = null;
let loading: Promise<void> | null = null;

async function load(): Promise<void> {
  // V8 would compile the parser's largest function once more when it has run often, and takes 500 MB for a moment to do
  // that: too much beside an application. The first, plain compilation is a quarter slower.
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
  const loaded = (await import('libpg-query')) as unknown as Library;
  await loaded.loadModule();
  library = loaded;
}

/** At start; until it is done, and where it fails, texts are read without the parser. Never rejects. */
export function loadStatementParser(): Promise<void> {
  loading ??= load().catch(() => {});
  return loading;
}

export function isParserLoaded(): boolean {
  return library !== null;
}

/** null: it does not parse, or nobody can. text and bytes are the same. */
export function parseStatements(text: string, bytes: Buffer): ParsedStatement[] | null {
  if (library === null) return null;
  try {
    const raws = library.parseSync(text).stmts ?? [];
    const { tokens } = library.scanSync(text);
    return raws.map((raw) => parsedStatement(raw, tokens, bytes));
  } catch (error) {
    // A trap or an overflow inside the WASM may leave its memory in disorder: it is not asked again.
    if (error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')) library = null;
    return null;
  }
}

/** Positions are in bytes. */
function parsedStatement(
  raw: RawStatement,
  tokens: readonly { start: number; end: number; keywordKind: number }[],
  bytes: Buffer,
): ParsedStatement {
  const [type, node] = Object.entries(raw.stmt ?? {})[0] ?? ['', {}];
  const start = raw.stmt_location ?? 0;
  const end = raw.stmt_len ? start + raw.stmt_len : bytes.length;
  const own: Token[] = [];
  let previousEnd = -1;
  for (const token of tokens) {
    if (token.start < start || token.end > end) continue;
    const text = bytes.toString('utf8', token.start, token.end);
    if (text.startsWith('--') || text.startsWith('/*') || text === ';') continue;
    own.push({ raw: text, isKeyword: token.keywordKind !== 0, isJoined: token.start === previousEnd });
    previousEnd = token.end;
  }
  return { type, node, tokens: own };
}
