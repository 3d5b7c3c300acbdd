// "Did you mean".
import { expect, test } from 'vitest';
import { editDistance, suggest } from '../../../src/config/suggest.ts';

test('the distance counts insertions, deletions, replacements and swaps', () => {
  expect(editDistance('', 'abc')).toBe(3);
  expect(editDistance('abc', 'abc')).toBe(0);
  expect(editDistance('abc', 'acb')).toBe(1);
  expect(editDistance('kitten', 'sitting')).toBe(3);
});

test('a misspelled name finds the closest one, a strange one none', () => {
  const names = ['listen_addr', 'listen_port', 'pool_mode'];
  expect(suggest('listen_prot', names)).toBe('listen_port');
  expect(suggest('POOL-MODE', names)).toBe('pool_mode');
  expect(suggest('colour', names)).toBeNull();
  expect(suggest('x'.repeat(100_000), names)).toBeNull();
});
