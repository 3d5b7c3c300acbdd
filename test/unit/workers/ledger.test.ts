// What the ledger decides: who gets a permit, who has to give one back, who is told what.
import { expect, test } from 'vitest';
import { type Effect, Ledger, type PoolName, type PoolReport } from '../../../src/workers/ledger.ts';
import { settings } from '../../support/settings.ts';

const POOL: PoolName = { database: 'app', user: 'app' };
const QUIET: PoolReport = {
  servers: 0,
  listeners: 0,
  waiting: 0,
  waitedMs: 0,
  clients: 1,
  spare: 0,
  back: 0,
  listenersBack: 0,
  unused: 0,
  settled: 0,
};

/** A ledger of pools of this size, and what it does about reports. */
function books(changed: Parameters<typeof settings>[0]) {
  const ledger = new Ledger(() => settings({ max_parallel_logins: 100, ...changed }));
  const report = (worker: number, change: Partial<PoolReport>, now = 0): readonly Effect[] => {
    ledger.report(worker, POOL, { ...QUIET, ...change }, now);
    return ledger.settle(now).filter(({ kind }) => kind !== 'elsewhere');
  };
  return { ledger, report };
}

const grant = (worker: number, servers: number, listeners = 0): Effect => ({
  kind: 'grant',
  worker,
  pool: POOL,
  servers,
  listeners,
});
const recall = (worker: number, count: number, busy: boolean): Effect => ({
  kind: 'recall',
  worker,
  pool: POOL,
  count,
  busy,
});

test('a worker gets what it wants as far as the pool has room', () => {
  const { report, ledger } = books({ pool_size: 5 });
  expect(report(1, { servers: 3, waiting: 3 })).toEqual([grant(1, 3)]);
  expect(report(2, { servers: 3, waiting: 3 })).toEqual([grant(2, 2)]);
  expect(ledger.lentOf(POOL)).toBe(5);
});

test('saying the same twice gives nothing twice', () => {
  const { report } = books({ pool_size: 9 });
  expect(report(1, { servers: 2, waiting: 2 })).toEqual([grant(1, 2)]);
  expect(report(1, { servers: 2, waiting: 2 })).toEqual([]);
});

test('logins that are under way count over all workers', () => {
  const { report } = books({ pool_size: 9, max_parallel_logins: 2 });
  expect(report(1, { servers: 5, waiting: 5 })).toEqual([grant(1, 2)]);
  expect(report(2, { servers: 1, waiting: 1 })).toEqual([]);
  expect(report(1, { servers: 5, waiting: 5, settled: 1 })).toEqual([grant(2, 1)]);
});

test('an idle server of another worker makes room, but not for a wait of a moment', () => {
  const { report } = books({ pool_size: 2 });
  report(1, { servers: 1, waiting: 1 });
  report(2, { servers: 1, waiting: 1 });
  expect(report(1, { servers: 1, spare: 1, settled: 1 })).toEqual([]);
  expect(report(2, { servers: 2, waiting: 1, waitedMs: 5 })).toEqual([]);
  expect(report(2, { servers: 2, waiting: 1, waitedMs: 50 })).toEqual([recall(1, 1, false)]);
  // It is on its way: nobody is asked again.
  expect(report(2, { servers: 2, waiting: 1, waitedMs: 90 })).toEqual([]);
  expect(report(1, { back: 1 })).toEqual([grant(2, 1)]);
});

test('a worker that has none does not wait before it asks', () => {
  const { report } = books({ pool_size: 1 });
  report(1, { servers: 1, waiting: 1 });
  report(1, { servers: 1, spare: 1, settled: 1 });
  expect(report(2, { servers: 1, waiting: 1 })).toEqual([recall(1, 1, false)]);
});

test('where all are busy, who has more than a fair share gives up the next one it releases', () => {
  const { report } = books({ pool_size: 4 });
  report(1, { servers: 4, waiting: 4 });
  expect(report(2, { servers: 3, waiting: 3, waitedMs: 30 })).toEqual([recall(1, 2, true)]);
  expect(report(1, { servers: 4, back: 2, waiting: 2, waitedMs: 30 })).toEqual([grant(2, 2)]);
  // Two and two: nobody has more.
  expect(report(2, { servers: 3, waiting: 1, waitedMs: 5_000 }, 5_000)).toEqual([]);
});

