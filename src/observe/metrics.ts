// What Prometheus reads: made from the snapshot when it asks, so that counting costs the data plane nothing more.

import { Registry } from 'prom-client';
import { Turns } from '../util/turns.ts';
import { Families } from './families.ts';
import { LabelNames } from './label-names.ts';
import { addApplications } from './metrics-of-applications.ts';
import { addPgbouncer } from './metrics-of-pgbouncer.ts';
import { addPools } from './metrics-of-pools.ts';
import { addProcess } from './metrics-of-process.ts';
import { type MetricsSources, Picture } from './picture.ts';

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
    const turns = new Turns();
    const picture = this.#look();
    if (turns.isOver) await turns.giveWay();
    await picture.countClients();
    if (turns.isOver) await turns.giveWay();
    const isCompatible = this.#sources.states.config.settings.metrics_compat === 'pgbouncer';
    const registries = isCompatible ? [this.#registry, this.#compat] : [this.#registry];
    const all = registries.flatMap((registry) => registry.getMetricsAsArray().map(({ name }) => ({ registry, name })));
    for (const { registry, name } of all) {
      this.#picture = picture; // another scrape may have come between two turns
      parts.push(await registry.getSingleMetricAsString(name));
      if (turns.isOver) await turns.giveWay();
    }
    this.#picture = null;
    return `${parts.join('\n\n')}\n`;
  }

  #look(): Picture {
    return new Picture(this.#sources.snapshot(), this.#labels, this.#sources.states);
  }
}
