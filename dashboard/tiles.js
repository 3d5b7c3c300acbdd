// The numbers that matter, each with what it is measured against.

import { h, setText } from './dom.js';
import { count, duration, size } from './format.js';

/** @typedef {import('../src/http/shapes.ts').Tick} Tick */
/** @typedef {import('../src/http/shapes.ts').Occupancy} Occupancy */
/** @typedef {{ occupancy: Occupancy, poolSize: number, clients: { active: number, idle: number, waiting: number, connected?: number }, maxWaitMs: number, times: import('../src/http/shapes.ts').TimesTold }} Scope */

/** @type {[keyof Occupancy, string, string][]} */
const PARTS = [
  ['running', 'run', 'running'],
  ['idleInTransaction', 'hold', 'idle in transaction'],
  ['pinned', 'pin', 'pinned'],
  ['idle', 'free', 'idle'],
];

/** @param {string} label */
function makeTile(label) {
  const value = h('span.value');
  const unit = h('span.unit');
  const note = h('p.note');
  const element = h('div.tile', {}, h('h3', {}, label), h('p', {}, value, unit), note);
  return {
    element,
    /**
     * @param {string} text
     * @param {string} under
     * @param {string} [tone]
     * @param {string} [of]
     */
    set(text, under, tone = '', of = '') {
      setText(value, text);
      setText(unit, of);
      setText(note, under);
      element.className = `tile ${tone}`;
    },
  };
}

export function makeTiles() {
  const used = makeTile('Servers in use');
  const waiting = makeTile('Waiting clients');
  const wait = makeTile('Wait for a server, p99');
  const xact = makeTile('Transactions, p99');
  const rate = makeTile('Throughput');
  const leaks = makeTile('Leaks');
  const segments = PARTS.map(([, tone]) => h(`i.${tone}`));
  const bar = h('div.bar', { role: 'img' }, ...segments);
  used.element.append(bar);
  const tiles = [used, waiting, wait, xact, rate, leaks];
  const element = h('section.tiles', { 'aria-label': 'Numbers' }, ...tiles.map((tile) => tile.element));

  /**
   * @param {Tick} tick
   * @param {Scope} scope of the pool that is looked at, or of all
   */
  function update({ overview, sample }, { occupancy, poolSize, clients, maxWaitMs, times }) {
    const inUse = occupancy.running + occupancy.idleInTransaction + occupancy.pinned;
    const most = Math.max(poolSize, inUse + occupancy.idle, 1);
    PARTS.forEach(([key], i) => {
      const segment = segments[i];
      if (segment) segment.style.width = `${(occupancy[key] / most) * 100}%`;
    });
    bar.setAttribute('aria-label', PARTS.map(([key, , name]) => `${occupancy[key]} ${name}`).join(', '));
    used.set(
      String(inUse),
      `${occupancy.idleInTransaction} idle in transaction${occupancy.pinned > 0 ? `, ${occupancy.pinned} pinned` : ''}`,
      inUse >= poolSize && poolSize > 0 ? 'warn' : '',
      ` of ${poolSize}`,
    );
    waiting.set(
      String(clients.waiting),
      clients.waiting > 0 ? `the longest for ${duration(maxWaitMs)}` : `${clients.active + clients.idle} connected`,
      clients.waiting > 0 ? (maxWaitMs >= 1_000 ? 'bad' : 'warn') : '',
    );
    wait.set(
      duration(times.wait.p99Ms),
      `p50 ${duration(times.wait.p50Ms)}, last minute`,
      times.wait.p99Ms >= 1_000 ? 'bad' : times.wait.p99Ms >= 100 ? 'warn' : '',
    );
    xact.set(duration(times.transaction.p99Ms), `p50 ${duration(times.transaction.p50Ms)}, last minute`);
    rate.set(count(sample?.xacts ?? 0), `${count(sample?.queries ?? 0)} queries/s`, '', ' xact/s');
    const { leakCount, reclaimCount } = overview.stats;
    leaks.set(
      count(leakCount),
      leakCount === 0 ? 'none since the start' : `${count(reclaimCount)} taken back`,
      leakCount > 0 ? 'warn' : '',
    );
  }
  return { element, update };
}

/** @param {Tick['overview']} overview */
export function processLine({ process, version, uptimeMs }) {
  return `pgsluice ${version} · up ${duration(uptimeMs)} · ${size(process.rssBytes)} memory · event loop late by ${duration(process.loopLateP99Ms)} (p99)`;
}
