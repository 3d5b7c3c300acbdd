// How long clients would have waited with another number of servers.
import { describe, expect, it } from 'vitest';
import type { Slot } from '../../../src/advisor/measured.ts';
import { allSteps } from '../../../src/advisor/steps.ts';
import { drawsOf, lateShare, serversFor } from '../../../src/advisor/waits.ts';
import { Random } from '../../../src/cli/demo/random.ts';
import { Histogram } from '../../../src/util/histogram.ts';
import { measure } from './workload.ts';

const needed = (...of: Parameters<typeof serversFor>) => allSteps(serversFor(...of));

function histogram(times: readonly number[]): Histogram {
  const made = new Histogram();
  for (const time of times) made.record(time);
  return made;
}

/** Erlang: the share of those who wait, with so many servers busy on average of all that there are. */
function erlangC(busy: number, servers: number): number {
  let term = 1;
  let sum = 1;
  for (let i = 1; i < servers; i += 1) {
    term *= busy / i;
    sum += term;
  }
  const last = (term * busy) / servers / (1 - busy / servers);
  return last / (sum + last);
}

describe('holds to draw from', () => {
  it('have the mean that was measured, and the shape', () => {
    const draws = drawsOf(histogram([...Array(90).fill(10), ...Array(10).fill(200)]).counts, 29);
    expect(draws.reduce((sum, ms) => sum + ms, 0) / draws.length).toBeCloseTo(29, 6);
    expect(draws.filter((ms) => ms > 100).length / draws.length).toBeCloseTo(0.1, 1);
  });

  it('are none where nothing was held', () => {
    expect(drawsOf(new Histogram().counts, 0).every((ms) => ms === 0)).toBe(true);
  });
});

describe('the share of those who wait too long', () => {
  it.each([
    [8, 10],
    [8, 12],
    [3, 5],
  ])('is that of the formula where arrivals and holds are as it assumes: %i busy, %i servers', (busy, servers) => {
    const random = new Random(11);
    const holdMs = 20;
    const holds = histogram(Array.from({ length: 20_000 }, () => -Math.log(1 - random.next()) * holdMs));
    // 20,000 arrivals.
    const seconds = 20_000 / ((busy / holdMs) * 1_000);
    const { slots } = measure({ poolSize: servers, seconds, rate: () => (busy / holdMs) * 1_000, holdMs });
    for (const targetMs of [0, 10]) {
      const wanted = erlangC(busy, servers) * Math.exp((-(servers - busy) * targetMs) / holdMs);
      const share = lateShare(slots, drawsOf(holds.counts, holdMs), servers, targetMs);
      // As far as 20,000 arrivals tell.
      expect(Math.abs(share - wanted)).toBeLessThan(0.07);
    }
  });

  it('is none of none', () => {
    expect(lateShare([], new Float64Array(512), 3, 50)).toBe(0);
  });

  it('is the same each time', () => {
    const { slots, holds } = measure({ poolSize: 5, rate: () => 100, holdMs: 40 });
    const draws = drawsOf(holds, 40);
    expect(lateShare(slots, draws, 5, 10)).toBe(lateShare(slots, draws, 5, 10));
  });
});

describe('the fewest servers', () => {
  const quiet: Slot = { ms: 100, arrivals: 0, held: 0, idleInTransaction: 0, pinned: 0, waiting: 0 };
  const burst: Slot = { ...quiet, arrivals: 20 };

  it('for one that comes at a time is one, and no more than there may be', () => {
    const draws = new Float64Array(512).fill(10);
    const slots = Array.from({ length: 100 }, () => ({ ...quiet, arrivals: 1 }));
    expect(needed(slots, draws, 50, 1, 40)).toBe(1);
    expect(
      needed(
        slots.map(() => burst),
        draws.fill(1_000),
        50,
        1,
        40,
      ),
    ).toBe(40);
  });

  it('for a burst are as many as it takes to be through in time', () => {
    const slots = Array.from({ length: 400 }, (_, i) => (i % 20 === 0 ? burst : quiet));
    // 20 come within 100 ms and are held for 100 ms each: nearly all of them at once, if none may wait for 10 ms.
    const draws = new Float64Array(512).fill(100);
    const [strict, loose] = [needed(slots, draws, 10, 1, 40), needed(slots, draws, 150, 1, 40)];
    expect(strict).toBeGreaterThanOrEqual(16);
    expect(loose).toBeLessThanOrEqual(12);
  });
});
