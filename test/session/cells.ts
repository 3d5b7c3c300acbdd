// Makes tests of a part of the session matrix: every change with every ending, in pools of several kinds.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Change } from './change.ts';
import type { Ending } from './endings.ts';
import { Straight } from './straight.ts';
import { type PoolKind, Through } from './through.ts';

export const ONE: PoolKind = { name: 'one server', size: 1 };
export const TWO: PoolKind = { name: 'two servers', size: 2 };
export const SESSION_MODE: PoolKind = { name: 'session mode', size: 1, isSessionMode: true };

/** SESSION_MATRIX=all: every cell. Else every third one, so that each change and each ending has its turn in each kind of pool. */
const STRIDE = process.env.SESSION_MATRIX === 'all' ? 1 : 3;

export function testMatrix(
  changes: readonly Change[],
  parts: readonly { kind: PoolKind; endings: readonly Ending[] }[],
): void {
  const straight = new Straight();
  beforeAll(() => straight.start());
  afterAll(() => straight.stop());

  describe.each(parts)('$kind.name', ({ kind, endings }) => {
    let through = new Through(straight, kind);
    beforeAll(() => through.start());
    afterAll(() => through.stop());

    // Nobody can come between the transactions of a client that holds the only server.
    const played = changes.filter(
      ({ holds = 'in a string' }) => kind.size > 1 || kind.isSessionMode || holds === 'in a string',
    );
    for (const [row, change] of played.entries()) {
      for (const [column, ending] of endings.entries()) {
        if (ending.batches(change) === null || (row + column) % STRIDE !== 0) continue;
        test(`${change.name}, ${ending.name}`, async () => {
          let isEqual = false;
          try {
            const expected = await straight.play(change, ending);
            expect(await through.play(change, ending, expected)).toEqual(expected.seen);
            isEqual = true;
          } finally {
            // What one cell left behind must not show in the next one.
            if (!isEqual) {
              await through.stop();
              through = new Through(straight, kind);
              await through.start();
            }
          }
        });
      }
    }
  });
}
