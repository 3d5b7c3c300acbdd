// Draws what happened as an SVG: goodput and p99 over time, one line per lane, the window of trouble shaded; readable in light and dark.
import type { Figures, Second } from './figures.ts';
import type { Played } from './play.ts';
import type { Result } from './table.ts';

const WIDTH = 860;
const LEFT = 64;
const RIGHT = 20;
const TOP = 58;
const PLOT_HEIGHT = 190;
const GAP = 48;
const LEGEND_LINE = 20;

/** Told apart by the colour-blind, on white and on black; and dashes besides. */
const COLOURS = ['#0b7fc4', '#d98e00', '#d1495b', '#12966b'];
const DASHES = ['7 4', '2 3', '10 3 2 3', ''];

const STYLE = `
  .text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 12px; fill: #57606a; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .window { fill: #d1495b; fill-opacity: 0.09; }
  .line { fill: none; stroke-linejoin: round; }
  @media (prefers-color-scheme: dark) {
    .text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .window { fill-opacity: 0.2; }
  }`;

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function text(x: number, y: number, content: string, { anchor = 'start', style = '' } = {}): string {
  return `<text class="text ${style}" x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** A round number not below this one. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return power * ([1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((step) => step * power >= value) ?? 10);
}

interface Axis {
  readonly title: string;
  readonly ticks: readonly number[];
  /** 0 (below) to 1. */
  readonly position: (value: number) => number;
  readonly label: (value: number) => string;
}

function linear(title: string, most: number): Axis {
  const top = roundUp(most);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((share) => share * top);
  return { title, ticks, position: (value) => Math.min(1, value / top), label: (value) => String(value) };
}

function logarithmic(title: string, most: number): Axis {
  const decades = Math.max(2, Math.ceil(Math.log10(Math.max(most, 10))));
  const ticks = Array.from({ length: decades + 1 }, (_, i) => 10 ** i);
  const label = (value: number) => (value < 1_000 ? `${value} ms` : `${value / 1_000} s`);
  return { title, ticks, position: (value) => Math.log10(Math.max(value, 1)) / decades, label };
}

interface Span {
  readonly from: number;
  readonly to: number;
  /** End of the window, which begins at 0. */
  readonly window: number;
}

/** One chart whose upper edge is at `top`. */
function chart(
  results: readonly Result[],
  value: (second: Second) => number | null,
  axis: Axis,
  top: number,
  span: Span,
): string {
  const width = WIDTH - LEFT - RIGHT;
  const x = (second: number) => Number((LEFT + ((second - span.from) / (span.to - span.from)) * width).toFixed(1));
  const y = (position: number) => Number((top + (1 - position) * PLOT_HEIGHT).toFixed(1));
  const parts = [
    `<rect class="window" x="${x(0)}" y="${top}" width="${(x(span.window) - x(0)).toFixed(1)}" height="${PLOT_HEIGHT}"/>`,
    text(LEFT, top - 10, axis.title),
  ];
  for (const tick of axis.ticks) {
    const at = y(axis.position(tick));
    parts.push(`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at}" y2="${at}"/>`);
    parts.push(text(LEFT - 8, at + 4, axis.label(tick), { anchor: 'end', style: 'small' }));
  }
  for (let second = Math.ceil(span.from / 4) * 4; second <= span.to; second += 4)
    parts.push(text(x(second), top + PLOT_HEIGHT + 16, `${second}`, { anchor: 'middle', style: 'small' }));
  for (const [i, { figures }] of results.entries()) {
    const points = figures.seconds.map((second) => {
      const shown = value(second);
      return shown === null ? null : `${x(second.at + 0.5)} ${y(axis.position(shown))}`;
    });
    const path = points.map((point, at) => point && `${points[at - 1] ? 'L' : 'M'}${point}`).filter(Boolean);
    parts.push(`<path class="line" d="${path.join(' ')}" ${stroke(i)}/>`);
  }
  return parts.join('\n');
}

function stroke(i: number): string {
  const dash = DASHES[i % DASHES.length];
  const width = dash === '' ? 2.6 : 1.9;
  return `stroke="${COLOURS[i % COLOURS.length]}" stroke-width="${width}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}

/** What a lane came to, in half a line. */
function outcome({ scenario }: Played, { kept, groups }: Figures): string {
  const honest = scenario.parts.filter(({ role }) => role === 'report').map(({ group }) => groups[group]);
  const sum = (key: 'done' | 'killed') => honest.reduce((total, one) => total + (one?.[key] ?? 0), 0);
  const reports = honest.length === 0 ? '' : `; reports: ${sum('done')} done, ${sum('killed')} killed`;
  return `${(kept * 100).toFixed(0)} % of the goodput${reports}`;
}

export function svg(results: readonly Result[]): string {
  const { scenario, marks } = results[0]!.played;
  const seconds = results.flatMap(({ figures }) => figures.seconds);
  const at = seconds.map((second) => second.at);
  const span = { from: Math.min(...at), to: Math.max(...at) + 1, window: (marks.after - marks.window) / 1_000 };
  const most = Math.max(...seconds.map(({ goodput }) => goodput));
  const slowest = Math.max(...seconds.map(({ p99 }) => p99 ?? 0));
  const second = TOP + PLOT_HEIGHT + GAP;
  const below = second + PLOT_HEIGHT + 34;
  const height = below + 18 + results.length * LEGEND_LINE;
  const legend = results.map(({ played, figures }, i) => {
    const y = below + 22 + i * LEGEND_LINE;
    const line = `<line x1="${LEFT}" x2="${LEFT + 34}" y1="${y - 4}" y2="${y - 4}" ${stroke(i)}/>`;
    return line + text(LEFT + 44, y, `${played.label}: ${outcome(played, figures)}`);
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escaped(`Goodput and p99 while ${scenario.title}`)}</title>
<style>${STYLE}
</style>
${text(LEFT, 24, `Shaded: ${scenario.title}`, { style: 'title' })}
${chart(results, ({ goodput }) => goodput, linear('goodput of the healthy application, transactions a second', most), TOP, span)}
${chart(results, ({ p99 }) => p99, logarithmic('p99 of its transactions, with those that still wait', slowest), second, span)}
${text(WIDTH - RIGHT, below, 'seconds', { anchor: 'end', style: 'small' })}
${legend.join('\n')}
</svg>
`;
}