test('one server that two workers want goes round', () => {
  const { report } = books({ pool_size: 1 });
  report(1, { servers: 1, waiting: 1 });
  expect(report(2, { servers: 1, waiting: 1, waitedMs: 100 }, 1_000)).toEqual([]);
  expect(report(2, { servers: 1, waiting: 1, waitedMs: 300 }, 1_200)).toEqual([recall(1, 1, true)]);
  expect(report(1, { servers: 2, waiting: 1, back: 1 }, 1_210)).toEqual([grant(2, 1)]);
  expect(report(1, { servers: 1, waiting: 1, waitedMs: 300 }, 1_300)).toEqual([]);
  expect(report(1, { servers: 1, waiting: 1, waitedMs: 500 }, 1_500)).toEqual([recall(2, 1, true)]);
});

test('a worker that could not close one is asked no more until it says that it can', () => {
  const { report, ledger } = books({ pool_size: 1 });
  report(1, { servers: 1, spare: 1 });
  expect(report(2, { servers: 1, waiting: 1 })).toEqual([recall(1, 1, false)]);
  ledger.kept(1, POOL, 1);
  expect(ledger.settle(0).filter(({ kind }) => kind === 'recall')).toEqual([]);
  report(1, { servers: 1 });
  expect(report(1, { servers: 1, spare: 1 })).toEqual([recall(1, 1, false)]);
});

test('the reserve is for those that have waited for it', () => {
  const { report } = books({ pool_size: 1, reserve_pool_size: 1, reserve_pool_timeout: 5_000 });
  report(1, { servers: 1, waiting: 1 });
  expect(report(2, { servers: 1, waiting: 1, waitedMs: 4_900 })).not.toContainEqual(grant(2, 1));
  expect(report(2, { servers: 1, waiting: 1, waitedMs: 5_000 })).toContainEqual(grant(2, 1));
});

test('a connection that listens does not count against pool_size', () => {
  const { report, ledger } = books({ pool_size: 1 });
  expect(report(1, { servers: 1, listeners: 1, waiting: 1 })).toEqual([grant(1, 1, 1)]);
  expect(ledger.lentOf(POOL)).toBe(1);
  expect(ledger.lent).toBe(2);
});

test('what a dead worker had is free', () => {
  const { report, ledger } = books({ pool_size: 2 });
  report(1, { servers: 2, waiting: 2 });
  report(2, { servers: 1, waiting: 1 });
  ledger.died(1);
  expect(ledger.settle(0)).toContainEqual(grant(2, 1));
  expect(ledger.logins).toBe(1);
});

test('a smaller pool_size takes back what is too much, from those that have most', () => {
  let size = 4;
  const ledger = new Ledger(() => settings({ pool_size: size, max_parallel_logins: 100 }));
  ledger.report(1, POOL, { ...QUIET, servers: 3, waiting: 3 }, 0);
  ledger.report(2, POOL, { ...QUIET, servers: 1, waiting: 1 }, 0);
  ledger.settle(0);
  size = 2;
  expect(ledger.settle(0)).toContainEqual(recall(1, 2, true));
});

test('who waits elsewhere, and who keeps min_pool_size, is told when it changes', () => {
  const ledger = new Ledger(() => settings({ pool_size: 1, min_pool_size: 3, max_parallel_logins: 100 }));
  const elsewhere = () =>
    ledger.settle(0).flatMap((effect) => {
      if (effect.kind !== 'elsewhere') return [];
      const { worker, waiting, minSize } = effect;
      return [{ worker, waiting, minSize }];
    });
  ledger.report(1, POOL, { ...QUIET, servers: 1 }, 0);
  expect(elsewhere()).toEqual([{ worker: 1, waiting: 0, minSize: 3 }]);
  ledger.report(2, POOL, { ...QUIET, servers: 1, waiting: 4 }, 0);
  expect(elsewhere()).toEqual([
    { worker: 1, waiting: 4, minSize: 2 },
    { worker: 2, waiting: 0, minSize: 1 },
  ]);
  expect(elsewhere()).toEqual([]);
  ledger.report(1, POOL, { ...QUIET, servers: 1, clients: 0 }, 0);
  expect(elsewhere()).toEqual([
    { worker: 1, waiting: 4, minSize: 0 },
    { worker: 2, waiting: 0, minSize: 3 },
  ]);
});
