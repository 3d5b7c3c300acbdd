// What a session has set: equality, and the statements that lead from one set to another.
import { describe, expect, it } from 'vitest';
import { difference, isCarried, ParameterSet, splitIdentifiers } from '../../../src/session/parameters.ts';

const set = (entries: Record<string, string>) => ParameterSet.of(Object.entries(entries));
const from = (entries: Record<string, string>) => difference(set(entries), ParameterSet.EMPTY);
const to = (entries: Record<string, string>) => difference(ParameterSet.EMPTY, set(entries));

describe('a set of parameters', () => {
  it('equals another with the same names and values, in whatever order they were set', () => {
    expect(set({ a: '1', b: '2' }).equals(set({ b: '2', a: '1' }))).toBe(true);
    expect(set({ a: '1', b: '2' }).key).toBe(set({ b: '2', a: '1' }).key);
    for (const other of [{}, { a: '1' }, { a: '1', b: '' }, { a: '2', b: '1' }, { a: '1', b: '2', c: '' }]) {
      expect(set({ a: '1', b: '2' }).equals(set(other))).toBe(false);
    }
  });

  it('does not mistake a value for a name', () => {
    expect(set({ a: '1","b":"2' }).equals(set({ a: '1', b: '2' }))).toBe(false);
    expect(set({ 'a=1': '' }).equals(set({ a: '1' }))).toBe(false);
  });

  it('folds the case of names, A to Z alone, and keeps that of values', () => {
    expect(set({ TimeZone: 'UTC' }).entries).toEqual(new Map([['timezone', 'UTC']]));
    expect(set({ DateStyle: 'ISO', DATESTYLE: 'SQL' }).entries).toEqual(new Map([['datestyle', 'SQL']]));
    // The Kelvin sign becomes a k by Unicode's rules, but not by Postgres'.
    expect(set({ 'wor\u212a_mem': '1' }).entries.has('work_mem')).toBe(false);
    expect(set({ 'my.Ä': '1' }).equals(set({ 'my.ä': '1' }))).toBe(false);
  });

  it('is a new one when a value changes, and the same one when nothing does', () => {
    const one = set({ a: '1' });
    expect(one.with('A', '1')).toBe(one);
    const two = one.with('A', '2').with('b', '3');
    expect(two.entries).toEqual(new Map(Object.entries({ a: '2', b: '3' })));
    expect(one.entries).toEqual(new Map([['a', '1']]));
    expect(ParameterSet.of([])).toBe(ParameterSet.EMPTY);
  });
});

describe('the difference', () => {
  it('between equal sets is nothing', () => {
    expect(difference(set({ a: '1' }), set({ A: '1' }))).toBe('');
    expect(to({})).toBe('');
  });

  it('sets what is new or another, resets what is gone, and leaves the rest', () => {
    const one = set({ same: '1', changed: '2', gone: '3' });
    const other = set({ same: '1', changed: '4', new: '5' });
    expect(difference(one, other)).toBe(`RESET "gone";SET "changed" TO '4';SET "new" TO '5'`);
    expect(difference(other, one)).toBe(`RESET "new";SET "changed" TO '2';SET "gone" TO '3'`);
    expect(from({ a: '1', b: '2' })).toBe('RESET "a";RESET "b"');
  });

  it('leaves a role first and takes one last', () => {
    const one = set({ role: 'bob', lock_timeout: '1', log_statement: 'all' });
    expect(difference(one, set({ lock_timeout: '2' }))).toBe(
      `RESET "role";RESET "log_statement";SET "lock_timeout" TO '2'`,
    );
    expect(difference(set({ lock_timeout: '1' }), one)).toBe(`SET "log_statement" TO 'all';SET "role" TO 'bob'`);
    // The same role on both sides: what changes is changed by who logged in.
    expect(difference(one, one.with('lock_timeout', '2'))).toBe(
      `RESET "role";SET "lock_timeout" TO '2';SET "role" TO 'bob'`,
    );
  });
});

