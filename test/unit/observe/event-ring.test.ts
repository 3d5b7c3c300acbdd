// The flight recorder: what it keeps, what it folds, and that nothing a peer sends makes it grow.
import { describe, expect, test } from 'vitest';
import { EventRing } from '../../../src/observe/event-ring.ts';

/** A ring with a wall clock of its own; each event a second after the one before, unless told otherwise. */
function ringOf(size: number) {
  let now = 1_000_000;
  const ring = new EventRing(size, () => now);
  return {
    ring,
    at: (ms: number) => {
      now = 1_000_000 + ms;
    },
    later: () => {
      now += 1_000;
    },
  };
}

describe('what is kept', () => {
  test('the newest entries stay, the oldest go, and the newest is last', () => {
    const { ring, later } = ringOf(3);
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      ring.add('error', { text });
      later();
    }
    expect(ring.list().map(({ sequence, text }) => [sequence, text])).toEqual([
      [3, 'c'],
      [4, 'd'],
      [5, 'e'],
    ]);
    expect([ring.length, ring.last]).toEqual([3, 5]);
  });

  test('it can be asked for the newest few, for one kind, and for what came since', () => {
    const { ring, later } = ringOf(10);
    for (const kind of ['wait', 'error', 'wait', 'stall', 'wait'] as const) {
      ring.add(kind);
      later();
    }
    const sequences = (filter: Parameters<EventRing['list']>[0]) => ring.list(filter).map(({ sequence }) => sequence);
    expect(sequences({ limit: 2 })).toEqual([4, 5]);
    expect(sequences({ kind: 'wait' })).toEqual([1, 3, 5]);
    expect(sequences({ kind: 'wait', limit: 2 })).toEqual([3, 5]);
    expect(sequences({ since: 3 })).toEqual([4, 5]);
    expect(sequences({ since: 5 })).toEqual([]);
    expect(sequences({ limit: 0 })).toEqual([]);
  });

  test('the events of a pool are its own, those of its database and those of the whole process', () => {
    const { ring, later } = ringOf(10);
    const pool = { database: 'app', user: 'web' };
    for (const [text, facts] of Object.entries({
      own: pool,
      database: { database: 'app' },
      process: {},
      'another user': { database: 'app', user: 'batch' },
      'another database': { database: 'other', user: 'web' },
    })) {
      ring.add('error', { ...facts, text });
      later();
    }
    expect(ring.list({ pool }).map(({ text }) => text)).toEqual(['own', 'database', 'process']);
  });

  test('a smaller size keeps the newest, a larger one keeps all and goes on', () => {
    const { ring, later } = ringOf(4);
    const add = (texts: string) => {
      for (const text of texts) {
        ring.add('error', { text });
        later();
      }
    };
    const texts = () =>
      ring
        .list()
        .map(({ text }) => text)
        .join('');
    add('abcdef');
    ring.resize(2);
    expect(texts()).toBe('ef');
    add('g');
    expect(texts()).toBe('fg');
    ring.resize(5);
    add('hijkl');
    expect(texts()).toBe('hijkl');
    ring.resize(0);
    add('m');
    expect([texts(), ring.length]).toEqual(['', 0]);
    ring.resize(2);
    add('n');
    expect(texts()).toBe('n');
  });
});

describe('what is folded', () => {
  const web = { database: 'app', user: 'web', application: 'shop', cause: 'too_many_clients' };

  test('events alike within 100 ms are one entry with a count, the first facts and the longest time', () => {
    const { ring, at } = ringOf(10);
    for (const [ms, durationMs] of [
      [0, 30],
      [50, 70.4],
      [99, 10],
    ] as const) {
      at(ms);
      ring.add('wait', { ...web, client: ms + 1, durationMs });
    }
    expect(ring.list()).toMatchObject([{ count: 3, durationMs: 70, client: 1, at: 1_000_000 }]);
    at(100);
    ring.add('wait', web);
    expect(ring.list().map(({ count }) => count)).toEqual([3, 1]);
  });

  test.each([
    ['kind', 'wait_timeout', {}],
    ['cause', 'error', { cause: 'auth_failed' }],
    ['database', 'error', { database: 'other' }],
    ['user', 'error', { user: 'other' }],
    ['application', 'error', { application: 'other' }],
  ] as const)('another %s is another entry', (_what, kind, change) => {
    const { ring } = ringOf(10);
    ring.add('error', web);
    ring.add(kind, { ...web, ...change });
    expect(ring.list()).toHaveLength(2);
  });

  test('names that a peer makes up, thousands a second, leave what was there before in place', () => {
    const { ring, at } = ringOf(1_000);
    ring.add('leak', { application: 'culprit' });
    for (let i = 0; i < 10_000; i += 1) {
      at(200 + i / 10);
      ring.add('client_refused', { ...web, application: `bot ${i}`, user: `user ${i}` });
    }
    const entries = ring.list();
    expect(entries[0]).toMatchObject({ kind: 'leak', application: 'culprit' });
    expect(entries.length).toBeLessThan(400);
    expect(entries.reduce((sum, { count }) => sum + count, 0)).toBe(10_001);
    expect(entries.find(({ count }) => count > 900)).toMatchObject({ application: '(several)' });
  });

  test('a wall clock that is set back hides nothing', () => {
    const { ring, at } = ringOf(10);
    at(5_000);
    ring.add('error', web);
    at(0);
    ring.add('error', web);
    expect(ring.list()).toHaveLength(2);
  });

  test('an entry that has left a tiny ring gets no more of them', () => {
    const { ring } = ringOf(1);
    ring.add('wait', web);
    ring.add('error', web);
    ring.add('wait', web);
    expect(ring.list()).toMatchObject([{ kind: 'wait', count: 1 }]);
  });
});

test('texts from outside are shortened and have no control characters', () => {
  const { ring } = ringOf(10);
  ring.add('error', {
    application: `a\u001b[31m\nb${'x'.repeat(1_000_000)}`,
    text: `line\r\n\0${'y'.repeat(1_000_000)}\u2028`,
    user: 'd\u0007',
    database: 'z'.repeat(1_000),
  });
  const [entry] = ring.list();
  expect(entry?.application).toMatch(/^a \[31m bx{55}$/);
  expect(entry?.text).toMatch(/^line {3}y{193}$/);
  expect(entry?.user).toBe('d ');
  expect(entry?.database).toHaveLength(63);
});

test('what is listed is a copy: later events do not change it', () => {
  const { ring } = ringOf(10);
  ring.add('wait', { durationMs: 1 });
  const before = ring.list();
  ring.add('wait', { durationMs: 9 });
  expect([before[0]?.count, ring.list()[0]?.count]).toEqual([1, 2]);
});
