// The metrics of several workers as those of one pooler, in Prometheus' text.

import { setImmediate as turn } from 'node:timers/promises';
import { AggregatorRegistry, type Metric, type MetricObject, type Registry } from 'prom-client';
import type { MetricTold } from './team.ts';

/** Clients are served between two parts of a scrape that take longer together. */
const TURN_MS = 2;

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
  await inTurns(
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
  await inTurns(registry.getMetricsAsArray(), async ({ name }) => {
    parts.push(await registry.getSingleMetricAsString(name));
  });
  return `${parts.join('\n\n')}\n`;
}

/** Gives way to clients now and then. */
export async function inTurns<Part>(parts: readonly Part[], work: (part: Part) => Promise<void>): Promise<void> {
  let begunAt = performance.now();
  for (const part of parts) {
    await work(part);
    if (performance.now() - begunAt < TURN_MS) continue;
    await turn();
    begunAt = performance.now();
  }
}

/**
 * What is kept of a worker that is gone: its counters as the last scrape told them. Without them a sum would fall by all that it had counted, which
 * Prometheus takes for a new beginning, and counts the rest again.
 */
export function countersOf(answers: readonly (readonly MetricTold[])[]): MetricTold[] {
  const counters = answers.map((told) =>
    told.filter(({ type, aggregator }) => aggregator === 'sum' && type !== 'gauge'),
  );
  const registry = AggregatorRegistry.aggregate(counters as unknown as Array<object>);
  return registry.getMetricsAsArray().map((metric: MetricObject) => {
    const { name, help, type, aggregator, values } = metric as unknown as MetricTold;
    return { name, help, type, aggregator, values };
  });
}
