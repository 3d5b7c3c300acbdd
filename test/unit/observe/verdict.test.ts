// What is wrong with a pooler of several workers, in sentences: the facts of all of them make each finding.
import { expect, test } from 'vitest';
import { mergeFacts, type VerdictFacts } from '../../../src/observe/facts.ts';
import type { LeakFacts } from '../../../src/observe/facts-of-leaks.ts';
import type { PoolFacts } from '../../../src/observe/facts-of-pools.ts';
import { findingsOf } from '../../../src/observe/verdict.ts';

const NOW = 1_700_000_000_000;

function pool(change: Partial<PoolFacts> = {}): PoolFacts {
  return {
    database: 'app',
    user: 'web',
    state: 'running',
    loginError: null,
    usable: 2,
    poolSize: 20,
    waiting: 0,
    maxWaitMs: 0,
    waitLimitMs: 10_000,
    held: 0,
    heldBy: [],
    causes: { holders: 0, unused: 0, pinned: 0, slow: 0 },
    refused: 0,
    kept: 0,
    pinned: [],
    ...change,
  };
}

function leak(change: Partial<LeakFacts> = {}): LeakFacts {
  return {
    database: 'app',
    user: 'web',
    applicationName: 'shop',
    route: null,
    name: 'shop',
    statement: 'SELECT $1',
    newestAt: NOW - 1_000,
    count: 1,
    open: 1,
    recent: 1,
    reclaimed: 0,
    held: 1,
    poolSize: 20,
    waiting: 0,
    causedMs: 0,
    ...change,
  };
}

function facts(change: Partial<VerdictFacts> = {}): VerdictFacts {
  return {
    wallNow: NOW,
    pools: [pool()],
    leaks: [],
    process: { bug: null, stall: null, lateMs: 0 },
    pause: { state: 'running', paused: [] },
    ...change,
  };
}

const verdict = (...all: VerdictFacts[]) => findingsOf(mergeFacts(all));

test('the facts of one worker are the facts', () => {
  const one = facts({ pools: [pool({ waiting: 3, heldBy: [['a', 2]] })], leaks: [leak()] });
  expect(mergeFacts([one])).toEqual(one);
  expect(verdict(facts(), facts())).toEqual([]);
});

test('who waits is counted in all workers, and who holds most is so over all of them', () => {
  const waits = { waiting: 2, maxWaitMs: 2_000, held: 3 };
  const [finding] = verdict(
    facts({
      pools: [
        pool({
          ...waits,
          heldBy: [
            ['a', 2],
            ['b', 1],
          ],
        }),
      ],
    }),
    facts({ pools: [pool({ ...waits, maxWaitMs: 6_000, heldBy: [['b', 3]] })] }),
  );
  expect(finding).toMatchObject({
    severity: 'critical',
    code: 'saturated',
    title: '4 clients of app/web wait for a server',
    detail: 'the longest for 6 s; 6 of 20 servers are held, 4 of them by b',
  });
});

test('Postgres is away when no worker has a server, and logins fail when one still has', () => {
  const away = pool({ usable: 0, loginError: 'connection refused' });
  expect(verdict(facts({ pools: [away] }), facts({ pools: [away] }))).toMatchObject([{ code: 'postgres_away' }]);
  expect(verdict(facts({ pools: [away] }), facts())).toMatchObject([{ code: 'login_failing' }]);
});

test('servers that are kept here and there add up to what is told of', () => {
  const some = pool({ kept: 5, pinned: [['temp_table', 5]] });
  expect(verdict(facts({ pools: [some] }))).toEqual([]);
  expect(verdict(facts({ pools: [some] }), facts({ pools: [some] }))).toMatchObject([
    { code: 'pinned', title: '10 of 20 servers of app/web are pinned', detail: 'temp_table 10' },
  ]);
});

test('one application that leaks in two workers is one finding, with its newest statement', () => {
  const findings = verdict(
    facts({ leaks: [leak({ recent: 2, count: 2, held: 2, causedMs: 900 })] }),
    facts({ leaks: [leak({ newestAt: NOW - 10, statement: 'UPDATE x', causedMs: 900 }), leak({ route: '/cart' })] }),
  );
  expect(findings).toMatchObject([
    {
      severity: 'critical',
      title: 'shop leaks transactions',
      detail: '3 leaks in the last minute, 3 of 20 servers held unused now, others waited 1.8 s because of it',
      statement: 'UPDATE x',
      held: 3,
      leaks: 3,
    },
    { route: '/cart', held: 1 },
  ]);
});

test('what is wrong with one worker is wrong with the pooler', () => {
  const findings = verdict(
    facts({ process: { bug: { at: NOW - 5, text: 'older' }, stall: null, lateMs: 5 } }),
    facts({
      process: { bug: { at: NOW - 1, text: 'newer' }, stall: { at: NOW - 1_000, durationMs: 300 }, lateMs: 150 },
      pause: { state: 'running', paused: ['app'] },
    }),
  );
  expect(findings.map(({ code }) => code)).toEqual(['bug', 'stall', 'loop_late', 'paused']);
  expect(findings[0]?.detail).toBe('newer');
  expect(verdict(facts(), facts({ pause: { state: 'drain', paused: [] } }))).toMatchObject([{ code: 'closing' }]);
});
