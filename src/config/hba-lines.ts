// The lines of pg_hba.conf and pg_ident.conf as fields of tokens. Postgres: next_token, next_field_expand, tokenize_auth_file (hba.c).

/** What stood in quotes is a name, whatever else the word may mean. */
export interface Token {
  readonly text: string;
  readonly isQuoted: boolean;
}

/** Tokens that commas join. */
export type Field = readonly Token[];

export interface TokenLine {
  readonly file: string;
  readonly line: number;
  readonly fields: readonly Field[];
}

export interface LineProblem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Postgres: MAX_LINE in older versions, and more than any honest file has. */
const MAX_LINES = 100_000;

/** Comments begin with #, a backslash at the end of a line joins the next one to it. */
export function tokenLines(text: string, file: string, problems: LineProblem[]): TokenLine[] {
  const found: TokenLine[] = [];
  const lines = text.split(/\r?\n/);
  if (lines.length > MAX_LINES) {
    problems.push({ file, line: MAX_LINES, message: `more than ${MAX_LINES} lines` });
    return [];
  }
  for (let at = 0; at < lines.length; at += 1) {
    const line = at + 1;
    let content = lines[at]!;
    while (content.endsWith('\\') && at + 1 < lines.length) {
      at += 1;
      content = content.slice(0, -1) + lines[at]!;
    }
    const fields = fieldsOf(content);
    if (typeof fields === 'string') problems.push({ file, line, message: fields });
    else if (fields.length > 0) found.push({ file, line, fields });
  }
  return found;
}

/** Spaces end a token, a comma too, and then the next token belongs to the same field. */
function fieldsOf(content: string): Field[] | string {
  const fields: Token[][] = [];
  let at = 0;
  let joins = false;
  for (;;) {
    while (at < content.length && /[\s,]/.test(content[at]!)) at += 1;
    if (at >= content.length || content[at] === '#') break;
    let text = '';
    let isQuoted = false;
    let inQuotes = false;
    for (; at < content.length; at += 1) {
      const char = content[at]!;
      if (char === '"') {
        // Two of them inside quotes are one.
        if (inQuotes && content[at + 1] === '"') {
          text += '"';
          at += 1;
          continue;
        }
        inQuotes = !inQuotes;
        // As Postgres: the quote has to be the first character.
        if (inQuotes && text === '') isQuoted = true;
        continue;
      }
      if (!inQuotes && (/\s/.test(char) || char === ',' || char === '#')) break;
      text += char;
    }
    if (inQuotes) return 'a quote is not closed';
    if (text.includes('\0')) return 'a zero byte';
    const token = { text, isQuoted };
    if (joins) fields.at(-1)!.push(token);
    else fields.push([token]);
    joins = content[at] === ',';
  }
  return fields;
}
