// All of many, a part at a time.
import { describe, expect, it } from 'vitest';
import { Rounds } from '../../../src/util/rounds.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a round', () => {
  it('gives each once in so many parts, and begins again', () => {
    const all = numbers(5_000);
    const rounds = new Rounds<number>(10);
    for (let round = 0; round < 2; round += 1) {
      const parts = Array.from({ length: 10 }, () => rounds.next(all));
      expect(parts.map((part) => part.length)).toEqual(Array.from({ length: 10 }, () => 500));
      expect(parts.flat()).toEqual(all);
    }
  });

  it('gives few at once', () => {
    const rounds = new Rounds<number>(10);
    for (let i = 0; i < 3; i += 1) expect(rounds.next(numbers(200))).toEqual(numbers(200));
    expect(rounds.next([])).toEqual([]);
  });

  it('leaves those that came meanwhile to the next one', () => {
    const all = numbers(2_500);
    const rounds = new Rounds<number>(10);
    rounds.next(all);
    all.push(-1);
    const rest = Array.from({ length: 9 }, () => rounds.next(all)).flat();
    expect(rest).not.toContain(-1);
    expect(Array.from({ length: 10 }, () => rounds.next(all)).flat()).toContain(-1);
  });
});
