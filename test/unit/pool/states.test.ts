// A pool's moves: only those of its table.
import { expect, test } from 'vitest';
import { movePool, POOL_MOVES, PoolState, type PoolStateful } from '../../../src/pool/states.ts';

const poolIn = (state: PoolState): PoolStateful => ({ database: 'app', user: 'app', state });
const pairs = Object.values(PoolState).flatMap((from) => Object.values(PoolState).map((to) => [from, to] as const));

test.each(pairs)('from %s to %s: as the table says', (from, to) => {
  const pool = poolIn(from);
  if (POOL_MOVES[from].includes(to)) {
    movePool(pool, to);
    expect(pool.state).toBe(to);
  } else {
    expect(() => movePool(pool, to)).toThrow(`pool app/app: no move from ${from} to ${to}`);
    expect(pool.state).toBe(from);
  }
});
