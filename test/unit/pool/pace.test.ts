// When a queue stands, how fast it is served, and who would wait in vain.
import { describe, expect, it } from 'vitest';
import { intervalMs, isHopeless, isTooLate, Pace, predictedWaitMs } from '../../../src/pool/pace.ts';

const TARGET = 500;
const INTERVAL = intervalMs(2_000);

/** A clock and a queue whose clients have waited for so long. */
class Line {
  readonly pace = new Pace();
  now = 10_000;

  /** One client after another, each `everyMs`, for `forMs`. */
  serve(everyMs: number, forMs: number, waitedMs = 2_000): void {
    for (const end = this.now + forMs; this.now < end; ) {
      this.now += everyMs;
      this.pace.served(waitedMs, TARGET, this.now, INTERVAL);
    }
  }

  get perSecond(): number {
    return this.pace.rate(this.now, INTERVAL) * 1000;
  }
}

describe('the pace of a queue', () => {
  it('is unknown before anybody was served, and until everybody has waited too long for a second', () => {
    const line = new Line();
    expect(line.perSecond).toBe(0);
    line.serve(10, 1_000);
    expect(line.perSecond).toBe(0);
    line.serve(10, 10);
    expect(line.perSecond).toBeCloseTo(100);
  });

  it('is unknown as long as some are served within the target, however long the others wait', () => {
    const line = new Line();
    for (let round = 0; round < 20; round += 1) {
      line.serve(10, 900);
      line.serve(10, 10, TARGET);
      expect(line.perSecond).toBe(0);
    }
  });

  it('is forgotten when the queue was empty', () => {
    const line = new Line();
    line.serve(10, 3_000);
    expect(line.perSecond).toBeCloseTo(100, 0);
    line.pace.reset();
    expect(line.perSecond).toBe(0);
  });

  it('is that of the last seconds: a slower Postgres shows within eight', () => {
    const line = new Line();
    line.serve(10, 60_000);
    expect(line.perSecond).toBeCloseTo(100, 0);
    line.serve(100, 8_000);
    expect(line.perSecond).toBeLessThan(20);
    line.serve(10, 8_000);
    expect(line.perSecond).toBeGreaterThan(90);
  });

  it('falls while nobody is served', () => {
    const line = new Line();
    line.serve(10, 1_900);
    line.now += 1_900;
    expect(line.perSecond).toBeLessThan(60);
    expect(line.perSecond).toBeGreaterThan(0);
  });
});

describe('the interval', () => {
  it('is a second, and half of what a client may wait where that is longer', () => {
    expect([0, 1_000, 2_000, 10_000].map(intervalMs)).toEqual([1_000, 1_000, 1_000, 5_000]);
  });

  it('outlives a stall: three seconds with next to nobody served refuse nobody who has ten', () => {
    const pace = new Pace();
    for (let now = 0; now <= 3_500; now += 350) pace.served(2_000, TARGET, now, intervalMs(10_000));
    expect(pace.rate(3_500, intervalMs(10_000))).toBe(0);
  });
});

describe('a forecast', () => {
  it('is the time until those before it and itself are served', () => {
    expect(predictedWaitMs(0, 0.1)).toBeCloseTo(10);
    expect(predictedWaitMs(99, 0.1)).toBeCloseTo(1_000);
  });

  it('without a rate refuses nobody', () => {
    expect(isTooLate(1e6, 0, 1)).toBe(false);
    expect(isHopeless(1e6, 0, 1)).toBe(false);
  });

  it('lets nobody in who would be served in the last fifth of the limit, and sends nobody away who may just make it', () => {
    const rate = 0.1;
    expect(isTooLate(799, rate, 10_000)).toBe(false);
    expect(isTooLate(801, rate, 10_000)).toBe(true);
    expect(isHopeless(1_200, rate, 10_000)).toBe(false);
    expect(isHopeless(1_300, rate, 10_000)).toBe(true);
    expect(isHopeless(100, rate, 900)).toBe(false);
    expect(isHopeless(100, rate, 800)).toBe(true);
  });

  it('has no hope for who is past the limit already', () => {
    expect(isHopeless(0, 0.1, -5)).toBe(true);
  });
});
