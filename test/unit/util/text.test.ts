// Durations as people read them, and counts by name that can't grow for ever.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Counts } from '../../../src/util/counts.ts';
import { formatDuration } from '../../../src/util/duration.ts';

describe('a duration', () => {
  it.each([
    [0, '0 ms'],
    [0.4, '0 ms'],
    [250, '250 ms'],
    [999.4, '999 ms'],
    [999.6, '1 s'],
    [1000, '1 s'],
    [1049, '1 s'],
    [1050, '1.1 s'],
    [10_000, '10 s'],
    [93_500, '93.5 s'],
    [3_600_000, '3600 s'],
  ])('of %d ms reads %j', (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it('is off by less than 5 per cent, and never in thousands of ms', () => {
    fc.assert(
      fc.property(fc.double({ min: 10, max: 1e9, noNaN: true }), (milliseconds) => {
        const [, number, unit] = /^(\d+(?:\.\d)?) (ms|s)$/.exec(formatDuration(milliseconds))!;
        const read = Number(number) * (unit === 's' ? 1000 : 1);
        expect(Math.abs(read - milliseconds)).toBeLessThan(milliseconds * 0.0501);
        if (unit === 'ms') expect(read).toBeLessThan(1000);
      }),
    );
  });
});

describe('counts', () => {
  it('are kept by name', () => {
    const counts = new Counts();
    counts.add('a');
    counts.add('b', 5);
    counts.add('a');
    expect([...counts]).toEqual([
      ['a', 2],
      ['b', 5],
    ]);
    expect([counts.of('a'), counts.of('unknown')]).toEqual([2, 0]);
  });

  it('of names beyond the bound are one count, and known names go on', () => {
    const counts = new Counts(2);
    for (const name of ['a', 'b', 'c', 'd', 'a', 'c']) counts.add(name);
    expect(Object.fromEntries(counts)).toEqual({ a: 2, b: 1, other: 3 });
  });

  it('lose nothing to the bound', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 3 })), fc.integer({ min: 1, max: 5 }), (names, max) => {
        const counts = new Counts(max);
        for (const name of names) counts.add(name);
        const all = [...counts];
        expect(all.length).toBeLessThanOrEqual(max + 1);
        expect(all.reduce((sum, [, count]) => sum + count, 0)).toBe(names.length);
      }),
    );
  });
});
