// Reads PgBouncer's ini format with %include into entries that know their place. Hostile text ends in a problem, never in a throw.
import { dirname, resolve } from 'node:path';
import { readTextFile } from '../files.ts';
import { Fault } from '../kinds.ts';
import type { Place, ProblemList } from '../problems.ts';

/** A place in one of the files. */
export interface IniPlace extends Place {
  readonly file: string;
}

/** One `key = value`; the value is the rest of its line, without blanks at its ends. */
export interface IniEntry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly keyPlace: IniPlace;
  readonly valuePlace: IniPlace;
}

/** All files together: thousands of databases. */
export const MAX_INI_BYTES = 4_194_304;
const MAX_ENTRIES = 100_000;
/** PgBouncer: MAX_INCLUDE_LEVEL in cfparser.c; deeper than this is a circle. */
const MAX_INCLUDES = 10;

/** PgBouncer takes names of these characters; its documentation promises quoted ones too, so those are read as well. */
const keyPattern = /([A-Za-z0-9_.*-]+|"(?:[^"]|"")*")[ \t]*(=?)[ \t]*/y;
const includePattern = /^%include[ \t]+(.*)$/;

/** Every entry, in reading order, those of included files where they are included. */
export function readIni(file: string, text: string, problems: ProblemList): readonly IniEntry[] {
  const reader = new IniReader(problems);
  reader.readText(file, text, 0);
  return reader.entries;
}

class IniReader {
  readonly entries: IniEntry[] = [];
  readonly #problems: ProblemList;
  #section: string | null = null;
  #bytesLeft = MAX_INI_BYTES;
  #isFull = false;

  constructor(problems: ProblemList) {
    this.#problems = problems;
  }

  readText(file: string, text: string, depth: number): void {
    this.#bytesLeft -= Buffer.byteLength(text);
    let start = 0;
    for (let line = 1; start <= text.length && !this.#isFull; line += 1) {
      const newline = text.indexOf('\n', start);
      const end = newline === -1 ? text.length : newline;
      this.#line(file, text.slice(start, end), line, depth);
      start = end + 1;
    }
  }

  #line(file: string, raw: string, line: number, depth: number): void {
    const content = raw.trimEnd();
    let at = content.length - content.trimStart().length;
    while (at < content.length) {
      const first = content[at];
      const place = { file, line, column: at + 1 };
      if (first === ';' || first === '#') return;
      const include = includePattern.exec(content.slice(at));
      if (include) {
        this.#include(include[1] ?? '', place, depth);
        return;
      }
      if (first === '[') {
        const close = content.indexOf(']', at);
        if (close === -1) {
          this.#problems.add(place, '', 'a section ends with ]');
          return;
        }
        this.#section = content.slice(at + 1, close);
        // PgBouncer: an entry may follow on the same line.
        at = close + 1;
        while (content[at] === ' ' || content[at] === '\t') at += 1;
        continue;
      }
      this.#entry(content, at, place);
      return;
    }
  }

  #entry(content: string, at: number, keyPlace: IniPlace): void {
    keyPattern.lastIndex = at;
    const match = keyPattern.exec(content);
    if (match?.[2] !== '=') {
      this.#problems.add(
        keyPlace,
        '',
        'expected [section], key = value, %include FILE, or a comment that starts with ;',
      );
      return;
    }
    if (this.#section === null) {
      this.#problems.add(keyPlace, '', 'stands before the first [section]');
      return;
    }
    if (this.entries.length >= MAX_ENTRIES) {
      this.#isFull = true;
      this.#problems.add(keyPlace, '', `more than ${MAX_ENTRIES} entries`);
      return;
    }
    const name = match[1] ?? '';
    this.entries.push({
      section: this.#section,
      key: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name,
      value: content.slice(keyPattern.lastIndex),
      keyPlace,
      valuePlace: { ...keyPlace, column: keyPattern.lastIndex + 1 },
    });
  }

  #include(name: string, place: IniPlace, depth: number): void {
    if (depth >= MAX_INCLUDES) {
      this.#problems.add(place, '', `%include: more than ${MAX_INCLUDES} levels deep`);
      return;
    }
    const { path, text } = readNamed(name, dirname(place.file), Math.max(this.#bytesLeft, 0));
    if (text instanceof Fault) this.#problems.add(place, '', `%include: the file ${text.reason}`);
    else this.readText(path, text, depth + 1);
  }
}

/**
 * A file that the ini names. PgBouncer: a relative name is relative to the working directory. Differs from PgBouncer: where there is none, the
 * one beside the ini is taken, because the command is typed anywhere.
 */
export function readNamed(name: string, besides: string, maxBytes: number): { path: string; text: string | Fault } {
  const here = resolve(name);
  const text = readTextFile(here, maxBytes);
  if (!(text instanceof Fault) || !text.reason.endsWith('ENOENT')) return { path: here, text };
  const there = resolve(besides, name);
  const besideIt = readTextFile(there, maxBytes);
  return besideIt instanceof Fault ? { path: here, text } : { path: there, text: besideIt };
}
