// Calls between two processes: answers find their question, failures and ends reject it.
import { expect, test } from 'vitest';
import { Channel } from '../../../src/workers/channel.ts';
import { isMessage } from '../../../src/workers/messages.ts';
import { Rebirth } from '../../../src/workers/rebirth.ts';

interface Calls {
  readonly double: { readonly argument: number; readonly answer: number };
  readonly fail: { readonly argument: null; readonly answer: null };
  readonly never: { readonly argument: null; readonly answer: null };
}
type Nothing = Record<never, never>;

function pair(): Channel<Calls, Nothing> {
  const far: Channel<Nothing, Calls> = new Channel<Nothing, Calls>((message) => near.receive(message), {
    double: (number) => number * 2,
    fail: () => {
      throw new Error('it can not');
    },
    never: () => new Promise(() => {}),
  });
  const near: Channel<Calls, Nothing> = new Channel<Calls, Nothing>((message) => far.receive(message), {});
  return near;
}

test('each answer goes to its own question', async () => {
  const near = pair();
  expect(await Promise.all([near.call('double', 2), near.call('double', 21)])).toEqual([4, 42]);
});

test('a failure over there is one here', async () => {
  await expect(pair().call('fail', null)).rejects.toThrow('it can not');
});

test('who is gone answers nothing, before and after', async () => {
  const near = pair();
  const asked = near.call('never', null);
  near.close('worker 1 is gone');
  await expect(asked).rejects.toThrow('worker 1 is gone');
  await expect(near.call('double', 1)).rejects.toThrow('worker 1 is gone');
});

test('who is silent is waited for so long and no longer', async () => {
  await expect(pair().call('never', null, 20)).rejects.toThrow('no answer within 20 ms');
});

test("Node's own messages are none of ours", () => {
  for (const value of [null, 'online', { cmd: 'NODE_HANDLE_ACK' }, { kind: 'other' }])
    expect(isMessage(value)).toBe(false);
  expect(isMessage({ kind: 'hello' })).toBe(true);
});

test('a worker that dies is replaced at once, one that dies again and again later and later', () => {
  const rebirth = new Rebirth();
  expect(rebirth.died(60_000, 1)).toBe(0);
  const delays = Array.from({ length: 9 }, () => rebirth.died(50, 1));
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  expect(rebirth.died(50, 2)).toBe(100);
  expect(rebirth.died(60_000, 1)).toBe(0);
  expect(rebirth.deaths).toBe(12);
});
