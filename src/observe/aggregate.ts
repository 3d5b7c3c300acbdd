// The metrics of several workers as those of one pooler, in Prometheus' text.

import { AggregatorRegistry, type Metric, type MetricObject, type Registry } from 'prom-client';
import { Turns } from '../util/turns.ts';
import type { MetricTold } from './team.ts';

/**
 * What a sum of several workers would be nonsense of. prom-client's own metrics of a process are sums otherwise: the workers are one pooler, and what each
 * of them does stands in pgsluice_worker_*. The event loop is as late as that of the worker which is worst.
 */
const PROCESS_AGGREGATORS: Readonly<Record<string, string>> = {
  process_start_time_seconds: 'min',
  nodejs_eventloop_lag_seconds: 'max',
  nodejs_eventloop_lag_mean_seconds: 'average',
  nodejs_eventloop_lag_stddev_seconds: 'max',
  nodejs_eventloop_lag_p50_seconds: 'max',
  nodejs_eventloop_lag_p90_seconds: 'max',
  nodejs_eventloop_lag_p99_seconds: 'max',
};

/** What one worker tells: plain JSON. before: called before each part, since others may have come between two turns. */
export async function tellMetrics(registries: readonly Registry[], before: () => void): Promise<MetricTold[]> {
  const told: MetricTold[] = [];
  await eachInTurn(
    registries.flatMap((registry) => registry.getMetricsAsArray()),
    async (metric) => {
      before();
      const { name, help, type, aggregator, values } = (await (
        metric as unknown as Metric
      ).get()) as unknown as MetricTold;
      told.push({ name, help, type, aggregator: PROCESS_AGGREGATORS[name] ?? aggregator, values });
    },
  );
  return told;
}

/** Where only one answers its samples are its own. */
export async function aggregateText(answers: readonly (readonly MetricTold[])[]): Promise<string> {
  const registry = AggregatorRegistry.aggregate(answers as unknown as Array<object>);
  const parts: string[] = [];
  await eachInTurn(registry.getMetricsAsArray(), async ({ name }) => {
    parts.push(await registry.getSingleMetricAsString(name));
  });
  return `${parts.join('\n\n')}\n`;
}

/** Clients are served between two parts that take long together. */
export async function eachInTurn<Part>(parts: readonly Part[], work: (part: Part) => Promise<void>): Promise<void> {
  const turns = new Turns();
  for (const part of parts) {
    if (turns.isOver) await turns.giveWay();
    await work(part);
  }
}

/** Counters of these answers as one: what is kept of a worker that is gone. */
export function countersOf(answers: readonly (readonly MetricTold[])[]): MetricTold[] {
  const registry = AggregatorRegistry.aggregate(
    answers.map((told) => told.filter(isCounter)) as unknown as Array<object>,
  );
  return registry.getMetricsAsArray().map((metric: MetricObject) => {
    const { name, help, type, aggregator, values } = metric as unknown as MetricTold;
    return { name, help, type, aggregator, values };
  });
}

function isCounter({ type, aggregator }: MetricTold): boolean {
  return aggregator === 'sum' && type !== 'gauge';
}

/** Counters that a worker had before and has no more, or begins again: it has forgotten a pool. */
export function lostCounters(before: readonly MetricTold[], after: readonly MetricTold[]): MetricTold[] {
  const now = new Map(
    after.map(({ name, values }) => [name, new Map(values.map((one) => [seriesOf(one), one.value]))]),
  );
  return before.filter(isCounter).flatMap((metric) => {
    const known = now.get(metric.name);
    const values = metric.values.filter((one) => one.value > (known?.get(seriesOf(one)) ?? 0));
    return values.length === 0 ? [] : [{ ...metric, values }];
  });
}

function seriesOf({ metricName = '', labels }: MetricTold['values'][number]): string {
  return `${metricName}${JSON.stringify(labels)}`;
}