describe('a value', () => {
  it('is quoted, so that it stays one', () => {
    expect(to({ application_name: "it's" })).toBe(`SET "application_name" TO 'it''s'`);
    expect(to({ application_name: '' })).toBe(`SET "application_name" TO ''`);
    expect(to({ application_name: "'; DROP TABLE x; --" })).toBe(`SET "application_name" TO '''; DROP TABLE x; --'`);
    expect(to({ datestyle: 'ISO, MDY' })).toBe(`SET "datestyle" TO 'ISO, MDY'`);
  });

  it('with a backslash is quoted for any standard_conforming_strings', () => {
    expect(to({ a: '\\' })).toBe(String.raw`SET "a" TO  E'\\'`);
    expect(to({ a: "\\'; x" })).toBe(String.raw`SET "a" TO  E'\\''; x'`);
    expect(to({ search_path: '"a\\b", c' })).toBe(String.raw`SET "search_path" TO  E'a\\b', 'c'`);
  });

  it('of a list of identifiers is quoted element by element', () => {
    for (const [value, expected] of [
      ['public', "'public'"],
      ['"$user", public', "'$user', 'public'"],
      ['Ab,"Ab"', "'ab', 'Ab'"],
      ['"a,b","c""d"', `'a,b', 'c"d'`],
      [`it's`, "'it''s'"],
      ['""', "''"],
    ] as const) {
      expect(to({ search_path: value }), value).toBe(`SET "search_path" TO ${expected}`);
    }
    expect(to({ Temp_Tablespaces: 'A, b' })).toBe(`SET "temp_tablespaces" TO 'a', 'b'`);
  });
});

it('a list that is empty or none at all is set as it is, and Postgres says what is wrong with it', () => {
  for (const value of ['', ',', 'a b', `"it's`]) {
    const literal = value.replaceAll("'", "''");
    expect(to({ search_path: value })).toBe(`SELECT pg_catalog.set_config('search_path', '${literal}', false)`);
  }
});

describe('a value that is not ASCII', () => {
  const greeting = set({ application_name: 'Zürich 🙂' });

  it('is sent as it is where the session speaks UTF-8', () => {
    for (const encoding of [
      {},
      { client_encoding: 'UTF8' },
      { client_encoding: "'utf-8'" },
      { client_encoding: 'unicode' },
    ]) {
      expect(difference(set(encoding), greeting)).toContain(`SET "application_name" TO 'Zürich 🙂'`);
    }
  });

  it('is written in ASCII where it speaks something else, the backslashes too', () => {
    const latin = set({ client_encoding: 'LATIN1' });
    expect(difference(latin, greeting)).toBe(
      String.raw`RESET "client_encoding";SET "application_name" TO  E'Z\U000000fcrich \U0001f642'`,
    );
    expect(difference(latin, latin.with('a', "\\ü'"))).toBe(String.raw`SET "a" TO  E'\\\U000000fc'''`);
    expect(difference(latin, latin.with('search_path', 'a, ä'))).toBe(
      String.raw`SET "search_path" TO 'a',  E'\U000000e4'`,
    );
  });
});

describe('a name', () => {
  it('with a dot is quoted part by part', () => {
    expect(to({ 'my.own': '1' })).toBe(`SET "my"."own" TO '1'`);
    expect(from({ 'my.very.own': '1' })).toBe('RESET "my"."very"."own"');
  });

  it('can not end the statement', () => {
    expect(to({ 'a" TO 1; DROP TABLE x; --': '1' })).toBe(`SET "a"" to 1; drop table x; --" TO '1'`);
    expect(from({ 'a".b': '' })).toBe('RESET "a"""."b"');
  });
});

describe('a list of identifiers', () => {
  it('is split as Postgres does', () => {
    for (const [text, expected] of [
      ['', []],
      [' \t\n\r\f\v', []],
      ['a', ['a']],
      [' a , b ', ['a', 'b']],
      ['A,ÄÖ,"A"', ['a', 'ÄÖ', 'A']],
      ['a"b', ['a"b']],
      ['"a b"', ['a b']],
      ['""""', ['"']],
      ['"",a', ['', 'a']],
      ['a\u00a0b', ['a\u00a0b']],
    ] as const) {
      expect(splitIdentifiers(text), text).toEqual(expected);
    }
    for (const text of [',', 'a,', ',a', 'a,,b', 'a b', '"a', '"a"b', '"a""', 'a, ', '"a" "b"']) {
      expect(splitIdentifiers(text), text).toBeNull();
    }
  });
});

it('what follows from the server or the login is not carried from one server to another', () => {
  for (const name of [
    'server_version',
    'In_Hot_Standby',
    'is_superuser',
    'integer_datetimes',
    'session_authorization',
  ]) {
    expect(isCarried(name), name).toBe(false);
  }
  for (const name of ['TimeZone', 'client_encoding', 'application_name', 'search_path', 'scram_iterations']) {
    expect(isCarried(name), name).toBe(true);
  }
});
