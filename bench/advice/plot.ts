// Draws a sweep as an SVG: throughput and p99 over the size of the pool, the knee, and what was advised from where. Readable in light and dark.
import { across, type Frame, panel, STYLE } from '../panel.ts';
import type { Figures } from './load.ts';
import type { Outcome } from './outcome.ts';

const WIDTH = 860;
const HEIGHT = 330;
const TOP = 70;
const BOTTOM = 262;
const LEFTS = [56, 480] as const;

const MARKS = `
  .knee { stroke: #12966b; stroke-width: 2; stroke-dasharray: 5 4; }
  .few, .many { fill: none; stroke: #d98e00; stroke-width: 2; }
  .end { fill: #d98e00; }`;

const frameAt = (left: number): Frame => {
  return { left, top: TOP, bottom: BOTTOM, width: 360, ticks: [1, 2, 4, 8, 16, 32], from: 1, to: 48 };
};
const FRAMES = LEFTS.map(frameAt);

const drawn = (at: 0 | 1, title: string, figures: readonly Figures[], of: (each: Figures) => number, most: number) =>
  panel(FRAMES[at]!, title, [{ name: '', points: figures.map((each) => [each.poolSize, of(each)]) }], most);

export function plot({ workload, figures, knee, trials }: Outcome): string {
  const best = Math.max(...figures.map(({ rate }) => rate));
  // What is far beyond any use would flatten the rest.
  const quick = Math.min(...figures.map(({ p99Ms }) => p99Ms));
  const arrows = trials.flatMap(({ poolSize, advice }, i) => {
    if (advice.size === null) return [];
    const y = BOTTOM + 34 + i * 16;
    const [from, to] = [across(FRAMES[0]!, Math.min(poolSize, 48)), across(FRAMES[0]!, advice.size)];
    return [
      `<line class="few" x1="${from}" y1="${y}" x2="${to}" y2="${y}"/><circle class="end" cx="${to}" cy="${y}" r="4"/>`,
      `<text class="small" x="${LEFTS[1]}" y="${y + 4}">from ${poolSize}: ${advice.size} advised (${advice.cause.replaceAll('_', ' ')})</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${workload.title}">`,
    `<style>${STYLE}${MARKS}</style>`,
    `<text class="title" x="${LEFTS[0]}" y="28">${workload.title}</text>`,
    ...drawn(0, 'transactions/s by pool_size', figures, ({ rate }) => rate, best),
    ...drawn(1, 'p99 in ms by pool_size', figures, ({ p99Ms }) => p99Ms, quick * 4 + 100),
    ...FRAMES.map(
      (frame) =>
        `<line class="knee" x1="${across(frame, knee)}" y1="${TOP}" x2="${across(frame, knee)}" y2="${BOTTOM}"/>`,
    ),
    `<text class="small" x="${across(FRAMES[0]!, knee) + 6}" y="${BOTTOM - 8}">knee: ${knee}</text>`,
    ...arrows,
    '</svg>',
    '',
  ].join('\n');
}
