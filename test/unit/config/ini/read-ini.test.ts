// The lines of an ini: sections, entries, comments, included files.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readIni } from '../../../../src/config/ini/read-ini.ts';
import { formatProblems, ProblemList } from '../../../../src/config/problems.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-ini-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function read(text: string, file = 'x.ini') {
  const problems = new ProblemList(file);
  const entries = readIni(file, text, problems);
  const lines = problems.length === 0 ? [] : formatProblems(problems.sorted()).split('\n');
  return { entries: entries.map(({ section, key, value }) => `${section}/${key}=${value}`), problems: lines };
}

test('a value is the rest of its line: a comment sign in it is part of it', () => {
  expect(read('[a]\n  k.1-x*  =\tv ; w # x  \r\n;c\n#d\n\nempty =\n')).toEqual({
    entries: ['a/k.1-x*=v ; w # x', 'a/empty='],
    problems: [],
  });
});

test('an entry may follow its section on the same line', () => {
  expect(read('[a] k = v\n[b]\tl=w').entries).toEqual(['a/k=v', 'b/l=w']);
});

test('a name in double quotes may hold anything, a doubled quote included', () => {
  expect(read('[a]\n"we ird""é" = v').entries).toEqual(['a/we ird"é=v']);
});

test('every line that is nothing is told, with line and column', () => {
  expect(read('k = v\n[a\n[b]\nno equals sign\nbé = 1\n= v\nok = 1\n')).toEqual({
    entries: ['b/ok=1'],
    problems: [
      'x.ini:1:1: stands before the first [section]',
      'x.ini:2:1: a section ends with ]',
      'x.ini:4:1: expected [section], key = value, %include FILE, or a comment that starts with ;',
      'x.ini:5:1: expected [section], key = value, %include FILE, or a comment that starts with ;',
      'x.ini:6:1: expected [section], key = value, %include FILE, or a comment that starts with ;',
    ],
  });
});

test('%include reads another file in its place, and its section goes on afterwards', () => {
  const main = join(dir, 'main.ini');
  mkdirSync(join(dir, 'more'));
  writeFileSync(join(dir, 'more', 'b.ini'), 'b = 2\n[other]\nc = 3');
  expect(read(`[a]\na = 1\n%include more/b.ini\nd = 4`, main).entries).toEqual([
    'a/a=1',
    'a/b=2',
    'other/c=3',
    'other/d=4',
  ]);
});

test('a problem of an included file is told with the name of that file', () => {
  const main = join(dir, 'main2.ini');
  const part = join(dir, 'part.ini');
  writeFileSync(part, '\nnonsense');
  const { problems } = read(`[a]\n%include ${part}\n%include nowhere.ini\n`, main);
  expect(problems).toEqual([
    `${main}:3:1: %include: the file cannot be read: ENOENT`,
    `${part}:2:1: expected [section], key = value, %include FILE, or a comment that starts with ;`,
  ]);
});

test('a file that includes itself ends in a problem', () => {
  const main = join(dir, 'circle.ini');
  writeFileSync(main, `[a]\n%include ${main}\n`);
  expect(read(`[a]\n%include ${main}\n`, main).problems).toEqual([`${main}:2:1: %include: more than 10 levels deep`]);
});

test('included files together have a bound', () => {
  const part = join(dir, 'large.ini');
  writeFileSync(part, `;${'x'.repeat(3_000_000)}\n`);
  expect(read(`%include ${part}\n%include ${part}\n`).problems).toEqual([
    expect.stringMatching(/^x\.ini:2:1: %include: the file is larger than \d+ bytes$/),
  ]);
});
