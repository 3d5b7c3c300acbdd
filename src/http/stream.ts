// Server-sent events: one picture a second, made once for all who look at the same, and only while somebody looks.

import type { ServerResponse } from 'node:http';
import type { ApiParts } from './api-parts.ts';
import { findPool } from './find-pool.ts';
import { toldOverview } from './overview.ts';
import type { Overview, Tick } from './shapes.ts';
import { toldAdvice, toldApplications, toldEvents, toldHolders, toldLeaks, toldPool, toldSample } from './tell.ts';

const TICK_MS = 1_000;
export const MAX_STREAMS = 64;
/** Rows of each list: the first screen, not an archive. */
const MAX_ROWS = 50;
const MAX_POOLS = 200;
const MAX_EVENTS = 200;
/** Who takes nothing for so many ticks is gone. */
const MAX_SKIPPED = 30;

interface Watcher {
  readonly response: ServerResponse;
  readonly actions: Overview['actions'];
  readonly database: string | undefined;
  readonly user: string | undefined;
  skipped: number;
}

/** A tick without what depends on who looks. */
type Shared = Omit<Tick, 'overview' | 'sample'>;

export class Streams {
  readonly #parts: ApiParts;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | null = null;
  #lastEvent = 0;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  get isFull(): boolean {
    return this.#watchers.size >= MAX_STREAMS;
  }

  /** The response is ours from here on. */
  add(response: ServerResponse, who: Pick<Watcher, 'actions' | 'database' | 'user'>): void {
    const watcher = { ...who, response, skipped: 0 };
    this.#watchers.add(watcher);
    response.once('close', () => this.#remove(watcher));
    // proxies: nginx would keep it until a buffer is full.
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
    response.write(`retry: ${TICK_MS}\n\n`);
    const { events } = this.#parts;
    // The first one has what happened before; events of the ring that came since the last tick come again.
    this.#send(watcher, this.#text(watcher, this.#look(events.list({ limit: MAX_EVENTS }))));
    if (this.#timer !== null) return;
    this.#lastEvent = events.last;
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const { response } of this.#watchers) response.end();
    this.#watchers.clear();
  }

  #remove(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    const { events } = this.#parts;
    const shared = this.#look(events.list({ since: this.#lastEvent, limit: MAX_EVENTS }));
    this.#lastEvent = events.last;
    const texts = new Map<string, string>();
    for (const watcher of this.#watchers) {
      if (watcher.response.writableNeedDrain) {
        watcher.skipped += 1;
        if (watcher.skipped > MAX_SKIPPED) watcher.response.destroy();
        continue;
      }
      const key = JSON.stringify([watcher.actions, watcher.database, watcher.user]);
      const text = texts.get(key) ?? this.#text(watcher, shared);
      texts.set(key, text);
      this.#send(watcher, text);
    }
  }

  #look(events: Parameters<typeof toldEvents>[0]): Shared {
    const sources = this.#parts.snapshot();
    return {
      pools: [...sources.pools].slice(0, MAX_POOLS).map((pool) => toldPool(pool, sources)),
      holders: toldHolders(sources).slice(0, MAX_ROWS),
      leaks: toldLeaks(sources, MAX_ROWS),
      applications: toldApplications(sources).slice(0, MAX_ROWS),
      advice: sources.advisor.latest().slice(0, MAX_ROWS).map(toldAdvice),
      events: toldEvents(events),
    };
  }

  #text({ actions, database, user }: Watcher, shared: Shared): string {
    const { history } = this.#parts;
    const pool = findPool(this.#parts.snapshot(), database, user);
    const [sample] = pool === undefined ? [] : history.list(pool, 1);
    const tick: Tick = {
      overview: toldOverview(this.#parts, actions),
      sample: sample === undefined ? null : toldSample(sample),
      ...shared,
    };
    return `data: ${JSON.stringify(tick)}\n\n`;
  }

  #send(watcher: Watcher, text: string): void {
    watcher.skipped = 0;
    watcher.response.write(text);
  }
}
