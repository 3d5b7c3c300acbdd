// What Prometheus reads: made from the snapshot when it asks, so that counting costs the data plane nothing more.

import { setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Families } from './families.ts';
import { LabelNames } from './label-names.ts';
import { addApplications } from './metrics-of-applications.ts';
import { addPgbouncer } from './metrics-of-pgbouncer.ts';
import { addPools } from './metrics-of-pools.ts';
import { addProcess } from './metrics-of-process.ts';
import type { MetricsSources, Picture } from './picture.ts';
import { poolRows } from './snapshot.ts';
import type { MetricTold } from './team.ts';

/** Clients are served between two parts of a scrape that take longer together. */
const TURN_MS = 2;

export class Metrics {
  readonly #registry = new Registry();
  /** The same under other names (metrics_compat). */
  readonly #compat = new Registry();
  readonly #labels = new LabelNames();
  readonly #sources: MetricsSources;
  #picture: Picture | null = null;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    const families = new Families(this.#registry);
    const picture = () => this.#picture ?? this.#look();
    addProcess(families, this.#registry, sources);
    addApplications(families, sources.observer, picture);
    addPools(families, picture);
    addPgbouncer(new Families(this.#compat), sources, picture);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of one scrape. */
  async text(): Promise<string> {
    const parts: string[] = [];
    const picture = this.#look();
    let begunAt = performance.now();
    const all = this.#registries().flatMap((registry) =>
      registry.getMetricsAsArray().map(({ name }) => ({ registry, name })),
    );
    for (const { registry, name } of all) {
      this.#picture = picture; // another scrape may have come between two turns
      parts.push(await registry.getSingleMetricAsString(name));
      if (performance.now() - begunAt < TURN_MS) continue;
      await turn();
      begunAt = performance.now();
    }
    this.#picture = null;
    return `${parts.join('\n\n')}\n`;
  }

  /** What the aggregate of several workers is made from. */
  async told(): Promise<MetricTold[]> {
    const told: unknown[] = [];
    for (const registry of this.#registries()) told.push(...(await registry.getMetricsAsJSON()));
    return told as MetricTold[];
  }

  #registries(): readonly Registry[] {
    const isCompatible = this.#sources.states.config.settings.metrics_compat === 'pgbouncer';
    return isCompatible ? [this.#registry, this.#compat] : [this.#registry];
  }

  #look(): Picture {
    const snapshot = this.#sources.snapshot();
    return { snapshot, pools: poolRows(snapshot), labels: this.#labels };
  }
}
