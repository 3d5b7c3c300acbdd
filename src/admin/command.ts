// Reads a command of the console. PgBouncer: the grammar in src/admin.c: WORD [WORD] [;], words quoted or not, and SET. Ours: a number may follow.

export type ConsoleCommand = WordCommand | SetCommand;

export interface WordCommand {
  readonly kind: 'words';
  /** Upper case. */
  readonly verb: string;
  /** As it was written: names are case-sensitive here, quoted or not. */
  readonly argument: string | null;
  /** SHOW EVENTS 20: how many rows; null: not said. */
  readonly limit: number | null;
}

export interface SetCommand {
  readonly kind: 'set';
  readonly key: string;
  readonly value: string;
}

const WORD = /[A-Za-z0-9_]+|"(?:[^"]|"")*"/y;
const SET = /^set\s+(\w+|"(?:[^"]|"")+")\s*(?:=|\bto\b)\s*(\w+|"(?:[^"]|"")+"|'(?:[^']|'')*')$/i;

/** null: it is no command. */
export function parseCommand(sql: string): ConsoleCommand | null {
  let rest = sql.trim();
  if (rest.endsWith(';')) rest = rest.slice(0, -1).trimEnd();
  const set = SET.exec(rest);
  if (set !== null) return { kind: 'set', key: unquoted(set[1]!), value: unquoted(set[2]!) };
  const words: string[] = [];
  while (rest !== '' && words.length < 4) {
    WORD.lastIndex = 0;
    const word = WORD.exec(rest)?.[0];
    if (word === undefined) return null;
    words.push(unquoted(word));
    rest = rest.slice(word.length);
    if (rest !== '' && !/^\s/.test(rest)) return null;
    rest = rest.trimStart();
  }
  const [verb, argument, limit, more] = words;
  if (verb === undefined || more !== undefined || rest !== '') return null;
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) return null;
  return {
    kind: 'words',
    verb: verb.toUpperCase(),
    argument: argument ?? null,
    limit: limit === undefined ? null : Number(limit),
  };
}

function unquoted(word: string): string {
  const quote = word[0];
  if (quote !== '"' && quote !== "'") return word;
  return word.slice(1, -1).replaceAll(quote + quote, quote);
}

/** The statements of a query string, apart at the semicolons that no quoted word holds. */
export function splitStatements(sql: string): string[] {
  const parts = sql.match(/(?:[^;"']|"(?:[^"]|"")*"?|'(?:[^']|'')*'?)+/g) ?? [];
  return parts.filter((part) => part.trim() !== '');
}
