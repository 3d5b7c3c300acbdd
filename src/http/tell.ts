// Rows of the snapshot in the words of the API: pools, holders, leaks, clients, servers.

import { isUnused } from '../guard/gaps.ts';
import type { HolderRecord } from '../guard/holders.ts';
import type { Leak } from '../guard/leaks.ts';
import type { AdviceRow } from '../observe/advice.ts';
import { type EventEntry, toldEvent } from '../observe/event.ts';
import type { HistorySample } from '../observe/history.ts';
import { addOccupancyOf, noOccupancy, occupancyOf } from '../observe/occupancy.ts';
import {
  applicationRows,
  type ClientRow,
  holderRows,
  leakRows,
  poolRow,
  type ServerRow,
  type Sources,
} from '../observe/snapshot.ts';
import { summarize, TIMES, type TimeName, type TimeSummary } from '../observe/times.ts';
import type { Pool } from '../pool/pool.ts';
import { addCounts, BUCKETS, type BucketCounts, packCounts, unpackCounts } from '../util/histogram.ts';
import type {
  AdviceTold,
  ApplicationTold,
  ClientTold,
  EventTold,
  HolderTold,
  LeakTold,
  Occupancy,
  PoolTold,
  Sample,
  ServerTold,
  TimesTold,
} from './shapes.ts';

/** Ten microseconds are exact enough. */
export const round = (ms: number): number => Math.max(Math.round(ms * 100) / 100, 0);
/** Strangers choose names, and may choose long ones. */
const MAX_NAME = 200;
export const shortName = (name: string): string => (name.length > MAX_NAME ? name.slice(0, MAX_NAME) : name);
export const iso = (wallMs: number): string => new Date(wallMs).toISOString();

function toldSummary({ mostMs, ...summary }: TimeSummary): TimesTold['wait'] {
  const { count, p50Ms, p90Ms, p99Ms } = summary;
  return {
    count,
    p50Ms: round(p50Ms),
    p90Ms: round(p90Ms),
    p99Ms: round(p99Ms),
    mostMs: Number.isFinite(mostMs) ? round(mostMs) : null,
  };
}

/** The buckets of each time, packed: quantiles are found when those of all workers are together. */
export type TimeCounts = Readonly<Record<TimeName, string>>;

const packed = (countsOf: (time: TimeName) => BucketCounts): TimeCounts =>
  Object.fromEntries(TIMES.map((time) => [time, packCounts(countsOf(time))])) as TimeCounts;

export function timesFrom(all: readonly TimeCounts[]): TimesTold {
  return Object.fromEntries(
    TIMES.map((time) => {
      const sum = new Float64Array(BUCKETS);
      for (const counts of all) addCounts(sum, unpackCounts(counts[time]));
      return [time, toldSummary(summarize(sum))];
    }),
  ) as TimesTold;
}

/** Of the last minute, of all pools together. */
export function timeCountsOfAll({ pools, recentTimes }: Sources): TimeCounts {
  return packed((time) => {
    const sum = new Float64Array(BUCKETS);
    for (const pool of pools) addCounts(sum, recentTimes.counts(pool, time));
    return sum;
  });
}

export function occupancyOfAll(sources: Sources): Occupancy {
  const sum = noOccupancy();
  for (const pool of sources.pools) addOccupancyOf(sum, pool);
  return sum;
}

/** A pool as one worker sees it. */
export interface PoolPart extends Omit<PoolTold, 'times'> {
  readonly counts: TimeCounts;
}

export function poolPart(pool: Pool, sources: Sources): PoolPart {
  const row = poolRow(pool, sources.now);
  const { clients, servers } = row;
  return {
    database: row.database,
    user: row.user,
    state: row.state,
    poolMode: row.poolMode,
    poolSize: row.poolSize,
    clients: {
      active: clients.active,
      idle: clients.idle,
      waiting: clients.waiting,
      activeCancel: clients.active_cancel_req,
      waitingCancel: clients.waiting_cancel_req,
    },
    servers: {
      active: servers.active,
      activeCancel: servers.active_cancel,
      beingCanceled: servers.being_canceled,
      idle: servers.idle,
      used: servers.used,
      tested: servers.tested,
      login: servers.login,
    },
    occupancy: occupancyOf(pool),
    pinned: Object.fromEntries(row.pinned),
    maxWaitMs: round(row.maxWaitMs),
    isAway: row.isAway,
    lastLoginError: row.lastLoginError,
    counts: packed((time) => sources.recentTimes.counts(pool, time)),
    stats: numbersOf(row.stats),
  };
}

