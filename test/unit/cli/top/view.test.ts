// What top shows: pure pictures in, lines out.
import { expect, test } from 'vitest';
import type { Picture, Row } from '../../../../src/cli/top/api.ts';
import { holderColumns } from '../../../../src/cli/top/columns.ts';
import { pressed } from '../../../../src/cli/top/keys.ts';
import { Screen } from '../../../../src/cli/top/screen.ts';
import { ago, cellsOf, fitted, harmless, short } from '../../../../src/cli/top/text.ts';
import { initialState, plainLines, screenLines, type ViewState } from '../../../../src/cli/top/view.ts';

function pool(database: string, more: Row = {}): Row {
  return {
    database,
    user: 'app',
    poolMode: 'transaction',
    state: 'running',
    poolSize: 5,
    clients: { active: 2, idle: 3, waiting: 0 },
    servers: { active: 2, idle: 1 },
    maxWaitMs: 0,
    stats: { xactCount: 100, queryCount: 200 },
    ...more,
  };
}

function holder(applicationName: string, silentMs: number, more: Row = {}): Row {
  return {
    applicationName,
    database: 'shop',
    user: 'app',
    address: '10.0.0.1',
    state: 'idle in transaction',
    heldMs: silentMs + 1,
    silentMs,
    clientId: 7,
    pins: [],
    statement: 'SELECT 1',
    ...more,
  };
}

function picture(pools: Row[], holders: Row[], at = 0): Picture {
  return { overview: { version: '1.2.3', state: 'running' }, pools, holders, at };
}

const size = { rows: 20, columns: 100 };
const texts = (one: Picture | null, state: ViewState = initialState, at = size, fault: string | null = null) =>
  screenLines(one, null, state, at, fault).map(({ text }) => text);

test('the pools whose clients wait longest and the holders that are silent longest stand first', () => {
  const lines = plainLines(
    picture(
      [pool('calm'), pool('busy', { maxWaitMs: 1500, clients: { active: 5, idle: 0, waiting: 4 } })],
      [holder('web', 100), holder('leaky', 90_000), holder('', 5_000)],
    ),
    null,
  );
  const order = (names: string[]) =>
    names.toSorted(
      (a, b) => lines.findIndex((line) => line.startsWith(a)) - lines.findIndex((line) => line.startsWith(b)),
    );
  expect(order(['calm', 'busy'])).toEqual(['busy', 'calm']);
  expect(order(['web', 'leaky', 'app@10.0.0.1'])).toEqual(['leaky', 'app@10.0.0.1', 'web']);
  expect(lines[1]).toBe('14 clients, 4 waiting, the first for 1.5s; 4 servers held');
});

test('what is not well stands in the head, the worst first, and leaks are counted', () => {
  const findings = [1, 2, 3, 4, 5].map((i) => ({
    severity: i < 5 ? 'critical' : 'notice',
    title: `Finding ${i}.`,
    detail: 'numbers',
  }));
  const one = {
    ...picture([pool('shop')], [holder('a', 1, { leak: 'leaked' }), holder('b', 1, { leak: 'suspect' })]),
    overview: { version: '1', state: 'running', uptimeMs: 3_700_000, findings },
  };
  expect(texts(one).slice(0, 5)).toEqual([
    'pgsluice 1  running  up 1h 01m',
    '5 clients, nobody waits; 2 servers held, 1 leak',
    'critical: Finding 1. numbers',
    'critical: Finding 2. numbers',
    'critical: Finding 3. numbers (and 2 more)',
  ]);
});

test('rates are what has happened between two pictures', () => {
  const before = picture([pool('shop')], [], 1000);
  const after = picture([pool('shop', { stats: { xactCount: 150, queryCount: 1200 } })], [], 1500);
  expect(plainLines(after, before).find((line) => line.startsWith('shop'))).toMatch(/ 100 +2\.0k$/);
  expect(plainLines(after, null).find((line) => line.startsWith('shop'))).toMatch(/ 0 +0$/);
});

test('a screen has as many lines as the terminal, none wider, whatever its size', () => {
  const many = picture(
    Array.from({ length: 30 }, (_, i) => pool(`db${i}`)),
    Array.from({ length: 300 }, (_, i) =>
      holder(`application number ${i} ${'x'.repeat(i)}`, i, { statement: 'y'.repeat(i * 3) }),
    ),
  );
  for (const rows of [1, 2, 3, 5, 8, 24, 80]) {
    for (const columns of [1, 5, 20, 80, 300]) {
      const lines = texts(many, initialState, { rows, columns });
      expect(lines).toHaveLength(rows);
      for (const line of lines) expect(cellsOf(line)).toBeLessThanOrEqual(columns);
    }
  }
});

