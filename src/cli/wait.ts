// `pgsluice wait`: returns when a pgsluice can serve, for whatever has to start behind it. Asks its HTTP port, or logs in as a client.
import { setTimeout as delay } from 'node:timers/promises';
import type { Output } from './check.ts';
import { type LoginWish, tryLogin } from './wait/try-login.ts';

export interface WaitOptions {
  /** http://host:port/path */
  readonly url: string;
  /** Logs in instead of asking over HTTP; null: does not. */
  readonly login: LoginWish | null;
  /** 0: one try. */
  readonly timeoutMs: number;
}

const EVERY_MS = 200;
/** A try that takes longer than this is given up; the next one may find another state. */
const ONE_TRY_MS = 5_000;

/** Exit code: 0 as soon as it can serve, 1 when the time is over; the last reason goes to `err`. */
export async function wait(options: WaitOptions, err: Output): Promise<number> {
  const until = performance.now() + options.timeoutMs;
  for (;;) {
    const leftMs = options.timeoutMs === 0 ? ONE_TRY_MS : Math.ceil(until - performance.now());
    const reason = await tryOnce(options, Math.max(Math.min(leftMs, ONE_TRY_MS), 1));
    if (reason === null) return 0;
    if (performance.now() + EVERY_MS >= until) {
      err.write(`pgsluice: not ready: ${reason}\n`);
      return 1;
    }
    await delay(EVERY_MS);
  }
}

/** null: ready. */
async function tryOnce({ url, login }: WaitOptions, timeoutMs: number): Promise<string | null> {
  try {
    return login === null ? await askHttp(url, timeoutMs) : await tryLogin(login, timeoutMs);
  } catch (error) {
    return reasonOf(error);
  }
}

async function askHttp(url: string, timeoutMs: number): Promise<string | null> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (reply.status === 200) {
    await reply.body?.cancel();
    return null;
  }
  const { reasons } = ((await reply.json().catch(() => null)) ?? {}) as { reasons?: unknown };
  return Array.isArray(reasons) && reasons.length > 0 ? reasons.map(String).join('; ') : `${url}: ${reply.status}`;
}

/** fetch() says "fetch failed" and keeps the reason behind it. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message || String(error);
}
