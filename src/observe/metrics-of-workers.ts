// What each worker does by itself, where there are several: whether they share the work, and which of them has too much.

import type { Families } from './families.ts';
import type { MetricsSources } from './picture.ts';
import type { Team } from './team.ts';

const LABELS = ['worker'];

export function addWorker(families: Families, team: Team, sources: MetricsSources): void {
  const add = (kind: 'counter' | 'gauge', name: string, help: string, value: () => number) =>
    families.add(kind, { name: `pgsluice_worker_${name}`, help, labels: LABELS }, (fill) =>
      fill([String(team.worker)], value()),
    );
  add('gauge', 'clients', 'Client connections of the worker.', () => sources.snapshot().clients.size);
  add('gauge', 'servers', 'Server connections of the worker.', () => {
    let servers = 0;
    for (const { serverCount } of sources.snapshot().pools) servers += serverCount;
    return servers;
  });
  add('counter', 'transactions_total', 'Transactions that the worker has relayed.', () => {
    let xacts = 0;
    for (const { stats } of sources.snapshot().pools) xacts += stats.xactCount;
    return xacts;
  });
  add('counter', 'cpu_seconds_total', 'User and system CPU time of the worker.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  add('gauge', 'resident_memory_bytes', 'Resident memory of the worker.', () => process.memoryUsage.rss());
  const deaths = { name: 'pgsluice_worker_deaths_total', help: 'Workers that died and were replaced.', labels: [] };
  families.add('counter', deaths, (fill) => fill([], team.deaths), Math.max);
}
