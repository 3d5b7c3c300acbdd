// Names: what is known of them, for how long, and who hears of a change. The system is played.
import type { LookupAddress } from 'node:dns';
import { beforeEach, expect, test } from 'vitest';
import { Resolver } from '../../../src/net/resolver.ts';

let now = 0;
let asked: string[] = [];
let answers: ((addresses: string[] | Error) => void)[] = [];
let changes: string[] = [];
let resolver: Resolver;

beforeEach(() => {
  [now, asked, answers, changes] = [0, [], [], []];
  resolver = new Resolver({
    clock: { now: () => now },
    ttls: () => ({ found: 1_000, failed: 100 }),
    onChange: (name, addresses) => changes.push(`${name}: ${addresses.join(' ')}`),
    ask: (name, found) => {
      asked.push(name);
      answers.push((result) => {
        if (result instanceof Error) found(result, []);
        else
          found(
            null,
            result.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
          );
      });
    },
  });
});

function answer(result: string[] | Error): void {
  answers.shift()!(result);
}

/** As net.connect asks: with all addresses. */
function lookUp(name: string, options: { all?: boolean; family?: 4 | 6 } = { all: true }): Promise<string> {
  return new Promise((resolve) => {
    resolver.lookup(name, options, (error, addresses) => {
      if (error !== null) resolve(error.message);
      else if (typeof addresses === 'string') resolve(addresses);
      else resolve((addresses as LookupAddress[]).map(({ address }) => address).join(' '));
    });
  });
}

test('a name is asked for once, whoever asks, until its time is over', async () => {
  const first = Promise.all([lookUp('a'), lookUp('a')]);
  expect(resolver.pending).toEqual({ lookups: 1, waiting: 2 });
  answer(['1.1.1.1']);
  expect(await first).toEqual(['1.1.1.1', '1.1.1.1']);
  now = 999;
  expect([await lookUp('a'), asked.length]).toEqual(['1.1.1.1', 1]);
  now = 1_000;
  const second = lookUp('a');
  answer(['1.1.1.1']);
  expect([await second, asked.length]).toEqual(['1.1.1.1', 2]);
  expect(changes).toEqual([]);
});

test('each of several addresses is the first one in turn, and a family may be asked for', async () => {
  const first = lookUp('a');
  answer(['1.1.1.1', '::2', '3.3.3.3']);
  expect([await first, await lookUp('a'), await lookUp('a')]).toEqual([
    '1.1.1.1 ::2 3.3.3.3',
    '::2 3.3.3.3 1.1.1.1',
    '3.3.3.3 1.1.1.1 ::2',
  ]);
  expect(await lookUp('a', { all: true, family: 6 })).toBe('::2');
  expect(await lookUp('a', {})).toBe('::2');
});

test('an address needs no lookup', async () => {
  expect([await lookUp('10.0.0.1'), await lookUp('::1'), asked]).toEqual(['10.0.0.1', '::1', []]);
});

test('what was not found is remembered for a shorter time', async () => {
  const first = lookUp('a');
  answer(new Error('ENOTFOUND'));
  expect([await first, await lookUp('a'), asked.length]).toEqual(['ENOTFOUND', 'ENOTFOUND', 1]);
  expect(resolver.addressesOf('a')).toBeNull();
  now = 100;
  const second = lookUp('a');
  answer(['1.1.1.1']);
  expect(await second).toBe('1.1.1.1');
});

test('a name in use is kept up to date, and who wants to know hears of a change, not of another order', async () => {
  const first = lookUp('a');
  answer(['1.1.1.1', '2.2.2.2']);
  await first;
  const inUse = new Set(['a']);
  now = 500;
  resolver.tick(inUse);
  expect(asked.length).toBe(1);
  for (const [at, addresses] of [
    [1_000, ['2.2.2.2', '1.1.1.1']],
    [2_000, ['2.2.2.2']],
  ] as const) {
    now = at;
    resolver.tick(inUse);
    resolver.tick(inUse);
    answer([...addresses]);
  }
  expect(asked.length).toBe(3);
  expect(changes).toEqual(['a: 2.2.2.2']);
  expect([...resolver]).toEqual([{ name: 'a', addresses: ['2.2.2.2'], ttlMs: 1_000 }]);
});

test('a resolver that is away takes nothing away', async () => {
  const first = lookUp('a');
  answer(['1.1.1.1']);
  await first;
  now = 1_000;
  resolver.tick(new Set(['a']));
  answer(new Error('EAI_AGAIN'));
  expect([await lookUp('a'), resolver.addressesOf('a'), changes]).toEqual(['1.1.1.1', ['1.1.1.1'], []]);
});

test('a name that nobody uses is forgotten', async () => {
  const first = lookUp('a');
  answer(['1.1.1.1']);
  await first;
  resolver.tick(new Set());
  expect([...resolver]).toEqual([]);
});
