// The clock that stamps are taken from: it goes on, and leaves out the time that nobody had.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SteadyClock } from '../../../src/util/clock.ts';

describe('the clock', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('goes on with the time of the process', () => {
    const clock = new SteadyClock();
    const before = clock.now();
    vi.advanceTimersByTime(1500);
    expect(clock.now() - before).toBe(1500);
  });

  it('leaves out a spell in which the process stood still: no stamp is older for it', () => {
    const clock = new SteadyClock();
    const stamp = clock.now();
    vi.advanceTimersByTime(100);
    vi.advanceTimersByTime(60_000);
    clock.skip(60_000);
    expect(clock.now() - stamp).toBe(100);
    vi.advanceTimersByTime(50);
    clock.skip(30);
    expect(clock.now() - stamp).toBe(120);
  });

  it('is not the clock on the wall: nobody can set it', () => {
    const clock = new SteadyClock();
    const stamp = clock.now();
    vi.setSystemTime(0);
    expect(clock.now() - stamp).toBe(0);
  });
});