test('strangers can neither move the cursor nor break a line', () => {
  const evil = '\x1b[2J\x1b]0;title\x07\u009b31m\r\nnext\u202eline\u2028x\tz';
  const one = picture(
    [pool(evil, { user: evil, state: evil })],
    [holder(evil, 1, { statement: evil.repeat(100_000), database: evil, pins: [evil] })],
  );
  const hostile = { ...one, overview: { version: evil, state: evil } };
  for (const lines of [texts(hostile), plainLines(hostile, null), texts(null, initialState, size, evil)]) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e]/);
  }
});

test('an answer of any shape makes a picture', () => {
  const strange = [null, 1, 'x', [], {}, { clients: null }, { clients: { waiting: 'many' } }, { applicationName: {} }];
  const rows = strange as unknown as Row[];
  expect(() =>
    plainLines(
      { overview: {}, pools: rows.map((row) => row ?? {}), holders: rows.map((row) => row ?? {}), at: 0 },
      null,
    ),
  ).not.toThrow();
});

test('keys order, turn around, scroll, stop and leave', () => {
  const after = (keys: string, from = initialState) => {
    const state = pressed(keys, from);
    return state === 'leave' ? expect.fail('it left') : state;
  };
  expect(after('\t').table).toBe('pools');
  expect(after('\x1b[C').sort.holders.column).toBe(initialState.sort.holders.column + 1);
  expect(after('\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D').sort.holders.column).toBe(holderColumns.length - 1);
  expect(after('r').sort.holders.isDescending).toBe(false);
  expect(after('\x1b[B\x1b[6~k').offset).toBe(10);
  expect(after('\x1b[A').offset).toBe(0);
  expect([after(' ').isFrozen, after('  ').isFrozen]).toEqual([true, false]);
  expect(after('?').isHelp).toBe(true);
  expect(after('\x1b[1;5X\x1bOPz\u{1f600}')).toEqual(initialState);
  for (const key of ['q', '\x03', '\x04']) expect(pressed(`r${key}r`, initialState)).toBe('leave');
});

test('the column that orders is marked, and scrolling stops at the last row', () => {
  const one = picture(
    [],
    Array.from({ length: 40 }, (_, i) => holder(`a${String(i).padStart(2, '0')}`, i)),
  );
  expect(texts(one).find((line) => line.startsWith('application'))).toContain('silent\u2193');
  const far = texts(one, { ...initialState, offset: 1_000_000 });
  expect(far.findLast((line) => line.startsWith('a'))).toMatch(/^a00 /);
});

test('a screen writes only what has changed, in one piece', () => {
  const written: string[] = [];
  const screen = new Screen({ write: (text) => written.push(text) }, false);
  screen.enter();
  screen.paint([{ text: 'one' }, { text: 'two' }, { text: 'three' }]);
  screen.paint([{ text: 'one' }, { text: 'TWO' }]);
  screen.paint([{ text: 'one' }, { text: 'TWO' }]);
  expect(written.slice(2)).toEqual(['\x1b[?2026h\x1b[2;1HTWO\x1b[K\x1b[3;1H\x1b[K\x1b[?2026l']);
  screen.forget();
  screen.paint([{ text: 'one' }]);
  expect(written.at(-1)).toContain('\x1b[1;1Hone\x1b[K');
  screen.leave();
  screen.leave();
  expect(written.at(-1)).toBe('\x1b[?7h\x1b[?25h\x1b[?1049l');
  expect(written.filter((text) => text.includes('?1049l'))).toHaveLength(1);
});

test('texts are measured in cells', () => {
  expect([cellsOf('abc'), cellsOf('日本'), cellsOf('e\u0301'), cellsOf('😀')]).toEqual([3, 4, 1, 2]);
  expect([fitted('日本語', 4), fitted('日本語', 6), fitted('ab', 4, 'right'), fitted('abcdef', 4)]).toEqual([
    '日\u2026 ',
    '日本語',
    '  ab',
    'abc\u2026',
  ]);
  expect(harmless('\ud800x')).toBe('\ufffdx');
});

test('times and numbers are short', () => {
  expect([0, 950, 9_990, 61_000, 100_000, 3_700_000, 200_000_000].map(ago)).toEqual([
    '0.0s',
    '0.9s',
    '10.0s',
    '61s',
    '1m 40s',
    '1h 01m',
    '2d 07h',
  ]);
  expect([0, 999, 1000, 12_345, 999_600, 5e9].map(short)).toEqual(['0', '999', '1.0k', '12.3k', '1.0M', '5.0G']);
});
