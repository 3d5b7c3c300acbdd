// The figures of a scenario as a table to read in a terminal, one column per lane.
import { RETURNED } from '../../src/cli/demo/players.ts';
import type { Figures } from './figures.ts';
import type { Played } from './play.ts';

export interface Result {
  readonly played: Played;
  readonly figures: Figures;
}

const percent = (share: number) => (Number.isFinite(share) ? `${(share * 100).toFixed(0)} %` : '-');
const seconds = (ms: number | null) =>
  ms === null ? 'none' : Number.isFinite(ms) ? `${(ms / 1_000).toFixed(2)} s` : 'never';
const milliseconds = (ms: number | null) => (ms === null ? '-' : `${ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`);
const ofAll = ([right, all]: readonly [number, number]) => (all === 0 ? 'none' : `${right} of ${all}`);

type Row = readonly [name: string, cell: (result: Result) => string];

/** Rows of every scenario, then those that the scenario asks for. */
function rows(results: readonly Result[]): Row[] {
  const { scenario } = results[0]!.played;
  const list: Row[] = [
    ['goodput without trouble', ({ figures }) => `${figures.calm.toFixed(0)}/s`],
    ['kept, whole window', ({ figures }) => percent(figures.kept)],
    ['kept, second half', ({ figures }) => percent(figures.keptLate)],
    ['p50', ({ figures }) => milliseconds(figures.p50)],
    ['p99', ({ figures }) => milliseconds(figures.p99)],
    ['longest', ({ figures }) => milliseconds(figures.longest)],
  ];
  const healthy = scenario.parts.filter(({ role }) => role === 'healthy');
  if (healthy.length > 1)
    for (const { group } of healthy)
      list.push([`${group} kept`, ({ figures }) => percent(figures.keptByGroup[group] ?? Number.NaN)]);
  for (const { group } of scenario.parts.filter(({ role }) => role !== 'healthy')) list.push(...groupRows(group));
  if (scenario.parts.some(({ role }) => role === 'leak')) {
    list.push(
      [`came back late: committed / told`, ({ figures }) => pair(figures, RETURNED)],
      ['first alert', ({ figures }) => seconds(figures.firstAlert)],
      ['culprit named in the log', ({ figures }) => ofAll(figures.namedInLog)],
      ['culprit named in 53300', ({ figures }) => ofAll(figures.namedInErrors)],
    );
  }
  if (scenario.kills.length > 0)
    list.push(['first success behind a restart', ({ figures }) => figures.recoveries.map(seconds).join(', ')]);
  else list.push(['logins at Postgres', ({ played }) => String(played.logins)]);
  list.push(
    ['errors', ({ figures }) => errorsOf(figures)],
    ['generator busy', ({ played }) => percent(played.generatorBusy)],
  );
  return list;
}

function pair(figures: Figures, group: string): string {
  const { done = 0, killed = 0, refused = 0 } = figures.groups[group] ?? {};
  return `${done} / ${killed + refused}`;
}

function groupRows(group: string): Row[] {
  return [
    [
      `${group}: done / killed`,
      ({ figures }) => `${figures.groups[group]?.done ?? 0} / ${figures.groups[group]?.killed ?? 0}`,
    ],
    [
      `${group}: refused / stuck`,
      ({ figures }) => `${figures.groups[group]?.refused ?? 0} / ${figures.groups[group]?.unfinished ?? 0}`,
    ],
  ];
}

function errorsOf({ errors }: Figures): string {
  const list = Object.entries(errors).toSorted(([, a], [, b]) => b - a);
  return list.length === 0 ? 'none' : list.map(([code, n]) => `${code} ${n}`).join(', ');
}

export function table(results: readonly Result[]): string {
  const lines = rows(results).map(([name, cell]) => [name, ...results.map(cell)]);
  const head = ['', ...results.map(({ played }) => played.key)];
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => line[column]?.length ?? 0)));
  const text = [head, ...lines].map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const legend = results.map(({ played }) => `(${played.key}) ${played.label}`);
  return [...legend, '', ...text].join('\n');
}
