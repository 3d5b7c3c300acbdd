// Cancel keys and the like: as long as asked for, never the same twice, and nothing of them stays behind.
import { expect, test } from 'vitest';
import { randomKey } from '../../../src/util/random.ts';

test('each key is new, whatever was asked for before, also when the stock is filled again', () => {
  const keys = Array.from({ length: 2_000 }, (_, i) => randomKey(i % 3 === 0 ? 4 : 32));
  expect(keys.every((key, i) => key.length === (i % 3 === 0 ? 4 : 32))).toBe(true);
  const long = keys.filter((key) => key.length === 32).map((key) => key.toString('hex'));
  expect(new Set(long).size).toBe(long.length);
});

test("a key is its owner's alone: it shares no memory with the next", () => {
  const first = randomKey(32);
  const copy = Buffer.from(first);
  randomKey(32).fill(0);
  for (let i = 0; i < 1_000; i += 1) randomKey(32);
  expect(first.equals(copy)).toBe(true);
});
