// What Prometheus reads: made from the snapshot when it asks, so that counting costs the data plane nothing more.

import { Registry } from 'prom-client';
import { Turns } from '../util/turns.ts';
import { aggregateText, eachInTurn, tellMetrics } from './aggregate.ts';
import { Families } from './families.ts';
import { LabelNames } from './label-names.ts';
import { addApplications } from './metrics-of-applications.ts';
import { addPgbouncer } from './metrics-of-pgbouncer.ts';
import { addPools } from './metrics-of-pools.ts';
import { addProcess } from './metrics-of-process.ts';
import { addWorker } from './metrics-of-workers.ts';
import { type MetricsSources, Picture } from './picture.ts';
import type { MetricTold } from './team.ts';

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
    if (sources.team !== null) addWorker(families, sources.team, sources);
    addPgbouncer(new Families(this.#compat), sources, picture);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of one scrape: of all workers, where there are several. */
  async text(): Promise<string> {
    const { team } = this.#sources;
    return team === null
      ? this.#ownText()
      : aggregateText((await team.ask('metrics', null)).map(({ answer }) => answer));
  }

  async #ownText(): Promise<string> {
    const parts: string[] = [];
    const turns = new Turns();
    const picture = this.#look();
    if (turns.isOver) await turns.giveWay();
    await picture.countClients();
    const all = this.#registries().flatMap((registry) =>
      registry.getMetricsAsArray().map(({ name }) => ({ registry, name })),
    );
    await eachInTurn(all, async ({ registry, name }) => {
      this.#picture = picture; // another scrape may have come between two turns
      parts.push(await registry.getSingleMetricAsString(name));
    });
    this.#picture = null;
    return `${parts.join('\n\n')}\n`;
  }

  /** What the aggregate of several workers is made from. */
  async told(): Promise<MetricTold[]> {
    const picture = this.#look();
    await picture.countClients();
    const told = await tellMetrics(this.#registries(), () => {
      this.#picture = picture;
    });
    this.#picture = null;
    return told;
  }

  #registries(): readonly Registry[] {
    const isCompatible = this.#sources.states.config.settings.metrics_compat === 'pgbouncer';
    return isCompatible ? [this.#registry, this.#compat] : [this.#registry];
  }

  #look(): Picture {
    return new Picture(this.#sources.snapshot(), this.#labels, this.#sources.states);
  }
}
