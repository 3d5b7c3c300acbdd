// `pgsluice check`: what it prints and its exit code.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { check } from '../../../src/cli/check.ts';

let file: string;
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-check-'));
  file = join(dir, 'c.yaml');
});
afterAll(() => rmSync(dir, { recursive: true }));

function run(text: string) {
  writeFileSync(file, text);
  let out = '';
  let err = '';
  const code = check(file, { write: (part: string) => (out += part) }, { write: (part: string) => (err += part) });
  return { code, out, err };
}

test('a good file is counted on standard output, its warnings go to standard error', () => {
  expect(run('syslog: 1\ndatabases: { a: {}, b: {} }\nusers: { u: { password: p } }')).toEqual({
    code: 0,
    out: `${file}: ok (2 databases, 1 user)\n`,
    err: `${file}:1:1: syslog: has no effect: the log goes to standard output, where the service manager or the container engine takes it (warning)\n`,
  });
});

test('a bad file fails with every problem on a line of its own', () => {
  expect(run('a: 1\nlisten_port: x\n')).toEqual({
    code: 1,
    out: '',
    err: `${file}:1:1: a: unknown setting 'a'\n${file}:2:14: listen_port: 'x' is not a whole number\n`,
  });
});
