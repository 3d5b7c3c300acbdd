// What the replay of the incident counts: a run by hand, with the figures that it has to come to.
import { expect, test } from 'vitest';
import type { Attempt } from '../../../src/cli/demo/stage.ts';
import { figures } from '../../incident/figures.ts';
import { LeakWatch } from '../../incident/leak-watch.ts';
import type { Played } from '../../incident/play.ts';
import { scenario } from '../../incident/scenarios.ts';
import { svg } from '../../incident/svg.ts';
import { table } from '../../incident/table.ts';

/** Two seconds without trouble, four with, one behind. */
const marks = { warm: 10_000, window: 12_000, after: 16_000, end: 17_000 };

function attempt(group: string, start: number, ms: number | null, outcome: string | null = 'ok', steps = 4): Attempt {
  return { group, start, end: ms === null ? null : start + ms, outcome, steps };
}

function played(attempts: Attempt[], watch: LeakWatch | null = null): Played {
  const label = 'by hand';
  const rest = { key: 'd', label, backAt: [], logins: 0, generatorBusy: 0 };
  return { scenario: scenario('leak')!, marks, attempts, watch, ...rest };
}

/** Ten healthy transactions a second until `until`, each of 20 ms. */
const steady = (until: number) =>
  Array.from({ length: (until - marks.warm) / 100 }, (_, i) => attempt('shop', marks.warm + i * 100, 20));

test('goodput is held against the time without trouble, in the window and in its second half', () => {
  const stuck = [attempt('shop', 13_000, null, null, 0)];
  const { calm, kept, keptLate, p50, longest } = figures(played([...steady(13_000), ...stuck]));
  expect({ calm, kept, keptLate, p50 }).toEqual({ calm: 10, kept: 0.25, keptLate: 0, p50: 20 });
  expect(longest).toBe(3_000);
});

test('a transaction that waits through a second counts for the p99 of that second', () => {
  const { seconds } = figures(played([...steady(13_000), attempt('shop', 13_000, null, null, 0)]));
  expect(seconds.map(({ at }) => at)).toEqual([-2, -1, 0, 1, 2, 3, 4]);
  expect(seconds.map(({ goodput }) => goodput)).toEqual([10, 10, 10, 0, 0, 0, 0]);
  expect(seconds.map(({ p99 }) => p99)).toEqual([20, 20, 20, null, 2_000, 3_000, 4_000]);
});

test('killed is who had begun, refused who was never let in', () => {
  const reports = [
    attempt('reports', 12_100, 900, '25P03', 2),
    attempt('reports', 12_100, 900, '53300', 0),
    attempt('reports', 12_100, 900),
    attempt('reports', 12_100, 900, 'rolled_back', 3),
    attempt('reports', 15_000, null, null, 0),
  ];
  const { groups, errors } = figures(played([...steady(17_000), ...reports]));
  expect(groups.reports).toEqual({ done: 1, killed: 2, refused: 1, unfinished: 1 });
  expect(errors).toEqual({ '25P03': 1, '53300': 1, rolled_back: 1 });
});

test('the first alert is counted from the first leak, and a name is right with application and statement', () => {
  const watch = new LeakWatch();
  const line = (applicationName: string, statement: string) =>
    watch.line(JSON.stringify({ msg: 'leak', applicationName, statement, life: 'leaked' }));
  line('cart-worker', 'UPDATE carts SET items = $1');
  line('cart-worker', 'SELECT $1');
  line('shop', 'UPDATE carts SET items = $1');
  watch.line('{"msg":"client","reason":"leak"}');
  watch.line('not JSON');
  watch.shownAt = 14_500;
  const run = played([...steady(17_000), attempt('cart-worker', 12_000, 10, 'left', 2)], watch);
  const { firstAlert, namedInLog } = figures(run);
  expect(firstAlert).toBe(14_500 - 12_010);
  expect(namedInLog).toEqual([1, 3]);
});

test('table and picture have every lane, and the picture no text that could be markup', () => {
  const run = { ...played(steady(17_000)), label: 'a < b & "c"' };
  const results = [
    { played: run, figures: figures(run) },
    { played: { ...run, key: 'a' }, figures: figures(run) },
  ];
  expect(table(results)).toContain('kept, whole window');
  const picture = svg(results);
  expect(picture).toContain('a &#60; b &#38; &#34;c&#34;');
  expect(picture.match(/<path class="line"/g)).toHaveLength(4);
  expect(picture).not.toMatch(/NaN|undefined|Infinity/);
});
