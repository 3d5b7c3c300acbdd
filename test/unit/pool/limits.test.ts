// Whether a pool may open one more server, and which limit says no.
import { describe, expect, it } from 'vitest';
import { mayOpen, type ServerCounts } from '../../../src/pool/limits.ts';
import { settings } from '../../support/settings.ts';

const none: ServerCounts = { pool: 0, database: 0, user: 0, logins: 0 };

/** Limits far apart, so that each test reaches one. */
const roomy = {
  pool_size: 10,
  reserve_pool_size: 0,
  max_db_connections: 100,
  max_user_connections: 200,
  max_parallel_logins: 4,
};

function verdict(counts: Partial<ServerCounts>, changed: Parameters<typeof settings>[0] = {}, waitedMs = 0): string {
  return mayOpen({ ...none, ...counts }, settings({ ...roomy, ...changed }), waitedMs);
}

describe('one more server', () => {
  it('is opened as long as no limit is reached', () => {
    expect(verdict({})).toBe('ok');
    expect(verdict({ pool: 9, database: 99, user: 199, logins: 3 })).toBe('ok');
  });

  it.each([
    ['pool_size', { pool: 10 }],
    ['max_db_connections', { database: 100 }],
    ['max_user_connections', { user: 200 }],
    ['max_parallel_logins', { logins: 4 }],
  ] as const)('is not opened when %s is reached, or passed by a reload', (limit, counts) => {
    expect(verdict(counts)).toBe(limit);
    const more = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count + 5]));
    expect(verdict(more)).toBe(limit);
  });

  it('is limited by nothing where a limit is 0, but by the number of logins always', () => {
    const off = { pool_size: 0, max_db_connections: 0, max_user_connections: 0 };
    expect(verdict({ pool: 1e6, database: 1e6, user: 1e6, logins: 3 }, off)).toBe('ok');
    expect(verdict({ logins: 1 }, { ...off, max_parallel_logins: 1 })).toBe('max_parallel_logins');
  });
});

describe('the reserve', () => {
  const reserve = { reserve_pool_size: 2, reserve_pool_timeout: 5000 };

  it('opens when the first client has waited long enough', () => {
    expect(verdict({ pool: 10 }, reserve, 4999)).toBe('pool_size');
    expect(verdict({ pool: 10 }, reserve, 5000)).toBe('ok');
    expect(verdict({ pool: 11 }, reserve, 60_000)).toBe('ok');
  });

  it('has its size', () => {
    expect(verdict({ pool: 12 }, reserve, 60_000)).toBe('pool_size');
  });

  it('stays closed where its timeout is 0', () => {
    expect(verdict({ pool: 10 }, { ...reserve, reserve_pool_timeout: 0 }, 1e9)).toBe('pool_size');
  });

  it('does not open the other limits', () => {
    expect(verdict({ pool: 10, database: 100 }, reserve, 60_000)).toBe('max_db_connections');
    expect(verdict({ pool: 10, user: 200 }, reserve, 60_000)).toBe('max_user_connections');
  });
});

it('the defaults let a pool grow to default_pool_size', () => {
  const defaults = settings();
  expect(defaults.pool_size).toBe(defaults.default_pool_size);
  expect(mayOpen({ ...none, pool: defaults.pool_size - 1 }, defaults, 0)).toBe('ok');
  expect(mayOpen({ ...none, pool: defaults.pool_size }, defaults, 0)).toBe('pool_size');
});
