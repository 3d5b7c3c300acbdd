// What is normal for a kind of transaction, and which statements are of one kind.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Kind, Kinds, QUARANTINE_MS, statementKey } from '../../../src/guard/kinds.ts';

const key = (text: string) => statementKey(Buffer.from(text));

describe('statements', () => {
  it.each([
    ["SELECT * FROM a WHERE id = 1 AND name = 'x'", "select *  from a where id = 22 and name = 'it''s'"],
    ['/* route=1 */ UPDATE a SET b = 1.5', 'UPDATE a SET b = 2'],
    ['SELECT 1', 'SELECT\n\t123456'],
  ])('that differ in their values, blanks and comments are of one kind: %s', (a, b) => {
    expect(key(a)).toBe(key(b));
  });

  it.each([
    ['SELECT * FROM a', 'SELECT * FROM b'],
    ['UPDATE a SET b = 1', 'DELETE FROM a'],
    ['', 'SELECT 1'],
  ])('that do something else are not: %s', (a, b) => {
    expect(key(a)).not.toBe(key(b));
  });

  it('of any bytes have a key, whatever is left open in them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const value = statementKey(Buffer.from(bytes));
        expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      }),
    );
  });
});

describe('a kind', () => {
  const of = (...gaps: number[]) => {
    const kind = new Kind('app');
    for (const gap of gaps) kind.ended(gap);
    return kind;
  };

  it('that nobody knows is allowed less silence the more of it are silent, and never less than the floor', () => {
    const kind = of();
    expect([1, 2, 4, 50].map((silent) => kind.allowedGapMs(silent, 5000, 1000))).toEqual([5000, 2500, 1250, 1000]);
  });

  it('that is silent for seconds and comes back is allowed more', () => {
    expect(of(3000, 2000, 3500, 4000, 2500).allowedGapMs(10, 5000, 1000)).toBe(5000);
    expect(of(1000, 900, 800, 900, 1000).allowedGapMs(10, 5000, 1000)).toBe(2048);
  });

  it('that never is silent is suspect at the floor', () => {
    expect(of(1, 2, 3, 1, 0).allowedGapMs(1, 5000, 1000)).toBe(1000);
  });

  it('that came back a few times only is not known yet', () => {
    expect(of(1, 1, 1, 1).allowedGapMs(1, 5000, 1000)).toBe(5000);
  });

  it('is judged by what 99 of 100 do', () => {
    const kind = of(...Array.from({ length: 200 }, () => 10), 60_000);
    expect(kind.usualGapMs).toBe(64);
    kind.ended(60_000);
    kind.ended(60_000);
    expect(kind.usualGapMs).toBe(65_536);
  });

  it('forgets slowly', () => {
    const kind = of(...Array.from({ length: 15 }, () => 4000));
    for (let i = 0; i < 4000; i += 1) kind.ended(1);
    expect(kind.usualGapMs).toBe(64);
  });

  it('that keeps leaking is in quarantine until it has behaved for a while', () => {
    const kind = of();
    kind.leaked(0);
    kind.leaked(1);
    expect(kind.isQuarantined(2)).toBe(false);
    kind.leaked(2);
    expect([kind.isQuarantined(3), kind.isQuarantined(QUARANTINE_MS + 1)]).toEqual([true, true]);
    expect([kind.isQuarantined(QUARANTINE_MS + 3), kind.isQuarantined(3)]).toEqual([false, false]);
  });
});

it('kinds are the same for the same application and statement, and bounded', () => {
  const kinds = new Kinds();
  expect(kinds.of('a', 1)).toBe(kinds.of('a', 1));
  expect(kinds.of('a', 1)).not.toBe(kinds.of('b', 1));
  for (let i = 0; i < 5000; i += 1) kinds.of(`app ${i % 50}`, i);
  expect(kinds.size).toBeLessThanOrEqual(1000);
  expect(kinds.of('a', 1)).toBe(kinds.of('a', 1));
});
