// Reads a command of the console. PgBouncer: the grammar in src/admin.c: WORD [WORD] [;], words quoted or not. Ours: a number may follow.

export interface ConsoleCommand {
  /** Upper case. */
  readonly verb: string;
  /** Lower case unless it was quoted; null: none. */
  readonly argument: string | null;
  /** SHOW EVENTS 20: how many rows; null: not said. */
  readonly limit: number | null;
}

const WORD = /[A-Za-z0-9_]+|"(?:[^"]|"")*"/y;

/** null: it is no command. */
export function parseCommand(sql: string): ConsoleCommand | null {
  const words: string[] = [];
  let rest = sql.trim().replace(/\s*;\s*$/, '');
  while (rest !== '' && words.length < 4) {
    WORD.lastIndex = 0;
    const word = WORD.exec(rest)?.[0];
    if (word === undefined) return null;
    words.push(
      word.startsWith('"') ? word.slice(1, -1).replaceAll('""', '"') : words.length === 0 ? word : word.toLowerCase(),
    );
    rest = rest.slice(word.length);
    if (rest !== '' && !/^\s/.test(rest)) return null;
    rest = rest.trimStart();
  }
  const [verb, argument, limit, more] = words;
  if (verb === undefined || more !== undefined || rest !== '') return null;
  if (limit !== undefined && !/^\d{1,9}$/.test(limit)) return null;
  return { verb: verb.toUpperCase(), argument: argument ?? null, limit: limit === undefined ? null : Number(limit) };
}

/** The statements of a query string: none of the console's words can hold a semicolon, but a quoted name can. */
export function splitStatements(sql: string): string[] {
  return (sql.match(/(?:[^;"]|"(?:[^"]|"")*"?)+/g) ?? []).map((part) => part.trim()).filter((part) => part !== '');
}
