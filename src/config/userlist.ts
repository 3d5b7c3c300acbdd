// Reads PgBouncer's auth_file: lines of "user" "secret", with "" for a quote inside, and comments that start with ;.
import type { ProblemList } from './problems.ts';

/** Lines of an auth_file, and bytes of it. */
export const MAX_USERLIST_LINES = 100_000;
export const MAX_USERLIST_BYTES = 33_554_432;

/** Two quoted texts; what follows them on the line is ignored, as PgBouncer does. */
const entry = /^\s*"((?:[^"]|"")*)"\s+"((?:[^"]|"")*)"/;

/** User name to secret. PgBouncer: of two lines with one name the last counts. Messages carry line numbers, never text of the file. */
export function readUserlist(text: string, problems: ProblemList): Map<string, string> {
  const secrets = new Map<string, string>();
  let line = 0;
  for (const content of linesOf(text)) {
    line += 1;
    if (line > MAX_USERLIST_LINES) {
      problems.add({ line, column: 1 }, '', `more than ${MAX_USERLIST_LINES} lines`);
      break;
    }
    const trimmed = content.trim();
    if (trimmed === '' || trimmed.startsWith(';') || trimmed.startsWith('#')) continue;
    const match = entry.exec(content);
    const name = match?.[1]?.replaceAll('""', '"') ?? '';
    if (!match || content.includes('\0')) {
      problems.add({ line, column: 1 }, '', 'expected "user" "secret"');
    } else if (name === '') {
      problems.add({ line, column: 1 }, '', 'the user name is empty');
    } else {
      secrets.set(name, match[2]?.replaceAll('""', '"') ?? '');
    }
  }
  return secrets;
}

/** Splits lazily: a file of a hundred million newlines costs no more than the lines that are read. */
function* linesOf(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = text.indexOf('\n', start);
    const stop = end === -1 ? text.length : end;
    yield text.slice(start, text[stop - 1] === '\r' ? stop - 1 : stop);
    start = stop + 1;
  }
}
