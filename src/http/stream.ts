// Server-sent events: one picture a second, made once for all who look at the same, and only while somebody looks.

import type { ServerResponse } from 'node:http';
import { compareHolders, compareLeaks, mergeApplications, mergeEvents, mergePools } from './merge.ts';
import { mergeSamples } from './merge-history.ts';
import { overviewFrom } from './overview.ts';
import { type Ask, type Look, MAX_EVENTS, MAX_POOLS, MAX_ROWS, type TickPart } from './parts.ts';
import type { Overview, Sample, Tick } from './shapes.ts';

const TICK_MS = 1_000;
export const MAX_STREAMS = 64;
/** Who takes nothing for so many ticks is gone. */
const MAX_SKIPPED = 30;

interface Watcher {
  readonly response: ServerResponse;
  readonly actions: Overview['actions'];
  readonly look: Look;
  skipped: number;
}

/** What everybody is shown, and the newest sample of each look. */
interface Picture {
  readonly told: readonly TickPart[];
  readonly shared: Omit<Tick, 'overview' | 'sample'>;
  readonly samples: ReadonlyMap<string, Sample | null>;
  readonly last: number;
}

export class Streams {
  readonly #ask: Ask;
  readonly #watchers = new Set<Watcher>();
  /** Those who wait for their first picture. */
  readonly #coming = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | null = null;
  #lastEvent = 0;
  #isAsking = false;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  get isFull(): boolean {
    return this.#watchers.size + this.#coming.size >= MAX_STREAMS;
  }

  /** The response is ours from here on. */
  add(response: ServerResponse, actions: Overview['actions'], look: Look): void {
    const watcher = { response, actions, look, skipped: 0 };
    this.#coming.add(response);
    response.once('close', () => this.#remove(watcher));
    // proxies: nginx would keep it until a buffer is full.
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
    response.write(`retry: ${TICK_MS}\n\n`);
    // The first one has what happened before; events of the ring that came since the last tick come again.
    this.#look(0, [look]).then(
      (picture) => this.#begin(watcher, picture),
      () => response.destroy(),
    );
  }

  #begin(watcher: Watcher, picture: Picture): void {
    if (!this.#coming.delete(watcher.response)) return;
    this.#watchers.add(watcher);
    send(watcher, textOf(watcher, picture));
    if (this.#timer !== null) return;
    this.#lastEvent = picture.last;
    this.#timer = setInterval(() => void this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const response of this.#coming) response.end();
    for (const { response } of this.#watchers) response.end();
    this.#coming.clear();
    this.#watchers.clear();
  }

  #remove(watcher: Watcher): void {
    this.#coming.delete(watcher.response);
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  /** One at a time: a worker that is slow to answer makes pictures rarer, not more. */
  async #tick(): Promise<void> {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      const looks = new Map([...this.#watchers].map(({ look }) => [keyOf(look), look]));
      const picture = await this.#look(this.#lastEvent, [...looks.values()]);
      this.#lastEvent = picture.last;
      this.#show(picture);
    } catch {
      // Nobody has answered: the next tick tells more.
    } finally {
      this.#isAsking = false;
    }
  }

  #show(picture: Picture): void {
    const texts = new Map<string, string>();
    for (const watcher of this.#watchers) {
      // It came while the others were asked, and has had its first picture.
      if (!picture.samples.has(keyOf(watcher.look))) continue;
      if (watcher.response.writableNeedDrain) {
        watcher.skipped += 1;
        if (watcher.skipped > MAX_SKIPPED) watcher.response.destroy();
        continue;
      }
      const key = `${watcher.actions} ${keyOf(watcher.look)}`;
      const text = texts.get(key) ?? textOf(watcher, picture);
      texts.set(key, text);
      send(watcher, text);
    }
  }

  async #look(since: number, looks: readonly Look[]): Promise<Picture> {
    const told = await this.#ask('tick', { since, looks });
    const { last, events } = mergeEvents(
      told.map((part) => part.events),
      MAX_EVENTS,
    );
    return { told, shared: { ...sharedOf(told), events }, samples: samplesOf(told, looks), last };
  }
}

function keyOf({ database, user }: Look): string {
  return JSON.stringify([database, user]);
}

function samplesOf(told: readonly TickPart[], looks: readonly Look[]): Map<string, Sample | null> {
  return new Map(
    looks.map((look, i) => {
      const samples = told.map((part) => part.samples[i] ?? null).filter((sample) => sample !== null);
      return [keyOf(look), samples.length === 0 ? null : mergeSamples(samples)];
    }),
  );
}

function sharedOf(told: readonly TickPart[]): Omit<Picture['shared'], 'events'> {
  const isAlone = told.length === 1;
  const rows = <Row>(of: (part: TickPart) => readonly Row[], compare: (a: Row, b: Row) => number): Row[] => {
    const all = told.flatMap(of);
    return (isAlone ? all : all.sort(compare)).slice(0, MAX_ROWS);
  };
  const advice = new Map(told.flatMap((part) => part.advice).map((row) => [`${row.database}\0${row.user}`, row]));
  return {
    pools: mergePools(told.map(({ pools }) => pools)).slice(0, MAX_POOLS),
    holders: rows((part) => part.holders, compareHolders),
    leaks: rows((part) => part.leaks, compareLeaks),
    applications: mergeApplications(told.map(({ applications }) => applications)).slice(0, MAX_ROWS),
    advice: [...advice.values()].slice(0, MAX_ROWS),
  };
}

function textOf({ actions, look }: Watcher, { told, shared, samples }: Picture): string {
  const overview = overviewFrom(
    told.map((part) => part.overview),
    actions,
  );
  const tick: Tick = { overview, sample: samples.get(keyOf(look)) ?? null, ...shared };
  return `data: ${JSON.stringify(tick)}\n\n`;
}

function send(watcher: Watcher, text: string): void {
  watcher.skipped = 0;
  watcher.response.write(text);
}
