// Kinds: what texts mean, and how values are written.
import { describe, expect, test } from 'vitest';
import {
  Fault,
  formatDuration,
  formatSize,
  readBool,
  readDuration,
  readInt,
  readList,
  readSize,
  readValue,
  showValue,
} from '../../../src/config/kinds.ts';

describe('durations', () => {
  test.each([
    ['10', 10_000],
    ['0.5', 500],
    ['0', 0],
    ['10s', 10_000],
    ['500ms', 500],
    ['1min', 60_000],
    ['2 h', 7_200_000],
    ['1.5d', 129_600_000],
    [' 10s ', 10_000],
  ])('%j is %i ms', (text, ms) => {
    expect(readDuration(text)).toBe(ms);
  });

  test.each(['', '-1', '1m', '1hour', 's', '1e3', '0x10', '1h30min', '10,5', '9'.repeat(400), 'Infinity'])(
    '%j is refused',
    (text) => {
      expect(readDuration(text)).toBeInstanceOf(Fault);
    },
  );

  test('a time below a millisecond does not turn into 0, which would mean off', () => {
    expect(readDuration('0.0001')).toEqual(new Fault('is less than 1ms'));
  });

  test('m is refused with the unit that was meant', () => {
    expect(readDuration('5m')).toEqual(new Fault('has the unit m: minutes are min'));
  });

  test('a range is kept and told in units', () => {
    expect(readDuration('2d', 0, 86_400_000)).toEqual(new Fault('is above the maximum, 1d'));
    expect(readDuration('100 d', 0)).toBe(8_640_000_000);
    expect(readDuration('4000d')).toBeInstanceOf(Fault);
  });

  test.each([
    [0, '0'],
    [1, '1ms'],
    [90_000, '90s'],
    [3_600_000, '1h'],
    [86_400_000, '1d'],
  ])('%i ms is written %s, which reads as the same', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
    expect(readDuration(text)).toBe(ms);
  });
});

describe('sizes', () => {
  const read = (text: string) => readSize(text, 0, 2 ** 50);

  test.each([
    ['0', 0],
    ['1024', 1024],
    ['256kB', 262_144],
    ['16MB', 16_777_216],
    ['1gb', 1_073_741_824],
    ['0.5kB', 512],
  ])('%j is %i bytes', (text, bytes) => {
    expect(read(text)).toBe(bytes);
  });

  test.each(['', '-1', '1x', '0.3B', '1k', '9'.repeat(30)])('%j is refused', (text) => {
    expect(read(text)).toBeInstanceOf(Fault);
  });

  test('a size is written in its largest whole unit', () => {
    expect([formatSize(0), formatSize(262_144), formatSize(1025)]).toEqual(['0', '256kB', '1025B']);
  });
});

describe('other kinds', () => {
  test('booleans are what PgBouncer and Postgres write', () => {
    expect(['1', 'on', 'TRUE', 'yes'].map(readBool)).toEqual([true, true, true, true]);
    expect(['0', 'off', 'False', 'no'].map(readBool)).toEqual([false, false, false, false]);
    expect(readBool('2')).toBeInstanceOf(Fault);
    expect(readBool('')).toBeInstanceOf(Fault);
  });

  test('whole numbers are decimal and in range', () => {
    expect(readInt('007', 0, 10)).toBe(7);
    for (const text of ['', '1.0', '1e2', '0x1', ' ', '1 2', '9'.repeat(20)]) {
      expect(readInt(text, 0, 1e9), text).toBeInstanceOf(Fault);
    }
    expect(readInt('11', 0, 10)).toEqual(new Fault('is above the maximum, 10'));
    expect(readInt('-1', 0, 10)).toEqual(new Fault('is below the minimum, 0'));
  });

  test('lists are YAML lists or texts with commas', () => {
    expect(readList('a, b ,,c')).toEqual(['a', 'b', 'c']);
    expect(readList([' a ', 'b'])).toEqual(['a', 'b']);
    expect(readList('')).toEqual([]);
  });

  test('a text with a zero byte is refused: Postgres and the system would see it end there', () => {
    const row = { kind: 'text', default: '', scope: [], reload: 'live', doc: '' } as const;
    expect(readValue(row, 'a\0b')).toBeInstanceOf(Fault);
  });

  test('SHOW writes seconds, 0 and 1, and no secret', () => {
    const row = { scope: [], reload: 'live', doc: '', default: null } as const;
    expect(showValue({ ...row, kind: 'duration' }, 1500)).toBe('1.5');
    expect(showValue({ ...row, kind: 'bool' }, true)).toBe('1');
    expect(showValue({ ...row, kind: 'list' }, ['a', 'b'])).toBe('a,b');
    expect(showValue({ ...row, kind: 'secret' }, 'pw')).toBe('****');
  });
});
