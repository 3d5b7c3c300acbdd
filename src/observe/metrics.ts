// What Prometheus reads: made from the snapshot when it asks, so that counting costs the data plane nothing more.

import { setImmediate as turn } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { Families } from './families.ts';
import { LabelNames } from './label-names.ts';
import { addApplications } from './metrics-of-applications.ts';
import { addPools } from './metrics-of-pools.ts';
import { addProcess } from './metrics-of-process.ts';
import type { MetricsSources, Picture } from './picture.ts';
import { poolRows } from './snapshot.ts';

/** Clients are served between two parts of a scrape that take longer together. */
const TURN_MS = 2;

export class Metrics {
  readonly #registry = new Registry();
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
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of one scrape. */
  async text(): Promise<string> {
    const parts: string[] = [];
    const picture = this.#look();
    let begunAt = performance.now();
    for (const { name } of this.#registry.getMetricsAsArray()) {
      this.#picture = picture; // that of another scrape, perhaps, that came between two turns
      parts.push(await this.#registry.getSingleMetricAsString(name));
      if (performance.now() - begunAt < TURN_MS) continue;
      await turn();
      begunAt = performance.now();
    }
    this.#picture = null;
    return `${parts.join('\n\n')}\n`;
  }

  #look(): Picture {
    const snapshot = this.#sources.snapshot();
    return { snapshot, pools: poolRows(snapshot), labels: this.#labels };
  }
}
