// What the page knows: the last tick, the samples and the events before it, and which pool is looked at.

import { get, stream } from './api.js';

/** @typedef {import('../src/http/shapes.ts').Tick} Tick */

const MAX_SAMPLES = 901;
const MAX_EVENTS = 500;

export class State {
  /** @type {Tick | null} */
  tick = null;
  /** @type {import('../src/http/shapes.ts').Sample[]} */
  samples = [];
  /** @type {import('../src/http/shapes.ts').EventTold[]} */
  events = [];
  /** @type {{ database: string, user: string } | null} */
  pool = null;
  poolKey = '';
  isFrozen = false;
  /** When the last tick came. */
  heardAt = 0;
  /** @type {unknown} */
  error = null;
  /** @type {(() => void) | null} */
  #end = null;
  #onChange;

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  /** Begins, and begins again with another token or pool. */
  connect() {
    this.#end?.();
    const query = this.pool ?? {};
    this.#end = stream(query, {
      open: () => void this.#fetchHistory(query),
      tick: (tick) => this.#take(tick),
      lost: (error) => {
        this.error = error;
        this.#onChange();
      },
    });
  }

  /** @param {string} key a pair of database and user as JSON; empty: all pools */
  choosePool(key) {
    this.poolKey = key;
    const [database, user] = key === '' ? [] : JSON.parse(key);
    this.pool = key === '' ? null : { database, user };
    this.samples = [];
    this.connect();
  }

  /** @param {{ database?: string, user?: string }} query */
  async #fetchHistory(query) {
    const { samples } = await get('history', query).catch(() => ({ samples: [] }));
    if (this.pool?.database !== query.database || this.pool?.user !== query.user) return;
    const last = samples.at(-1)?.time ?? '';
    this.samples = [...samples, ...this.samples.filter(({ time }) => time > last)].slice(-MAX_SAMPLES);
    this.#onChange();
  }

  /** @param {Tick} tick */
  #take(tick) {
    this.heardAt = Date.now();
    this.error = null;
    const { sample } = tick;
    if (sample !== null && sample.time > (this.samples.at(-1)?.time ?? '')) this.samples.push(sample);
    if (this.samples.length > MAX_SAMPLES) this.samples.shift();
    // Another process behind the same address counts from the beginning.
    const hasRestarted = tick.overview.uptimeMs < (this.tick?.overview.uptimeMs ?? 0);
    if (hasRestarted) this.events = [];
    const last = this.events.at(-1)?.sequence ?? 0;
    this.events = [...this.events, ...tick.events.filter(({ sequence }) => sequence > last)].slice(-MAX_EVENTS);
    this.tick = tick;
    if (!this.isFrozen) this.#onChange();
  }
}
