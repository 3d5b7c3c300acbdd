// Salting passwords: the right bytes, once.
import { describe, expect, it } from 'vitest';
import { preparePassword, SaltedPasswords, saltPassword } from '../../../src/auth/pbkdf2.ts';
import { salted } from './scram-peer.ts';

const salt = Buffer.from('0123456789abcdef');

describe('saltPassword', () => {
  it('derives what node derives synchronously', async () => {
    expect(await saltPassword('pencil', salt, 4096)).toEqual(salted('pencil', salt, 4096));
  });

  it('tells passwords, salts and counts apart, also where their joined bytes are equal', async () => {
    const cache = new SaltedPasswords();
    const one = await cache.saltPassword('bc', Buffer.from('a'), 2);
    const two = await cache.saltPassword('c', Buffer.from('ab'), 2);
    const three = await cache.saltPassword('bc', Buffer.from('a'), 3);
    expect(new Set([one, two, three].map((key) => key.toString('hex'))).size).toBe(3);
    expect(two).toEqual(salted('c', Buffer.from('ab'), 2));
  });

  it('derives once for all who ask while it runs, and remembers', async () => {
    const cache = new SaltedPasswords();
    const together = await Promise.all([1, 2, 3].map(() => cache.saltPassword('pencil', salt, 10)));
    expect(together[1]).toBe(together[0]);
    expect(together[2]).toBe(together[0]);
    expect(await cache.saltPassword('pencil', salt, 10)).toBe(together[0]);
    expect(cache.size).toBe(1);
  });

  it('forgets the least recently used key when it is full', async () => {
    const cache = new SaltedPasswords(2);
    const a = await cache.saltPassword('a', salt, 1);
    const b = await cache.saltPassword('b', salt, 1);
    await cache.saltPassword('a', salt, 1);
    await cache.saltPassword('c', salt, 1);
    expect(cache.size).toBe(2);
    expect(await cache.saltPassword('a', salt, 1)).toBe(a);
    const again = await cache.saltPassword('b', salt, 1);
    expect(again).not.toBe(b);
    expect(again).toEqual(b);
  });

  it('rejects counts outside 1 to 1,000,000', async () => {
    for (const count of [0, -1, 1.5, Number.NaN, 1_000_001, Number.POSITIVE_INFINITY]) {
      await expect(saltPassword('pencil', salt, count)).rejects.toThrow(RangeError);
    }
  });

  it('does not block the event loop', async () => {
    let turns = 0;
    let done = false;
    const work = new SaltedPasswords().saltPassword('pencil', salt, 400_000).then(() => {
      done = true;
    });
    while (!done && turns < 10) {
      await new Promise((resolve) => setImmediate(resolve));
      turns++;
    }
    expect(turns).toBe(10);
    await work;
  });
});

/** How late a timer of 1 ms comes while so many keys are derived: 99 of 100 times less than this. */
async function latenessWhile(count: number): Promise<number> {
  const cache = new SaltedPasswords();
  const late: number[] = [];
  let isOver = false;
  const work = Promise.all(Array.from({ length: count }, (_, i) => cache.saltPassword(`p${i}`, salt, 4096)));
  void work.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    late.push(performance.now() - from - 1);
  }
  late.sort((a, b) => a - b);
  return late[Math.floor(late.length * 0.99)] ?? 0;
}

it('a crowd of logins that need a key delays others by less than 5 ms at p99', async () => {
  // On a machine that others use the best of some rounds says what is ours.
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5 && best >= 5; round += 1) best = Math.min(best, await latenessWhile(1000));
  expect(best).toBeLessThan(5);
}, 60_000);

describe('preparePassword', () => {
  it('leaves ASCII alone, control characters too', () => {
    expect(preparePassword('a\u0001 b')).toEqual(Buffer.from('a\u0001 b'));
  });

  it('normalises as SASLprep says (RFC 4013 section 3)', () => {
    expect(preparePassword('I\u00adX')).toEqual(Buffer.from('IX'));
    expect(preparePassword('\u00aa')).toEqual(Buffer.from('a'));
    expect(preparePassword('\u2168')).toEqual(Buffer.from('IX'));
    expect(preparePassword('a\u00a0b')).toEqual(Buffer.from('a b'));
  });

  it('takes a password as it is where SASLprep refuses it', () => {
    // A prohibited character, mixed directions, an unassigned one beside one that would be normalised, nothing left.
    for (const password of ['\u00e4\u0007', '\u06271', '\u{1f600}\u2168', '\u00ad', '\ud800']) {
      expect(preparePassword(password)).toEqual(Buffer.from(password));
    }
  });
});
