// The auth_file of PgBouncer.
import { expect, test } from 'vitest';
import { ProblemList } from '../../../src/config/problems.ts';
import { MAX_USERLIST_LINES, readUserlist } from '../../../src/config/userlist.ts';

function read(text: string) {
  const problems = new ProblemList('u');
  const secrets = readUserlist(text, problems);
  return {
    secrets: Object.fromEntries(secrets),
    problems: problems.sorted().map(({ line, message }) => `${line}: ${message}`),
  };
}

test('a line is a user and a secret in quotes, with "" for a quote', () => {
  const { secrets, problems } = read('"a" "plain"\r\n"b b"\t"md5x"  ignored\n"c""c" "x""y"\n\n; "d" "no"\n "e" ""');
  expect(secrets).toEqual({ a: 'plain', 'b b': 'md5x', 'c"c': 'x"y', e: '' });
  expect(problems).toEqual([]);
});

test('of two lines with one name the last counts', () => {
  expect(read('"a" "1"\n"a" "2"').secrets).toEqual({ a: '2' });
});

test('a line that is something else is a problem with its number', () => {
  const { secrets, problems } = read('"a" "1"\nb c\n"d"\n"" "x"\n"e" "x\0"\n"f" "open');
  expect(secrets).toEqual({ a: '1' });
  expect(problems).toEqual([
    '2: expected "user" "secret"',
    '3: expected "user" "secret"',
    '4: the user name is empty',
    '5: expected "user" "secret"',
    '6: expected "user" "secret"',
  ]);
});

test('names of objects are names', () => {
  const problems = new ProblemList('u');
  expect([...readUserlist('"__proto__" "x"\n"constructor" "y"', problems)]).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test('the number of lines is bounded', () => {
  const { problems } = read('\n'.repeat(MAX_USERLIST_LINES + 5));
  expect(problems).toEqual([`${MAX_USERLIST_LINES + 1}: more than ${MAX_USERLIST_LINES} lines`]);
});
