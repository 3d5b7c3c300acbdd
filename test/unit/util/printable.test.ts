// What is left of a text when it must fit into a line.
import { expect, it } from 'vitest';
import { firstCharacters, printable } from '../../../src/util/printable.ts';

it('replaces what ends a line, moves a cursor or turns the direction', () => {
  expect(printable(' a\r\nb\u001b[31mc\u202ed\u2028e\u0085')).toBe('a b [31mc d e');
  expect(printable('größe 😀')).toBe('größe 😀');
});

it('cuts between characters', () => {
  expect(firstCharacters('abc', 3)).toBe('abc');
  expect(firstCharacters('abcd', 3)).toBe('abc');
  expect(firstCharacters('ab😀', 3)).toBe('ab');
});
