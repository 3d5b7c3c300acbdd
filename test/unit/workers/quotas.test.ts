// Shares of the limits on clients, on both sides: lent in blocks, asked back where none is left, never more than the limit.
import { expect, test } from 'vitest';
import { Quotas } from '../../../src/workers/quotas.ts';
import { ALL, blockOf, WorkerShares } from '../../../src/workers/shares.ts';

/** Workers with so many clients each, behind one limit. onTheWay: passes while a message is; one behind the other arrives behind it. */
function house(limit: number, workers: number, onTheWay = () => Promise.resolve()) {
  const used = new Map(Array.from({ length: workers }, (_, at) => [at + 1, 0]));
  const channels = new Map<number, Promise<void>>();
  const arrives = (worker: number) => {
    const arrival = (channels.get(worker) ?? Promise.resolve()).then(onTheWay);
    channels.set(worker, arrival);
    return arrival;
  };
  const quotas: Quotas = new Quotas(async (worker, key, count) => {
    await arrives(worker);
    await new Promise(setImmediate);
    const given = shares.get(worker)!.giveBack(key, count);
    await onTheWay();
    return given;
  });
  const shares: Map<number, WorkerShares> = new Map(
    [...used.keys()].map((worker) => [
      worker,
      new WorkerShares(
        {
          used: () => used.get(worker)!,
          present: () => used.get(worker)!,
          maxClients: () => limit,
          ask: async (key, count, needed, of) => {
            await onTheWay();
            const granted = await quotas.ask(worker, key, count, needed, of);
            await arrives(worker);
            return granted;
          },
        },
        workers,
      ),
    ]),
  );
  return {
    quotas,
    /** A client comes; whether it is let in. */
    enter: async (worker: number) => {
      used.set(worker, used.get(worker)! + 1);
      const one = shares.get(worker)!;
      await one.makeRoom();
      if (!one.isFull) return true;
      used.set(worker, used.get(worker)! - 1);
      return false;
    },
    leave: (worker: number) => used.set(worker, used.get(worker)! - 1),
  };
}

test('as many clients are let in as the limit allows, whichever worker they come to', async () => {
  const { enter, quotas } = house(10, 2);
  for (let i = 0; i < 9; i += 1) expect(await enter(1)).toBe(true);
  expect(await enter(2)).toBe(true);
  expect(await enter(1)).toBe(false);
  expect(await enter(2)).toBe(false);
  expect(quotas.lentOf(ALL)).toBe(10);
});

test('a share that one worker does not use any more is for the others', async () => {
  const { enter, leave } = house(4, 2);
  for (let i = 0; i < 4; i += 1) expect(await enter(1)).toBe(true);
  expect(await enter(2)).toBe(false);
  leave(1);
  expect(await enter(2)).toBe(true);
  expect(await enter(1)).toBe(false);
});

test('many at once never are more than the limit', async () => {
  const { enter, quotas } = house(20, 3);
  const all = await Promise.all(Array.from({ length: 60 }, (_, i) => enter((i % 3) + 1)));
  expect(all.filter((isIn) => isIn).length).toBeLessThanOrEqual(20);
  expect(quotas.lentOf(ALL)).toBeLessThanOrEqual(20);
});

test('as many at once as the limit allows are all let in, however long questions and answers are under way', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    let state = seed;
    const upTo = (n: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % n;
    };
    const passes = async () => {
      for (let left = upTo(6); left > 0; left -= 1) await new Promise(setImmediate);
    };
    const workers = 2 + (seed % 3);
    const { enter, quotas } = house(60, workers, passes);
    const all: Promise<boolean>[] = [];
    for (let i = 0; i < 60; i += 1) {
      all.push(enter(1 + upTo(workers)));
      await passes();
    }
    expect([seed, (await Promise.all(all)).filter((isIn) => !isIn).length]).toEqual([seed, 0]);
    expect(quotas.lentOf(ALL)).toBe(60);
  }
});

test('what a dead worker had is free', async () => {
  const { enter, quotas } = house(2, 2);
  expect(await enter(1)).toBe(true);
  expect(await enter(1)).toBe(true);
  quotas.died(1);
  expect(await enter(2)).toBe(true);
});

test('a worker that dies while the others are asked gets nothing, and takes nothing from its successor', async () => {
  const quotas: Quotas = new Quotas(async () => {
    quotas.died(2);
    expect(quotas.lend(2, ALL, 1, 10)).toBe(1); // its successor begins
    return 2;
  });
  expect(quotas.lend(1, ALL, 10, 10)).toBe(10);
  quotas.giveBack(1, ALL, 1);
  expect(quotas.lend(2, ALL, 1, 10)).toBe(1);
  expect(await quotas.ask(2, ALL, 1, 1, 10)).toBe(0);
  expect(quotas.lentOf(ALL)).toBe(8); // 7 and 1
});

test('what a worker gave back before it died is not taken from its successor', async () => {
  const quotas: Quotas = new Quotas(async () => {
    quotas.died(1);
    expect(quotas.lend(1, ALL, 4, 10)).toBe(4);
    return 2;
  });
  expect(quotas.lend(1, ALL, 10, 10)).toBe(10);
  expect(await quotas.ask(2, ALL, 1, 1, 10)).toBe(1);
  expect(quotas.lentOf(ALL)).toBe(5);
});

test('a worker that is gone while it is asked gives nothing', async () => {
  const quotas: Quotas = new Quotas(async () => 0);
  expect(quotas.lend(1, ALL, 5, 5)).toBe(5);
  expect(await quotas.ask(2, ALL, 1, 1, 5)).toBe(0);
});

test('blocks are small where the limit is', () => {
  expect(blockOf(10, 2)).toBe(1);
  expect(blockOf(100, 2)).toBe(6);
  expect(blockOf(10_000, 2)).toBe(64);
});
