// GET /api/v1/overview: is it well, and if not, who; with the sums of everything.

import { factsOf } from '../observe/facts.ts';
import type { Sources } from '../observe/snapshot.ts';
import { findingsOf } from '../observe/verdict.ts';
import type { Counts } from '../util/counts.ts';
import type { ApiParts } from './api-parts.ts';
import type { Overview } from './shapes.ts';
import { iso, occupancyOfAll, round, shortName, timesOfAll } from './tell.ts';

export function toldOverview(parts: ApiParts, actions: Overview['actions']): Overview {
  const { control, events, history, observer, version } = parts;
  const sources = parts.snapshot();
  const { state } = control;
  const findings = findingsOf(factsOf({ sources, history, events, states: control, state })).map((finding) => ({
    ...finding,
    ...(finding.applicationName !== undefined && { applicationName: shortName(finding.applicationName) }),
  }));
  const pools = [...sources.pools];
  const { rss, heapUsed } = process.memoryUsage();
  return {
    time: iso(sources.wallNow),
    version,
    state,
    uptimeMs: Math.round(parts.uptimeMs()),
    health: findings[0]?.severity ?? 'well',
    findings,
    poolCount: pools.length,
    poolSize: pools.reduce((sum, { settings }) => sum + settings.pool_size, 0),
    occupancy: occupancyOfAll(sources),
    clients: clientsOf(sources),
    maxWaitMs: round(pools.reduce((most, pool) => Math.max(most, pool.maxWaitMs(sources.now)), 0)),
    times: timesOfAll(sources),
    stats: {
      ...sumsOf(sources),
      poolerErrorCount: sumOf(observer.poolerErrors),
      ...leakSums(sources),
    },
    process: { rssBytes: rss, heapUsedBytes: heapUsed, loopLateP99Ms: round(history.loopLateP99Ms()) },
    actions,
  };
}

function clientsOf({ pools, clients }: Sources): Overview['clients'] {
  const counts = { connected: clients.size, active: 0, idle: 0, waiting: 0, login: clients.lists.login.length };
  for (const pool of pools) {
    const active = pool.servers.active.length;
    counts.active += active;
    counts.idle += Math.max(pool.clients.active.length - active, 0);
    counts.waiting += pool.clients.waiting.length;
  }
  return counts;
}

function sumsOf({ pools }: Sources) {
  const sums = {
    xactCount: 0,
    queryCount: 0,
    bytesReceived: 0,
    bytesSent: 0,
    waitTimeoutCount: 0,
    queueFullCount: 0,
    shedCount: 0,
    serverLoginFailureCount: 0,
  };
  let errorCount = 0;
  for (const { stats } of pools) {
    for (const key of Object.keys(sums) as (keyof typeof sums)[]) sums[key] += stats[key];
    errorCount += sumOf(stats.errorsBySqlstate);
  }
  return { ...sums, errorCount };
}

function sumOf(counts: Counts): number {
  let sum = 0;
  for (const [, count] of counts) sum += count;
  return sum;
}

function leakSums({ leaks }: Sources): { leakCount: number; reclaimCount: number } {
  const sums = { leakCount: 0, reclaimCount: 0 };
  for (const { leaks: found, reclaimed } of leaks.applications) {
    sums.leakCount += found;
    sums.reclaimCount += reclaimed;
  }
  return sums;
}
