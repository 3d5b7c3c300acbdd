// The answers of several workers as one, by part of the API. Pure. Whoever is alone has one answer, which stays as it is.

import { isUnused } from '../guard/gaps.ts';
import { OCCUPANCY_KEYS, type Occupancy } from '../observe/occupancy.ts';
import { sumNumbers } from '../util/sums.ts';
import type { ApplicationTold, EventTold, HolderTold, LeakTold, PoolTold } from './shapes.ts';
import { type PoolPart, timesFrom } from './tell.ts';

/** Rows of a list that may be longer. */
export interface ListPart<Row> {
  readonly time: string;
  readonly total: number;
  readonly rows: readonly Row[];
}

export interface EventsPart {
  /** Events to come have a higher sequence. */
  readonly last: number;
  readonly events: readonly EventTold[];
}

export function mergePools(all: readonly (readonly PoolPart[])[]): PoolTold[] {
  const pools = Map.groupBy(all.flat(), ({ database, user }) => `${database}\0${user}`);
  return [...pools.values()].map(mergePool);
}

function mergePool(all: readonly PoolPart[]): PoolTold {
  const { counts: _, ...first } = all[0]!;
  const times = timesFrom(all.map(({ counts }) => counts));
  if (all.length === 1) return { ...first, times };
  const servers = sumNumbers(all.map((pool) => pool.servers));
  const { login, ...others } = servers;
  const lastLoginError = all.find((pool) => pool.lastLoginError !== null)?.lastLoginError ?? null;
  return {
    ...first,
    state: all.find(({ state }) => state !== 'running')?.state ?? 'running',
    poolSize: Math.max(...all.map(({ poolSize }) => poolSize)),
    clients: sumNumbers(all.map(({ clients }) => clients)),
    servers,
    occupancy: sumOccupancy(all.map(({ occupancy }) => occupancy)),
    pinned: sumNumbers(all.map(({ pinned }) => pinned)),
    maxWaitMs: Math.max(...all.map(({ maxWaitMs }) => maxWaitMs)),
    isAway: lastLoginError !== null && Object.values(others).every((count) => count === 0),
    lastLoginError,
    times,
    stats: sumNumbers(all.map(({ stats }) => stats)),
  };
}

export function sumOccupancy(all: readonly Readonly<Occupancy>[]): Occupancy {
  return Object.fromEntries(
    OCCUPANCY_KEYS.map((key) => [key, all.reduce((sum, occupancy) => sum + occupancy[key], 0)]),
  ) as Occupancy;
}

/** As each of them sorts its own; of those alike, in the order of the workers. */
export function mergeLists<Row>(
  all: readonly ListPart<Row>[],
  limit: number,
  compare: (a: Row, b: Row) => number,
): { readonly total: number; readonly rows: Row[] } {
  const rows = all.flatMap((part) => part.rows);
  return {
    total: all.reduce((sum, { total }) => sum + total, 0),
    rows: (all.length === 1 ? rows : rows.sort(compare)).slice(0, limit),
  };
}

/** Those first that hold a server and do not use it. */
export function compareHolders(a: HolderTold, b: HolderTold): number {
  const unused = isUnused(a.state);
  if (unused !== isUnused(b.state)) return unused ? -1 : 1;
  return unused ? b.silentMs - a.silentMs : b.heldMs - a.heldMs;
}

/** Newest first. */
export function compareLeaks(a: LeakTold, b: LeakTold): number {
  if (a.foundAt !== b.foundAt) return a.foundAt < b.foundAt ? 1 : -1;
  return b.id - a.id;
}

export function mergeApplications(all: readonly (readonly ApplicationTold[])[]): ApplicationTold[] {
  if (all.length === 1) return [...all[0]!];
  const applications = Map.groupBy(all.flat(), ({ applicationName, route }) => `${applicationName}\0${route}`);
  return [...applications.values()]
    .map((rows) => {
      const [{ applicationName, route }] = rows as [ApplicationTold];
      const numbers = rows.map(({ applicationName: _, route: __, ...rest }) => rest);
      return { applicationName, route, ...sumNumbers(numbers) };
    })
    .sort((a, b) => b.waitsCausedMs - a.waitsCausedMs || b.leaks - a.leaks || b.heldMs - a.heldMs);
}

/**
 * Up to where every worker has told everything: what one of them had later than that comes with the next request, so that a number is enough to say
 * what has been seen.
 */
export function mergeEvents(all: readonly EventsPart[], limit: number): { last: number; events: EventTold[] } {
  const last = Math.min(...all.map((part) => part.last));
  const events = all
    .flatMap((part) => part.events)
    .filter(({ sequence }) => sequence <= last)
    .sort((a, b) => a.sequence - b.sequence);
  return { last, events: events.slice(Math.max(events.length - limit, 0)) };
}
