// Sends spans to an OpenTelemetry collector, in the background and in batches. What can't be sent is counted and forgotten: a collector that is slow or
// away costs a bounded queue and nothing else.

import type { Pool, PoolTracer } from '../pool/pool.ts';
import type { Server } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import { Counts } from '../util/counts.ts';
import type { Logger } from './log.ts';
import { otlpRequest, type Span, spansOf } from './spans.ts';

const MAX_QUEUED = 2_048;
const MAX_BATCH = 512;
const SEND_EVERY_MS = 5_000;
const SEND_TIMEOUT_MS = 5_000;
/** A collector that is away is told so often. */
const COMPLAIN_EVERY_MS = 60_000;

export interface TracerOptions {
  /** Where the collector takes traces; null: nothing is traced. */
  readonly endpoint: string | null;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Tracer implements PoolTracer {
  readonly isOn: boolean;
  /** sent, failed (the collector did not take them) and dropped (the queue was full). */
  readonly counts = new Counts();
  readonly #options: TracerOptions;
  #queue: Span[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(options: TracerOptions) {
    this.#options = options;
    this.isOn = options.endpoint !== null;
  }

  xactAnswered(pool: Pool, server: Server, endedAt: number): void {
    const { clock } = this.#options;
    for (const span of spansOf(pool, server, endedAt, Date.now() - clock.now())) this.#add(span);
  }

  start(): void {
    if (this.isOn) this.#timer = setInterval(() => this.#send(), SEND_EVERY_MS).unref();
  }

  /** Sends what there is, as far as the collector answers in time. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    await this.#sending;
    while (this.#queue.length > 0) await this.#send();
  }

  #add(span: Span): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.counts.add('dropped');
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length === MAX_BATCH) void this.#send();
  }

  /** One batch at a time. Never rejects. */
  #send(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve();
    this.#sending ??= this.#post(this.#queue.splice(0, MAX_BATCH)).finally(() => {
      this.#sending = null;
      if (this.#queue.length >= MAX_BATCH) void this.#send();
    });
    return this.#sending;
  }

  async #post(batch: readonly Span[]): Promise<void> {
    const { endpoint, version } = this.#options;
    try {
      const response = await fetch(endpoint!, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: otlpRequest(batch, version),
        signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      this.counts.add('sent', batch.length);
    } catch (error) {
      this.counts.add('failed', batch.length);
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    const { clock, log, endpoint } = this.#options;
    if (clock.now() - this.#complainedAt < COMPLAIN_EVERY_MS) return;
    this.#complainedAt = clock.now();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    log.warn({ endpoint, error: cause instanceof Error ? cause.message : String(cause) }, 'spans were not taken');
  }
}
