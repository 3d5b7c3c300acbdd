// What can be said of a statement without a parser: its verb, and of one that is cut off the relation it begins with.
//
// Whatever the text is, nothing comes out of here but a word of VERBS and a name that stands where only a name can.

const VERBS = new Set(
  `ABORT ALTER ANALYZE BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT COPY CREATE DEALLOCATE DECLARE DELETE DISCARD DO
  DROP END EXECUTE EXPLAIN FETCH GRANT IMPORT INSERT LISTEN LOAD LOCK MERGE MOVE NOTIFY PREPARE REASSIGN REFRESH REINDEX
  RELEASE RESET REVOKE ROLLBACK SAVEPOINT SECURITY SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UPDATE VACUUM VALUES
  WITH`.split(/\s+/),
);

/** Words that may stand where a relation's name is looked for, and are none. */
const NO_RELATION = new Set(['LATERAL', 'ONLY', 'ROWS', 'SELECT', 'SET', 'TABLE', 'UNNEST', 'VALUES', 'WITH']);

// Texts are read byte by byte here (latin1): whatever their encoding, the ASCII in them is ASCII.
const BLANK = /[\t\n\v\f\r ]+/y;
const WORD = /[A-Za-z_\x80-\xff][\w$\x80-\xff]*/y;
const PART = '(?:[A-Za-z_][A-Za-z0-9_$]{0,62}|"[A-Za-z_][A-Za-z0-9_$ -]{0,62}")';
/** With what follows it: a name at the very end may be cut off, one before a quote may be no name. */
const RELATION = new RegExp(`(${PART}(?:\\.${PART}){0,2})(?=[\\s(;,])`, 'y');
const PARAMETER = /\$\d+/y;

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** Behind white space and comments; -1 if a comment does not end. */
function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    at += match(BLANK, text, at)?.[0].length ?? 0;
    if (text.startsWith('--', at)) {
      const end = text.slice(at).search(/[\r\n]/);
      if (end < 0) return -1;
      at += end;
    } else if (text.startsWith('/*', at)) {
      at = commentEnd(text, at);
      if (at < 0) return -1;
    } else {
      return at;
    }
  }
}

/** Postgres: comments nest. */
function commentEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length - 1; ) {
    const pair = text.slice(at, at + 2);
    if (pair === '/*') depth += 1;
    else if (pair === '*/') depth -= 1;
    at += pair === '/*' || pair === '*/' ? 2 : 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** Behind this word and what is blank after it; -1 where another one stands. */
function skipWord(text: string, at: number, word: string): number {
  if (at < 0 || match(WORD, text, at)?.[0].toUpperCase() !== word) return -1;
  return skipBlank(text, at + word.length);
}

function relationAt(text: string, from: number): string {
  if (from < 0) return '';
  const only = skipWord(text, from, 'ONLY');
  const name = match(RELATION, text, only < 0 ? from : only)?.[1] ?? '';
  return NO_RELATION.has(name.toUpperCase()) ? '' : name;
}

/** Behind the first FROM of a select list that has no strings: behind a string that was quoted wrongly anything may follow. */
function fromAt(text: string, start: number): number {
  let depth = 0;
  let previous = '';
  for (let at = skipBlank(text, start); at >= 0 && at < text.length; at = skipBlank(text, at)) {
    const char = text[at]!;
    const word = match(WORD, text, at)?.[0];
    if (word !== undefined) {
      const upper = word.toUpperCase();
      if (upper === 'FROM' && depth === 0 && previous !== 'DISTINCT') return skipBlank(text, at + 4);
      previous = upper;
      at += word.length;
      continue;
    }
    if (char === "'" || char === '\\' || char === ';') return -1;
    if (char === '"') {
      at = text.indexOf('"', at + 1);
      if (at < 0) return -1;
    } else if (char === '$') {
      const parameter = match(PARAMETER, text, at);
      if (parameter === null) return -1;
      at += parameter[0].length - 1;
    } else if (char === '(') {
      depth += 1;
    } else if (char === ')') {
      depth -= 1;
    }
    at += 1;
  }
  return -1;
}

/** `SELECT … (812 bytes)`; with a relation where it is cut off and one can be told; `? (812 bytes)`. */
export function wordsOf(bytes: Buffer, totalLength: number, isCut: boolean): string {
  const text = bytes.toString('latin1');
  const size = `(${totalLength} bytes)`;
  const start = skipBlank(text, 0);
  const verb = start < 0 ? '' : (match(WORD, text, start)?.[0].toUpperCase() ?? '');
  if (!VERBS.has(verb)) return `? ${size}`;
  if (!isCut) return `${verb} … ${size}`;
  const next = skipBlank(text, start + verb.length);
  if (verb === 'UPDATE') return cutText('UPDATE', relationAt(text, next), size);
  if (verb === 'INSERT' || verb === 'MERGE') {
    return cutText(verb, relationAt(text, skipWord(text, next, 'INTO')), size, ' INTO');
  }
  if (verb === 'DELETE') return cutText(verb, relationAt(text, skipWord(text, next, 'FROM')), size, ' FROM');
  if (verb === 'SELECT') return cutText(verb, next < 0 ? '' : relationAt(text, fromAt(text, next)), size, ' … FROM');
  return `${verb} … ${size}`;
}

function cutText(verb: string, relation: string, size: string, preposition = ''): string {
  return relation === '' ? `${verb} … ${size}` : `${verb}${preposition} ${relation} … ${size}`;
}
