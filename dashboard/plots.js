// The last minutes as two plots over one time axis: what the servers do, and how long things take. Events stand on both.

import uPlot from '/vendor/uplot.js';
import { fill, h, setText } from './dom.js';
import { clean, clock, duration, words } from './format.js';
import { eventTone } from './tones.js';

/** @typedef {import('../src/http/shapes.ts').Sample} Sample */
/** @typedef {import('../src/http/shapes.ts').EventTold} EventTold */

const HEIGHT = 232;
/** Events of these kinds divide a before from an after: a line from top to bottom. */
const TURNS = new Set(['bug', 'kill', 'pause', 'reconnect', 'reload', 'resume', 'shutdown', 'stall']);
/** Too common to stand there. */
const QUIET = new Set(['wait', 'suspect']);
const LANE = 7;
const SHORTEST_WINDOW = 60;

/** Bottom to top. */
const STACK = /** @type {const} */ ([
  ['running', 'Running', '--run'],
  ['idleInTransaction', 'Idle in transaction', '--hold'],
  ['pinned', 'Pinned', '--pin'],
  ['idle', 'Idle', '--free'],
  ['waiting', 'Waiting clients', '--wait'],
]);
const TIMES = /** @type {const} */ ([
  ['waitP99Ms', 'Wait p99', '--wait', 2],
  ['waitP50Ms', 'Wait p50', '--wait-soft', 1.25],
  ['xactP99Ms', 'Transaction p99', '--run', 2],
  ['xactP50Ms', 'Transaction p50', '--run-soft', 1.25],
]);
/** A logarithmic axis has no zero. */
const LEAST_MS = 0.01;

/** @param {string} name */
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Where events are, from the plot's own left edge. @param {() => readonly EventTold[]} events */
function marksPlugin(events) {
  return {
    hooks: {
      draw: (/** @type {uPlot} */ plot) => {
        const { ctx } = plot;
        const { left, top, width, height } = plot.bbox;
        const ratio = devicePixelRatio;
        ctx.save();
        for (const { time, kind } of events()) {
          if (QUIET.has(kind)) continue;
          const x = Math.round(plot.valToPos(Date.parse(time) / 1_000, 'x', true));
          if (x < left || x > left + width) continue;
          ctx.fillStyle = css(`--${eventTone(kind)}`);
          ctx.fillRect(x - ratio, top - LANE * ratio, 2 * ratio, LANE * ratio);
          if (!TURNS.has(kind)) continue;
          ctx.globalAlpha = 0.55;
          ctx.fillRect(x, top, ratio, height);
          ctx.globalAlpha = 1;
        }
        ctx.restore();
      },
    },
  };
}

/**
 * @param {object} options
 * @param {string} options.title
 * @param {readonly (readonly [string, string, string, number?])[]} options.lines name of the sample's field, label, colour
 * @param {boolean} options.isStacked
 * @param {() => readonly EventTold[]} options.events
 * @param {(sample: Sample, key: string) => number} options.read
 * @param {(value: number) => string} options.format
 */
