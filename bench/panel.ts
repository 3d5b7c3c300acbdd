// A panel of an SVG: lines over a logarithmic scale. Readable in light and dark.

/** Of all pictures. */
export const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .small { font-size: 12px; fill: #57606a; }
  .title { font-size: 15px; font-weight: 600; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .line { fill: none; stroke: #0b7fc4; stroke-width: 2; stroke-linejoin: round; }
  .dot { fill: #0b7fc4; }
  .second .line { stroke: #d98e00; }
  .second .dot { fill: #d98e00; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .grid { stroke: #3d444d; }
  }`;

export interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly bottom: number;
  /** What stands below, and where the scale begins and ends. */
  readonly ticks: readonly number[];
  readonly from: number;
  readonly to: number;
}

export interface Series {
  /** Empty where there is only one. */
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** From one to two is as far as from twenty to forty. */
export const across = ({ left, width, from, to }: Frame, x: number) =>
  left + (Math.log2(Math.max(x, from) / from) / Math.log2(to / from)) * width;

function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].find((one) => one * power >= value) ?? 10;
  return Number((power * step).toPrecision(3));
}

function lineOf(frame: Frame, { name, points }: Series, down: (y: number) => number, isSecond: boolean): string[] {
  const placed = points.map(([x, y]) => [across(frame, x).toFixed(1), down(y).toFixed(1)] as const);
  const y = frame.top - 14;
  const dots = placed.map(([cx, cy]) => `<circle class="dot" cx="${cx}" cy="${cy}" r="3"/>`);
  const right = frame.left + frame.width - (isSecond ? 16 : 100);
  return [
    `<g${isSecond ? ' class="second"' : ''}><polyline class="line" points="${placed.map((at) => at.join(',')).join(' ')}"/>`,
    ...dots,
    ...(name === ''
      ? []
      : [
          `<circle class="dot" cx="${right - 80}" cy="${y - 4}" r="3"/><text class="small" x="${right - 72}" y="${y}">${name}</text>`,
        ]),
    '</g>',
  ];
}

/** most: what is beyond would flatten the rest. */
export function panel(frame: Frame, title: string, series: readonly Series[], most: number): string[] {
  const { left, top, width, bottom } = frame;
  const highest = roundUp(Math.max(most, Number.MIN_VALUE));
  const down = (value: number) => bottom - (Math.min(value, highest) / highest) * (bottom - top);
  return [
    `<text class="small" x="${left}" y="${top - 14}">${title}</text>`,
    ...[0, 0.5, 1]
      .map((share) => Number((share * highest).toPrecision(3)))
      .map(
        (tick) =>
          `<line class="grid" x1="${left}" y1="${down(tick)}" x2="${left + width}" y2="${down(tick)}"/><text class="small" x="${left - 6}" y="${down(tick) + 4}" text-anchor="end">${tick}</text>`,
      ),
    ...frame.ticks.map(
      (tick) =>
        `<text class="small" x="${across(frame, tick).toFixed(1)}" y="${bottom + 18}" text-anchor="middle">${tick.toLocaleString('en')}</text>`,
    ),
    ...series.flatMap((one, i) => lineOf(frame, one, down, i > 0)),
  ];
}
