// What stands behind a name in an ini: pairs, quotes, and what is wrong with them.
import { expect, test } from 'vitest';
import { readPairs } from '../../../../src/config/ini/connection-text.ts';

const plain = (text: string) => {
  const read = readPairs(text);
  return read.ok ? Object.fromEntries(read.pairs.map(({ key, value }) => [key, value])) : read.message;
};

test('pairs are separated by blanks, and blanks may stand around the equals sign', () => {
  expect(plain(' host=db  port = 5433\tdbname =x ')).toEqual({ host: 'db', port: '5433', dbname: 'x' });
});

test('a value in single quotes may hold blanks and equals signs; a quote in it is doubled', () => {
  expect(plain(`connect_query='SELECT ''a=b''; x' password='it''s'`)).toEqual({
    connect_query: `SELECT 'a=b'; x`,
    password: `it's`,
  });
});

test('a quote inside a bare value belongs to it', () => {
  expect(plain(`password=it's`)).toEqual({ password: `it's` });
});

test('a text without pairs has none', () => {
  expect(plain('')).toEqual({});
  expect(plain('   ')).toEqual({});
});

test('what is no pair is told with its place, and never with a value', () => {
  expect(readPairs('host=db nonsense')).toEqual({ ok: false, at: 8, message: 'expected key=value' });
  expect(readPairs('password= host=db')).toMatchObject({ ok: true });
  expect(plain(`password='secret`)).toBe('password has no value that ends');
  expect(plain('password=')).toBe('password has no value that ends');
  expect(plain(`password=''`)).toBe('password has no value that ends');
});

test('each pair knows where its key and its value begin', () => {
  const read = readPairs(`a=1 bc = 'x'`);
  expect(read.ok && read.pairs.map(({ keyAt, valueAt }) => [keyAt, valueAt])).toEqual([
    [0, 2],
    [4, 9],
  ]);
});

test('a text that is hostile takes no longer than its length', () => {
  const started = performance.now();
  expect(readPairs(`a='${"''".repeat(200_000)}`).ok).toBe(false);
  expect(readPairs('a '.repeat(200_000)).ok).toBe(false);
  expect(performance.now() - started).toBeLessThan(1000);
});
