// What is wrong with a configuration, and where: collected, not thrown, so that an operator sees everything at once.

/** A place in the file, both from 1. Line 0: the file as a whole. */
export interface Place {
  /** Where several files make one configuration (%include). Not set: the file of the list. */
  readonly file?: string;
  readonly line: number;
  readonly column: number;
}

/** One error or warning. `key` is a path such as `databases.app.port`; empty when no key is meant. */
export interface Problem extends Place {
  readonly file: string;
  readonly key: string;
  readonly message: string;
}

export const WHOLE_FILE: Place = Object.freeze({ line: 0, column: 0 });

/** More than this helps nobody, and a hostile file must not fill the memory with complaints. */
const MAX_PROBLEMS = 200;

/** Collects the problems of one file. */
export class ProblemList {
  readonly #file: string;
  readonly #items: Problem[] = [];
  #dropped = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** `key` and `message` may carry text of the file: they are made printable here. */
  add(place: Place, key: string, message: string): void {
    if (this.full) {
      this.#dropped += 1;
      return;
    }
    const { line, column, file = this.#file } = place;
    this.#items.push(Object.freeze({ file, line, column, key: printable(key, 200), message: printable(message, 500) }));
  }

  /** Whether more problems would only be counted. */
  get full(): boolean {
    return this.#items.length >= MAX_PROBLEMS;
  }

  get length(): number {
    return this.#items.length;
  }

  /** In the order of the file; those of an included file behind it. */
  sorted(): readonly Problem[] {
    const files = [...new Set([this.#file, ...this.#items.map(({ file }) => file)])];
    const items = [...this.#items].sort(
      (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
    );
    if (this.#dropped > 0) {
      items.push({ file: this.#file, ...WHOLE_FILE, key: '', message: `and ${this.#dropped} more problems` });
    }
    return Object.freeze(items);
  }
}

/** One line for each problem: `FILE:LINE:COLUMN: key: message`, as compilers write it. */
export function formatProblems(problems: readonly Problem[]): string {
  return problems.map(formatProblem).join('\n');
}

function formatProblem({ file, line, column, key, message }: Problem): string {
  const where = line > 0 ? `${file}:${line}:${column}` : file;
  return key === '' ? `${where}: ${message}` : `${where}: ${key}: ${message}`;
}

/** Without control characters (a file may carry terminal escapes), cut to `max` characters. */
export function printable(text: string, max: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  const safe = text.slice(0, max + 1).replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/g, '?');
  return safe.length > max ? `${safe.slice(0, max)}...` : safe;
}
