// Waits for something to become true: the only way a test may wait.
import { setTimeout as delay } from 'node:timers/promises';

export interface WaitOptions {
  /** Default 5 s. */
  timeoutMs?: number;
  /** Default 10 ms. */
  everyMs?: number;
  /** What is waited for, for the error message. */
  what?: string;
}

/**
 * Calls `check` until it returns something truthy, and returns that. A check that throws counts as not yet; its last error is the
 * cause of the rejection when time is up.
 */
export async function waitUntil<T>(check: () => T | Promise<T>, options: WaitOptions = {}): Promise<NonNullable<T>> {
  const { timeoutMs = 5000, everyMs = 10, what = check.toString() } = options;
  const until = Date.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const result = await check();
      if (result) return result;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (Date.now() >= until) throw new Error(`waited ${timeoutMs} ms in vain for: ${what}`, { cause });
    await delay(everyMs);
  }
}
