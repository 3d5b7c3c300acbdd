// GET /api/v1/overview: is it well, and if not, who; with the sums of everything.

import { factsOf, mergeFacts, type VerdictFacts } from '../observe/facts.ts';
import { addOccupancy, noOccupancy } from '../observe/occupancy.ts';
import type { Sources } from '../observe/snapshot.ts';
import { findingsOf } from '../observe/verdict.ts';
import type { Counts } from '../util/counts.ts';
import { latest, sumNumbers } from '../util/sums.ts';
import type { ApiParts } from './api-parts.ts';
import type { Overview } from './shapes.ts';
import { iso, occupancyOfAll, round, shortName, type TimeCounts, timeCountsOfAll, timesFrom } from './tell.ts';

/** What one worker tells of itself. */
export interface OverviewPart
  extends Pick<
    Overview,
    'time' | 'version' | 'uptimeMs' | 'occupancy' | 'clients' | 'maxWaitMs' | 'stats' | 'process'
  > {
  readonly facts: VerdictFacts;
  readonly counts: TimeCounts;
}

export function overviewPart(parts: ApiParts): OverviewPart {
  const { control, events, history, observer, version } = parts;
  const sources = parts.snapshot();
  const { state } = control;
  const { rss, heapUsed } = process.memoryUsage();
  return {
    time: iso(sources.wallNow),
    version,
    uptimeMs: Math.round(parts.uptimeMs()),
    facts: factsOf({ sources, history, events, states: control, state }),
    occupancy: occupancyOfAll(sources),
    clients: clientsOf(sources),
    maxWaitMs: round([...sources.pools].reduce((most, pool) => Math.max(most, pool.maxWaitMs(sources.now)), 0)),
    counts: timeCountsOfAll(sources),
    stats: {
      ...sumsOf(sources),
      poolerErrorCount: sumOf(observer.poolerErrors),
      ...leakSums(sources),
    },
    process: { rssBytes: rss, heapUsedBytes: heapUsed, loopLateP99Ms: round(history.loopLateP99Ms()) },
  };
}

/** Of all workers: one at least. */
export function overviewFrom(all: readonly OverviewPart[], actions: Overview['actions']): Overview {
  const facts = mergeFacts(all.map((part) => part.facts));
  const findings = findingsOf(facts).map((finding) => ({
    ...finding,
    ...(finding.applicationName !== undefined && { applicationName: shortName(finding.applicationName) }),
  }));
  const occupancy = noOccupancy();
  for (const part of all) addOccupancy(occupancy, part.occupancy);
  const most = (of: (part: OverviewPart) => number) => Math.max(...all.map(of));
  return {
    time: latest(all.map(({ time }) => time)),
    version: all[0]!.version,
    state: facts.pause.state as Overview['state'],
    uptimeMs: most(({ uptimeMs }) => uptimeMs),
    health: findings[0]?.severity ?? 'well',
    findings,
    poolCount: facts.pools.length,
    poolSize: facts.pools.reduce((sum, { poolSize }) => sum + poolSize, 0),
    occupancy,
    clients: sumNumbers(all.map(({ clients }) => clients)),
    maxWaitMs: most(({ maxWaitMs }) => maxWaitMs),
    times: timesFrom(all.map(({ counts }) => counts)),
    stats: sumNumbers(all.map(({ stats }) => stats)),
    process: {
      ...sumNumbers(all.map((part) => part.process)),
      // Whoever is latest makes its clients wait.
      loopLateP99Ms: most((part) => part.process.loopLateP99Ms),
    },
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
