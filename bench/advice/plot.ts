// Draws a sweep as an SVG: throughput and p99 over the size of the pool, the knee, and what was advised from where. Readable in light and dark.
import type { Figures } from './load.ts';
import type { Outcome } from './outcome.ts';

const WIDTH = 860;
const HEIGHT = 330;
const PANEL = 360;
const TOP = 70;
const BOTTOM = 262;
const LEFTS = [56, 480];

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 12px; fill: #57606a; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke: #0b7fc4; stroke-width: 2; stroke-linejoin: round; }
  .dot { fill: #0b7fc4; }
  .knee { stroke: #12966b; stroke-width: 2; stroke-dasharray: 5 4; }
  .few, .many { fill: none; stroke: #d98e00; stroke-width: 2; }
  .end { fill: #d98e00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .grid { stroke: #3d444d; }
  }`;

/** Sizes lie on a logarithmic scale: from one to two is as far as from twenty to forty. */
const across = (left: number, size: number) => left + (Math.log2(Math.max(size, 1)) / Math.log2(48)) * PANEL;

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value) ?? 10);
}

function panel(left: number, title: string, figures: readonly Figures[], of: (each: Figures) => number, most: number) {
  const top = roundUp(most);
  const down = (value: number) => BOTTOM - (Math.min(value, top) / top) * (BOTTOM - TOP);
  const points = figures.map((each) => [across(left, each.poolSize), down(of(each))] as const);
  const ticks = [0, 0.5, 1].map((share) => share * top);
  return [
    `<text class="small" x="${left}" y="${TOP - 14}">${title}</text>`,
    ...ticks.map(
      (tick) =>
        `<line class="grid" x1="${left}" y1="${down(tick)}" x2="${left + PANEL}" y2="${down(tick)}"/><text class="small" x="${left - 6}" y="${down(tick) + 4}" text-anchor="end">${tick}</text>`,
    ),
    ...[1, 2, 4, 8, 16, 32].map(
      (size) => `<text class="small" x="${across(left, size)}" y="${BOTTOM + 18}" text-anchor="middle">${size}</text>`,
    ),
    `<polyline class="line" points="${points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')}"/>`,
    ...points.map(([x, y]) => `<circle class="dot" cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>`),
  ];
}

export function plot({ workload, figures, knee, trials }: Outcome): string {
  const best = Math.max(...figures.map(({ rate }) => rate));
  // What is far beyond any use would flatten the rest.
  const quick = Math.min(...figures.map(({ p99Ms }) => p99Ms));
  const arrows = trials.flatMap(({ poolSize, advice }, i) => {
    if (advice.size === null) return [];
    const y = BOTTOM + 34 + i * 16;
    const [from, to] = [across(LEFTS[0]!, Math.min(poolSize, 48)), across(LEFTS[0]!, advice.size)];
    return [
      `<line class="few" x1="${from}" y1="${y}" x2="${to}" y2="${y}"/><circle class="end" cx="${to}" cy="${y}" r="4"/>`,
      `<text class="small" x="${LEFTS[1]}" y="${y + 4}">from ${poolSize}: ${advice.size} advised (${advice.cause.replaceAll('_', ' ')})</text>`,
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${workload.title}">`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="${LEFTS[0]}" y="28">${workload.title}</text>`,
    ...panel(LEFTS[0]!, 'transactions/s by pool_size', figures, ({ rate }) => rate, best),
    ...panel(LEFTS[1]!, 'p99 in ms by pool_size', figures, ({ p99Ms }) => p99Ms, quick * 4 + 100),
    ...LEFTS.map(
      (left) => `<line class="knee" x1="${across(left, knee)}" y1="${TOP}" x2="${across(left, knee)}" y2="${BOTTOM}"/>`,
    ),
    `<text class="small" x="${across(LEFTS[0]!, knee) + 6}" y="${BOTTOM - 8}">knee: ${knee}</text>`,
    ...arrows,
    '</svg>',
    '',
  ].join('\n');
}