function numbersOf(stats: Pool['stats']): Record<string, number> {
  return Object.fromEntries(
    Object.entries(stats).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
  );
}

function toldRecord(record: HolderRecord): LeakTold['holder'] {
  const { tags, pins, heldMs, silentMs, ...rest } = record;
  const applicationName = shortName(record.applicationName);
  return {
    ...rest,
    applicationName,
    pins: [...pins],
    tags: { ...tags },
    heldMs: round(heldMs),
    silentMs: round(silentMs),
  };
}

/** Those first that hold a server and do not use it; a leak is known by its server and client. */
export function toldHolders(sources: Sources): HolderTold[] {
  const open = new Set(
    leakRows(sources)
      .filter(({ life }) => life === 'leaked')
      .map(({ holder }) => `${holder.serverId} ${holder.clientId}`),
  );
  return holderRows(sources).map((record) => {
    const { leak_reclaim_floor: floor = 0 } = sources.pools.find(record.database, record.user)?.settings ?? {};
    const isSuspect = isUnused(record.state) && record.silentMs >= floor;
    const isLeak = isUnused(record.state) && open.has(`${record.serverId} ${record.clientId}`);
    return { ...toldRecord(record), leak: isLeak ? 'leaked' : isSuspect ? 'suspect' : null };
  });
}

/** Newest first. */
export function toldLeaks(sources: Sources, limit: number): LeakTold[] {
  return leakRows(sources).slice(-limit).reverse().map(toldLeak);
}

function toldLeak({ id, at, kind, life, isEarly, allowedMs, waiting, holder }: Leak): LeakTold {
  const told = { id, foundAt: iso(at), kind, life, isEarly, allowedMs: round(allowedMs), waiting };
  return { ...told, holder: toldRecord(holder) };
}

export function toldAdvice({ database, user, advice }: AdviceRow): AdviceTold {
  return { database, user, ...advice };
}

export function toldApplications(sources: Sources): ApplicationTold[] {
  return applicationRows(sources).map(({ application, route, heldMs, idleMs, waitsCausedMs, leaks, reclaimed }) => ({
    applicationName: shortName(application),
    route,
    heldMs: round(heldMs),
    idleMs: round(idleMs),
    waitsCausedMs: round(waitsCausedMs),
    leaks,
    reclaimed,
  }));
}

function toldSocket(row: ClientRow | ServerRow) {
  const { id, database, user, applicationName, address, port, closeNeeded, replication } = row;
  const times = { connectedAt: iso(row.connectTime), requestedAt: iso(row.requestTime) };
  const who = { id, database, user, applicationName: shortName(applicationName), address, port };
  return { ...who, ...times, closeNeeded, replication };
}

export function toldClient(row: ClientRow): ClientTold {
  const { state, waitMs, link, isConsole } = row;
  return { ...toldSocket(row), state, waitedMs: round(waitMs), serverId: link, isConsole };
}

export function toldServer(row: ServerRow): ServerTold {
  const { state, link, backendPid } = row;
  return { ...toldSocket(row), state, clientId: link, backendPid };
}

export function toldSample({ at, occupancy, ...rest }: HistorySample): Sample {
  return {
    time: iso(at),
    occupancy,
    xacts: rest.xacts,
    queries: rest.queries,
    refused: rest.refused,
    maxWaitMs: round(rest.maxWaitMs),
    waitP50Ms: round(rest.waitP50Ms),
    waitP99Ms: round(rest.waitP99Ms),
    xactP50Ms: round(rest.xactP50Ms),
    xactP99Ms: round(rest.xactP99Ms),
  };
}

export function toldEvents(entries: readonly EventEntry[]): EventTold[] {
  return entries.map((entry) => toldEvent(entry) as EventTold);
}
