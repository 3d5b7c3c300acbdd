// Long work lets others have their turn.
import { expect, test } from 'vitest';
import { inTurns } from '../../../src/util/turns.ts';

/** Each takes half a millisecond. */
function* slow(count: number): Iterable<number> {
  for (let i = 0; i < count; i += 1) {
    for (const until = performance.now() + 0.5; performance.now() < until; );
    yield i;
  }
}

test('all of it is there, in its order, and others were served in between', async () => {
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  expect(await inTurns(slow(40))).toEqual(Array.from({ length: 40 }, (_, i) => i));
  isOver = true;
  expect(turns).toBeGreaterThanOrEqual(4);
});
