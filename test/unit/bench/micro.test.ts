// The micro-benchmarks still run: each case once, and nobody looks at the clock.
import { expect, test } from 'vitest';
import { allocationOf } from '../../../bench/micro/allocation.ts';
import { GROUPS } from '../../../bench/micro/groups.ts';

test.for(GROUPS)('every case runs again and again: $name', { timeout: 60_000 }, async ({ open }) => {
  const { cases, stop } = await open();
  try {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    for (const { run } of cases) for (let i = 0; i < 3; i += 1) run();
    // In another order, too: none relies on what another left behind.
    for (const { run } of cases.toReversed()) run();
  } finally {
    await stop?.();
  }
});

test('what a call allocates is found out', () => {
  let kept: unknown = null;
  const bytes = allocationOf(() => {
    kept = new Array<number>(1_000);
  });
  expect(kept).toHaveLength(1_000);
  expect(bytes).toBeGreaterThan(7_900);
  expect(bytes).toBeLessThan(8_400);
});
