// The errors of our own: what every row must be, and what a filled one says.
import { describe, expect, it } from 'vitest';
import { asFatal, CATALOGUE, type ErrorCode, poolerError } from '../../../src/protocol/catalogue.ts';

const codes = Object.keys(CATALOGUE) as ErrorCode[];

describe('each row', () => {
  it('stands in alphabetical order under a name of one kind', () => {
    expect(codes).toEqual([...codes].sort());
    for (const code of codes) expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  });

  it.each(codes)('%s has a SQLSTATE, one place for an argument at most, and no full stop', (code) => {
    const row = CATALOGUE[code];
    expect(row.sqlstate).toMatch(/^[0-9A-Z]{5}$/);
    expect(row.sqlstate).not.toMatch(/^0[0-3]/); // success, warnings, no data
    expect(row.message.split('%s').length).toBeLessThanOrEqual(2);
    expect(row.message).not.toMatch(/[.!]$/);
    if ('hint' in row) expect(row.hint).toMatch(/^[A-Z].*\.$/);
  });

  it('keeps the words that scripts for PgBouncer match on', () => {
    for (const [code, words] of [
      ['query_wait_timeout', 'query_wait_timeout'],
      ['no_such_database', 'no such database: '],
      ['too_many_clients', 'no more connections allowed (max_client_conn'],
      ['too_many_clients_of_database', 'client connections exceeded'],
      ['admin_forced_disconnect', 'admin forced disconnect'],
      ['server_closed', 'server conn crashed?'],
      ['server_login_failed', 'server login has been failing'],
      ['idle_transaction_timeout', 'idle transaction timeout'],
      ['query_timeout', 'query_timeout'],
      ['client_idle_timeout', 'client_idle_timeout'],
      ['client_login_timeout', 'client_login_timeout'],
      ['transaction_timeout', 'transaction timeout'],
    ] as const) {
      expect(CATALOGUE[code].message).toContain(words);
    }
  });
});

describe('an error', () => {
  it('is its row with the argument filled in', () => {
    expect(poolerError('no_such_database', 'shop')).toEqual({
      code: 'no_such_database',
      severity: 'FATAL',
      sqlstate: '3D000',
      message: 'no such database: shop',
      hint: 'Add it under "databases:", or add a "*" entry.',
    });
  });

  it('has a detail where one is given', () => {
    expect(poolerError('query_wait_timeout', '10 s', 'numbers')).toMatchObject({ detail: 'numbers' });
    expect(poolerError('query_wait_timeout', '10 s')).not.toHaveProperty('detail');
    expect(poolerError('pooler_shutdown')).not.toHaveProperty('hint');
  });

  it('takes an argument literally, whatever a client put into it', () => {
    expect(poolerError('auth_failed', "$& $' %s $$").message).toBe(
      'password authentication failed for user "$& $\' %s $$"',
    );
  });

  it('may be made FATAL for a connection that is closed', () => {
    const error = poolerError('query_wait_timeout', '1 s');
    expect(asFatal(error)).toEqual({ ...error, severity: 'FATAL' });
    const fatal = poolerError('pooler_shutdown');
    expect(asFatal(fatal)).toBe(fatal);
  });
});
