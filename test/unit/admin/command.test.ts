// The grammar of the console.
import { describe, expect, test } from 'vitest';
import { parseCommand, splitStatements } from '../../../src/admin/command.ts';

const words = (verb: string, argument: string | null = null, limit: number | null = null) => ({
  kind: 'words',
  verb,
  argument,
  limit,
});
const set = (key: string, value: string) => ({ kind: 'set', key, value });

describe('a command', () => {
  test.each([
    ['SHOW pools', words('SHOW', 'pools')],
    [' show\tPools ; ', words('SHOW', 'Pools')],
    ['"show" "it""s"', words('SHOW', 'it"s')],
    ['PAUSE', words('PAUSE')],
    ['PAUSE App', words('PAUSE', 'App')],
    ['KILL "a;b"', words('KILL', 'a;b')],
    ['SHOW EVENTS 20', words('SHOW', 'EVENTS', 20)],
    ['SET a = b', set('a', 'b')],
    ['set a=b;', set('a', 'b')],
    ['SET a TO b', set('a', 'b')],
    ["SET a='b c'", set('a', 'b c')],
    ["SET \"a\" to 'it''s'", set('a', "it's")],
    ["SET a = ''", set('a', '')],
    ['SET to TO to', set('to', 'to')],
  ])('%s', (sql, command) => expect(parseCommand(sql)).toEqual(command));

  test.each([
    '',
    ';',
    'SHOW a b',
    'SHOW a 1 2',
    'SHOW a;b',
    'SHOW a;;',
    'SHOW "a',
    'SHOW "a""',
    "'a'",
    'SHOW a -- b',
    'SELECT 1 + 1',
    'SHOW"a"',
    'SET a',
    'SET a b',
    'SET a = b c',
    "SET a = 'b",
    "SET a = 'b'c'",
  ])('%s is none', (sql) => {
    const command = parseCommand(sql);
    // SET a b has the form of words, and no command takes it.
    expect(command === null || (command.kind === 'words' && command.verb === 'SET')).toBe(true);
  });
});

test('statements are cut at semicolons outside of quotes, and empty ones are dropped', () => {
  expect(splitStatements(`SHOW a; ;KILL "b;""c" ; SET d = 'e;''f';`)).toEqual([
    'SHOW a',
    'KILL "b;""c" ',
    " SET d = 'e;''f'",
  ]);
  expect(splitStatements(' ; ')).toEqual([]);
  expect(splitStatements('SHOW "unclosed ; x')).toEqual(['SHOW "unclosed ; x']);
});

test.each([
  ['blanks', `SHOW a${' '.repeat(65_000)}b`],
  ['quotes', `SHOW ${'"'.repeat(65_000)}`],
  ['semicolons', ';'.repeat(65_000)],
  ['a long SET', `SET a = b${' '.repeat(65_000)}c`],
  ['many words', 'a '.repeat(32_000)],
  ['SET of quotes', `SET a = ${"'".repeat(64_001)}`],
])('the longest command of %s is read in no time', (_, sql) => {
  const began = performance.now();
  parseCommand(sql);
  for (const part of splitStatements(sql)) parseCommand(part);
  expect(performance.now() - began).toBeLessThan(500);
});