function makePlot({ title, lines, isStacked, events, read, format }) {
  const values = lines.map(() => h('b'));
  const legend = h(
    'ul.legend',
    {},
    ...lines.map(([, label, colour], i) => {
      const swatch = h('i');
      swatch.style.background = `var(${colour})`;
      return h('li', {}, swatch, label, values[i]);
    }),
  );
  const moment = h('span.moment');
  const canvas = h('div.canvas', { role: 'img', 'aria-label': title });
  const told = h('p.told');
  const element = h(
    'section.card.plot',
    { 'aria-label': title },
    h('header', {}, h('h2', {}, title), moment),
    legend,
    canvas,
    told,
  );
  /** @type {Sample[]} */
  let samples = [];
  let limit = 0;
  /** @type {uPlot | null} */
  let plot = null;

  // The largest sum is drawn first, and each smaller one over it.
  const order = isStacked ? [...lines].reverse() : [...lines];

  function data() {
    const x = samples.map(({ time }) => Date.parse(time) / 1_000);
    if (!isStacked) return [x, ...order.map(([key]) => samples.map((sample) => Math.max(read(sample, key), LEAST_MS)))];
    const sums = samples.map((sample) => {
      let sum = 0;
      return lines.map(([key]) => {
        sum += read(sample, key);
        return sum;
      });
    });
    return [x, ...order.map((_, i) => sums.map((sum) => sum[lines.length - 1 - i] ?? 0)), samples.map(() => limit)];
  }

  /** @param {number | null | undefined} at */
  function tell(at) {
    const sample = at === null || at === undefined ? samples.at(-1) : samples[at];
    lines.forEach(([key], i) => {
      const value = values[i];
      if (value) setText(value, sample === undefined ? '' : format(read(sample, key)));
    });
    setText(moment, at === null || at === undefined || sample === undefined ? '' : clock(sample.time));
    const time = sample === undefined ? 0 : Date.parse(sample.time);
    const near =
      at === null || at === undefined
        ? []
        : events().filter((event) => !QUIET.has(event.kind) && Math.abs(Date.parse(event.time) - time) < 1_500);
    fill(
      told,
      ...near
        .slice(-1)
        .map(
          ({ kind, applicationName = '', cause = '', text = '' }) =>
            `${words(kind)}${applicationName === '' ? '' : ` · ${clean(applicationName, 40)}`}${cause === '' ? '' : ` · ${words(clean(cause, 40))}`}${text === '' ? '' : ` · ${clean(text, 90)}`}${near.length > 1 ? ` (and ${near.length - 1} more)` : ''}`,
        ),
    );
  }

  function make() {
    plot?.destroy();
    const muted = css('--muted');
    const grid = { stroke: css('--grid'), width: 1 };
    const axis = { stroke: muted, grid, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const series = order.map(([, label, colour, width]) =>
      isStacked
        ? { label, stroke: css(colour), fill: css(colour), width: 0, points: { show: false } }
        : { label, stroke: css(colour), width: width ?? 1.5, points: { show: false } },
    );
    const limitLine = { label: 'limit', stroke: css('--text'), width: 1, dash: [4, 4], points: { show: false } };
    plot = new uPlot(
      {
        width: Math.max(canvas.clientWidth, 200),
        height: HEIGHT,
        padding: [LANE + 3, 22, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'pgsluice' }, points: { show: false }, y: false, drag: { x: false, y: false } },
        scales: {
          x: { time: true, range: () => range() },
          y: isStacked
            ? { range: (_, __, max) => /** @type {[number, number]} */ ([0, Math.max(max * 1.08, limit * 1.08, 4)]) }
            : { distr: 3, range: logRange },
        },
        axes: [
          {
            ...axis,
            size: 26,
            space: 80,
            values: (_, ticks) =>
              ticks.map((tick) =>
                new Date(tick * 1_000).toLocaleTimeString(undefined, {
                  hour12: false,
                  hour: '2-digit',
                  minute: '2-digit',
                  ...(windowSeconds <= 300 && { second: '2-digit' }),
                }),
              ),
          },
          {
            ...axis,
            size: isStacked ? 34 : 54,
            ...(!isStacked && { grid: { ...grid, filter: decades }, filter: decades }),
            ...(isStacked && { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] }),
            values: (_, ticks) =>
              ticks.map((tick) => (tick === null ? '' : isStacked ? String(tick) : isDecade(tick) ? format(tick) : '')),
          },
        ],
        series: /** @type {uPlot.Series[]} */ ([{}, ...series, ...(isStacked ? [limitLine] : [])]),
        plugins: [marksPlugin(events)],
        hooks: { setCursor: [(/** @type {uPlot} */ it) => tell(it.cursor.idx)] },
      },
      /** @type {uPlot.AlignedData} */ (data()),
      canvas,
    );
  }

  let windowSeconds = 300;
  function range() {
    const last = samples.at(-1);
    const end = (last === undefined ? Date.now() : Date.parse(last.time)) / 1_000;
    // A process that is younger than the window is not to look like one that did nothing.
    const first = (samples[0] === undefined ? 0 : Date.parse(samples[0].time)) / 1_000;
    return /** @type {[number, number]} */ ([
      Math.max(end - windowSeconds, Math.min(first, end - SHORTEST_WINDOW)),
      end,
    ]);
  }

  /** @param {Sample[]} next @param {number} seconds @param {number} size */
  function update(next, seconds, size) {
    samples = next;
    windowSeconds = seconds;
    limit = size;
    if (!element.isConnected) return;
    if (plot === null) make();
    else plot.setData(/** @type {uPlot.AlignedData} */ (data()));
    tell(plot?.cursor.idx);
  }

  new ResizeObserver(() => {
    if (plot !== null && canvas.clientWidth > 0 && canvas.clientWidth !== plot.width)
      plot.setSize({ width: canvas.clientWidth, height: HEIGHT });
  }).observe(canvas);
  return {
    element,
    update,
    repaint: () => {
      if (plot !== null) make();
    },
  };
}

/**
 * @param {uPlot} _plot
 * @param {number[]} ticks
 */
function decades(_plot, ticks) {
  return ticks.map((tick) => (isDecade(tick) ? tick : null));
}

/** @param {number} value */
function isDecade(value) {
  const power = Math.log10(value);
  return Math.abs(power - Math.round(power)) < 1e-6;
}

/**
 * Whole decades, at least two.
 * @param {uPlot} _plot
 * @param {number | null} min
 * @param {number | null} max
 * @returns {[number, number]}
 */
function logRange(_plot, min, max) {
  const low = 10 ** Math.floor(Math.log10(Math.max(min ?? LEAST_MS, LEAST_MS)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(max ?? 1, low * 10, 1)));
  return [low, high];
}

/** @param {() => readonly EventTold[]} events */
export function makePlots(events) {
  const servers = makePlot({
    title: 'What the servers do',
    lines: STACK,
    isStacked: true,
    events,
    read: ({ occupancy }, key) => occupancy[/** @type {keyof Sample['occupancy']} */ (key)],
    format: String,
  });
  const times = makePlot({
    title: 'How long it takes',
    lines: TIMES,
    isStacked: false,
    events,
    read: (sample, key) => /** @type {number} */ (sample[/** @type {keyof Sample} */ (key)]),
    format: duration,
  });
  return {
    elements: [servers.element, times.element],
    /** @param {Sample[]} samples @param {number} seconds @param {number} poolSize */
    update(samples, seconds, poolSize) {
      const shown = samples.slice(-seconds - 1);
      servers.update(shown, seconds, poolSize);
      times.update(shown, seconds, poolSize);
    },
    repaint() {
      servers.repaint();
      times.repaint();
    },
  };
}
