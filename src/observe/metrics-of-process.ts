// Metrics of the process as a whole, and prom-client's own.

import { readdirSync, statSync } from 'node:fs';
import { collectDefaultMetrics, type Registry } from 'prom-client';
import type { Counts } from '../util/counts.ts';
import type { Families } from './families.ts';
import type { MetricsSources } from './picture.ts';

/** prom-client makes a list of every socket for each of these. What they would tell is in the metrics of clients and servers. */
const COSTLY = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'process_open_fds',
];
const OPEN_FILES = '/proc/self/fd';

/** Linux 6.2 and later tell the number as the size of the folder; before, each file has to be listed. 0: nobody tells. */
function openFiles(): number {
  try {
    return statSync(OPEN_FILES).size || readdirSync(OPEN_FILES).length - 1;
  } catch {
    return 0;
  }
}

export function addProcess(families: Families, registry: Registry, sources: MetricsSources): void {
  const { observer, version } = sources;
  collectDefaultMetrics({ register: registry });
  for (const name of COSTLY) registry.removeSingleMetric(name);
  families.add('gauge', { name: 'process_open_fds', help: 'Number of open file descriptors.', labels: [] }, (add) =>
    add([], openFiles()),
  );
  families.addSame(
    { name: 'pgsluice_info', help: 'Always 1; the version and the state.', labels: ['version', 'state'] },
    (add) => add([version, sources.state()], 1),
  );
  families.add(
    'gauge',
    { name: 'pgsluice_clients', help: 'Client connections, those that log in included.', labels: [] },
    (add) => add([], sources.snapshot().clients.size),
  );
  families.add(
    'counter',
    { name: 'pgsluice_bugs_total', help: 'Internal errors (XX000): mistakes of pgsluice itself.', labels: [] },
    (add) => add([], observer.bugs),
  );
  families.add(
    'counter',
    {
      name: 'pgsluice_client_logins_total',
      help: 'Clients that were let in, those of the console included.',
      labels: [],
    },
    (add) => add([], observer.clientLogins),
  );
  families.addHistogram(
    {
      name: 'pgsluice_event_loop_delay_seconds',
      help: 'How long the event loop kept a timer waiting, looked at ten times a second.',
      labels: [],
    },
    (add) => add([], sources.lateness()),
  );
  const counts = (name: string, help: string, labels: readonly string[], of: Counts) =>
    families.add('counter', { name, help, labels }, (add) => {
      // "other" stands for all of them.
      for (const [key, count] of of) add(key === 'other' ? labels.map(() => key) : key.split('\0'), count);
    });
  counts(
    'pgsluice_spans_total',
    'Spans for OpenTelemetry, by outcome: sent, failed, dropped.',
    ['outcome'],
    sources.spans,
  );
  counts(
    'pgsluice_client_login_failures_total',
    'Clients that were not let in, by cause.',
    ['cause'],
    observer.loginFailures,
  );
  counts(
    'pgsluice_pooler_errors_total',
    'Errors of pgsluice told to clients, by cause and SQLSTATE.',
    ['cause', 'sqlstate'],
    observer.poolerErrorCodes,
  );
  counts('pgsluice_client_closes_total', 'Ends of client connections, by reason.', ['reason'], observer.clientCloses);
  counts('pgsluice_server_closes_total', 'Ends of server connections, by reason.', ['reason'], observer.serverCloses);
}
