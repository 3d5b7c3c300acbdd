// Where a cancel key says whose it is, and how often its request may still be passed on.
import { expect, test } from 'vitest';
import { OWN_NUMBERS, passedOn, peerIdOf, processIdOf, withFullTtl } from '../../../src/client/peer-key.ts';

test('a process id has the peer in its second and third byte, the lower half first, and is never negative', () => {
  expect(processIdOf(0x1234, 0x3fff).toString(16)).toBe('7f3412ff');
  for (const peer of [1, 255, 256, 16_383]) {
    for (const number of [0, 1, 0xff, 0x100, OWN_NUMBERS - 1]) {
      const processId = processIdOf(peer, number);
      expect(processId).toBeGreaterThanOrEqual(0x4000_0000);
      expect(processId).toBeLessThan(0x8000_0000);
      expect(peerIdOf(processId)).toBe(peer);
    }
  }
});

test('every number makes another process id', () => {
  const all = Array.from({ length: OWN_NUMBERS }, (_, number) => processIdOf(77, number));
  expect(new Set(all).size).toBe(OWN_NUMBERS);
});

test.each([4, 32])('a key of %i bytes can be passed on three times', (length) => {
  let key = withFullTtl(Buffer.alloc(length, 0xa0));
  expect(key[3]).toBe(0xa3);
  for (let times = 0; times < 3; times += 1) {
    const next = passedOn(key);
    expect(next).not.toBeNull();
    expect(withFullTtl(next!)).toEqual(withFullTtl(key));
    key = next!;
  }
  expect(passedOn(key)).toBeNull();
});
