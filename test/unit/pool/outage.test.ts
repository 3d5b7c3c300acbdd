// What failed logins come to, by a clock that the test sets: when it is tried again, who is told, and in which words.
import { describe, expect, test } from 'vitest';
import { Hosts } from '../../../src/pool/hosts.ts';
import { Outage } from '../../../src/pool/outage.ts';
import type { ErrorFields } from '../../../src/protocol/error-fields.ts';

const SETTINGS = { host_ban_time: 10_000, load_balance_hosts: 'disable', target_session_attrs: 'any' } as const;
const WRONG_PASSWORD: ErrorFields = { severity: 'FATAL', sqlstate: '28P01', message: 'wrong password' };

function begin(names = 'a', rereads = false) {
  const hosts = new Hosts(() => null).chooser();
  const clock = { time: 100_000, now: () => clock.time };
  const pool = { hosts, settings: { query_wait_timeout: 2_000, server_login_retry: 1_000 } };
  const outage = new Outage(pool, clock, () => rereads);
  const addresses = names.split('').map((host) => ({ host, port: 5432 }));
  /** A login that comes to nothing; true: the next one has to wait. */
  const fail = (error: ErrorFields | null = null) => {
    const { address } = hosts.choose(addresses, SETTINGS, clock.time);
    return outage.loginFailed(address, error === null ? 'connect_failed' : 'login_failed', error);
  };
  return { clock, outage, fail };
}

describe('the next login', () => {
  test('waits for longer after each failure, up to the ceiling less the time that a login takes', () => {
    const { clock, outage, fail } = begin();
    const waits = Array.from({ length: 8 }, () => {
      fail();
      return outage.retryAt - clock.time;
    });
    expect(waits[0]).toBeGreaterThanOrEqual(75);
    expect(waits[0]).toBeLessThanOrEqual(100);
    expect(waits[2]).toBeGreaterThanOrEqual(300);
    expect(Math.max(...waits)).toBeLessThanOrEqual(750);
  });

  test('goes to the next host at once', () => {
    const { outage, fail } = begin('ab');
    expect([fail(), outage.retryAt]).toEqual([false, 0]);
    expect(fail()).toBe(true);
    expect(outage.retryAt).toBeGreaterThan(0);
  });

  test('may be made at once when a server is ready to serve, and when the credentials are others', () => {
    const { outage, fail } = begin();
    expect(outage.credentialsChanged()).toBe(false);
    fail(WRONG_PASSWORD);
    expect(outage.credentialsChanged()).toBe(true);
    expect([outage.retryAt, outage.isRefused]).toEqual([0, false]);
    fail();
    outage.over();
    expect([outage.retryAt, outage.failures, outage.lastError]).toEqual([0, 0, null]);
  });
});

describe('who waits', () => {
  test('is told of a refusal, in words of Postgres, for as long as nobody tries again', () => {
    const { clock, outage, fail } = begin();
    fail(WRONG_PASSWORD);
    expect([outage.isRefusing, outage.isInVain(clock.time)]).toEqual([true, true]);
    expect(outage.error()).toMatchObject({ sqlstate: '28P01', message: expect.stringContaining('wrong password') });
    clock.time += 1_000;
    expect(outage.isRefusing).toBe(false);
  });

  test('has its full time when Postgres goes away, unless it came to an outage of that length', () => {
    const { clock, outage, fail } = begin();
    const began = clock.time;
    fail();
    clock.time += 2_000;
    fail();
    expect([outage.isInVain(began), outage.isInVain(began + 1_999), outage.isInVain(began + 2_000)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('waits while a password is changed in two places, but no longer than that takes', () => {
    const { clock, outage, fail } = begin('a', true);
    fail(WRONG_PASSWORD);
    expect(outage.isRefused).toBe(false);
    clock.time += 5_000;
    fail(WRONG_PASSWORD);
    expect(outage.isRefused).toBe(true);
  });
});
