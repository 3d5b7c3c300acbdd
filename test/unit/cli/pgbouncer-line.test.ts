// PgBouncer's command line: which lines are one, and what they say.
import { expect, test } from 'vitest';
import { createProgram } from '../../../src/cli/main.ts';
import { isPgbouncerLine, readPgbouncerLine, VERBS } from '../../../src/cli/pgbouncer-line.ts';

const nothing = { daemon: false, quiet: false, verbose: 0, user: null };

test.each([
  ['x.ini', { file: 'x.ini' }],
  ['-q x.ini', { file: 'x.ini', quiet: true }],
  ['-d -v -v x.ini', { file: 'x.ini', daemon: true, verbose: 2 }],
  ['-qdvu postgres x.ini', { file: 'x.ini', daemon: true, quiet: true, verbose: 1, user: 'postgres' }],
  ['--daemon --quiet --verbose --user=postgres x.ini', { daemon: true, quiet: true, verbose: 1, user: 'postgres' }],
  ['x.ini -d', { file: 'x.ini', daemon: true }],
  ['-- -x.ini', { file: '-x.ini' }],
])('%s is read as PgBouncer reads it', (line, wanted) => {
  const args = line.split(' ');
  expect(isPgbouncerLine(args)).toBe(true);
  expect(readPgbouncerLine(args)).toEqual({ ok: true, line: { file: 'x.ini', ...nothing, ...wanted } });
});

test.each([
  ['-d', 'a configuration file is needed'],
  ['chek x.yaml', "'chek' is no command of pgsluice, and only one file can be run"],
  ['-R x.ini', '-R does not exist, as in PgBouncer since 1.26: start a second process with so_reuseport'],
  ['-x x.ini', "Unknown option '-x'"],
])('%s is refused with a reason', (line, message) => {
  const result = readPgbouncerLine(line.split(' '));
  expect(result.ok ? '' : result.message).toContain(message);
});

test('verbs and questions are not taken for a file', () => {
  expect(
    createProgram()
      .commands.map((command) => command.name())
      .every((verb) => VERBS.includes(verb)),
  ).toBe(true);
  for (const line of ['run -c x', 'demo', '-V', '--version', '-h', '-q -h', '--help'])
    expect(isPgbouncerLine(line.split(' '))).toBe(false);
  expect(isPgbouncerLine([])).toBe(false);
});
