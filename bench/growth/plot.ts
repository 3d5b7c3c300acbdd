// Draws a line of points as an SVG: throughput, the timer, what is looked at, memory.
import { type Frame, panel, STYLE } from '../panel.ts';
import type { Point } from './point.ts';

const WIDTH = 860;
const HEIGHT = 560;
const PANEL = 350;
const LEFTS = [64, 488];
const ROWS = [
  { top: 78, bottom: 248 },
  { top: 336, bottom: 506 },
];

interface Wanted {
  readonly title: string;
  readonly lines: Readonly<Record<string, (point: Point) => number>>;
}

const panelsWith = (list: Wanted['lines']): readonly Wanted[] => [
  { title: 'transactions/s of 32 busy clients', lines: { '': ({ rate }) => rate } },
  {
    title: 'a tick of the timer, ms',
    lines: { median: ({ tickMs }) => tickMs, p95: ({ tickP95Ms }) => tickP95Ms },
  },
  {
    title: 'longest turn, ms',
    lines: { '/metrics': ({ scrape }) => scrape.blockMs, ...list },
  },
  { title: 'memory, MB', lines: { '': ({ memory }) => memory / 2 ** 20 } },
];

function plot(name: string, list: Wanted['lines'], points: readonly Point[], over: (point: Point) => number): string {
  const ticks = points.map(over);
  const [from, to] = [Math.min(...ticks), Math.max(...ticks)];
  const drawn = panelsWith(list).flatMap(({ title, lines }, i) => {
    const frame: Frame = { ...ROWS[i >> 1]!, left: LEFTS[i & 1]!, width: PANEL, ticks, from, to };
    const series = Object.entries(lines).map(([line, of]) => ({
      name: line,
      points: points.map((point) => [over(point), of(point)] as const),
    }));
    return panel(frame, title, series, Math.max(...series.flatMap((one) => one.points.map(([, y]) => y))));
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="What grows with ${name}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="${LEFTS[0]}" y="28">What grows with ${name}</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

export function plotOfClients(points: readonly Point[]): string {
  const list = { 'SHOW CLIENTS': ({ showClients }: Point) => showClients.blockMs };
  return plot('idle clients', list, points, ({ idleClients }) => idleClients);
}

export function plotOfPools(points: readonly Point[]): string {
  const list = { 'SHOW POOLS': ({ showPools }: Point) => showPools.blockMs };
  return plot('pools', list, points, ({ pools }) => pools);
}
