// What one worker tells for each answer of the API: plain JSON, from which whoever was asked makes the answer (merge.ts).

import type { EventKind } from '../observe/event.ts';
import type { ApiParts } from './api-parts.ts';
import { findPool } from './find-pool.ts';
import { type ListQuery, listClients, listServers } from './lists.ts';
import type { EventsPart, ListPart } from './merge.ts';
import { type OverviewPart, overviewPart } from './overview.ts';
import type { AdviceTold, ApplicationTold, ClientTold, HolderTold, LeakTold, Sample, ServerTold } from './shapes.ts';
import {
  iso,
  type PoolPart,
  poolPart,
  toldAdvice,
  toldApplications,
  toldEvents,
  toldHolders,
  toldLeaks,
  toldSample,
} from './tell.ts';

/** Rows of each list of a picture: the first screen, not an archive. */
export const MAX_ROWS = 50;
export const MAX_POOLS = 200;
export const MAX_EVENTS = 200;

/** A pool that somebody looks at; neither: all of them. */
export interface Look {
  readonly database?: string | undefined;
  readonly user?: string | undefined;
}

interface EventQuery {
  readonly limit: number;
  readonly kind?: EventKind;
  readonly since?: number;
}

export interface TickPart {
  readonly overview: OverviewPart;
  readonly pools: readonly PoolPart[];
  readonly holders: readonly HolderTold[];
  readonly leaks: readonly LeakTold[];
  readonly applications: readonly ApplicationTold[];
  readonly advice: readonly AdviceTold[];
  readonly events: EventsPart;
  /** The newest of each look. */
  readonly samples: readonly (Sample | null)[];
}

/** Each part with what is said about it and what is told. */
export interface PartTypes {
  readonly overview: { readonly query: object; readonly told: OverviewPart };
  readonly pools: { readonly query: object; readonly told: { readonly time: string; readonly pools: PoolPart[] } };
  readonly holders: { readonly query: { readonly limit: number }; readonly told: ListPart<HolderTold> };
  readonly leaks: { readonly query: { readonly limit: number }; readonly told: ListPart<LeakTold> };
  readonly applications: {
    readonly query: object;
    readonly told: { readonly time: string; readonly rows: readonly ApplicationTold[] };
  };
  readonly clients: { readonly query: ListQuery; readonly told: ListPart<ClientTold> };
  readonly servers: { readonly query: ListQuery; readonly told: ListPart<ServerTold> };
  readonly events: { readonly query: EventQuery; readonly told: EventsPart };
  /** null: there is no such pool here. */
  readonly history: { readonly query: Look & { readonly limit: number }; readonly told: readonly Sample[] | null };
  readonly tick: {
    readonly query: { readonly since: number; readonly looks: readonly Look[] };
    readonly told: TickPart;
  };
}
export type PartName = keyof PartTypes;

type Tellers = { readonly [N in PartName]: (query: PartTypes[N]['query']) => PartTypes[N]['told'] };

export function tellersOf(parts: ApiParts): Tellers {
  const { events, history } = parts;
  const tellEvents = (query: EventQuery): EventsPart => {
    // Asked before the list is read. "last" is of the ring, not of the rows: a kind that is rare does not make the next one read all of it again.
    const last = events.reached;
    return { last, events: toldEvents(events.list(query)) };
  };
  const tellHistory = ({ database, user, limit }: PartTypes['history']['query']) => {
    const pool = findPool(parts.snapshot(), database, user);
    return pool === undefined ? null : history.list(pool, limit).map(toldSample);
  };
  return {
    overview: () => overviewPart(parts),
    pools: () => {
      const sources = parts.snapshot();
      return { time: iso(sources.wallNow), pools: [...sources.pools].map((pool) => poolPart(pool, sources)) };
    },
    holders: ({ limit }) => {
      const sources = parts.snapshot();
      const all = toldHolders(sources);
      return { time: iso(sources.wallNow), total: all.length, rows: all.slice(0, limit) };
    },
    leaks: ({ limit }) => {
      const sources = parts.snapshot();
      const { length: total } = sources.leaks.recent;
      return { time: iso(sources.wallNow), total, rows: toldLeaks(sources, limit) };
    },
    applications: () => {
      const sources = parts.snapshot();
      return { time: iso(sources.wallNow), rows: toldApplications(sources) };
    },
    clients: (query) => listClients(parts.snapshot(), query),
    servers: (query) => listServers(parts.snapshot(), query),
    events: tellEvents,
    history: tellHistory,
    tick: ({ since, looks }) => {
      const sources = parts.snapshot();
      return {
        overview: overviewPart(parts),
        pools: [...sources.pools].slice(0, MAX_POOLS).map((pool) => poolPart(pool, sources)),
        holders: toldHolders(sources).slice(0, MAX_ROWS),
        leaks: toldLeaks(sources, MAX_ROWS),
        applications: toldApplications(sources),
        advice: sources.advisor.latest().slice(0, MAX_ROWS).map(toldAdvice),
        events: tellEvents({ since, limit: MAX_EVENTS }),
        samples: looks.map((look) => tellHistory({ ...look, limit: 1 })?.[0] ?? null),
      };
    },
  };
}

/** Asks every worker, or oneself where there is no other. Rejects when nobody answers. */
export type Ask = <N extends PartName>(name: N, query: PartTypes[N]['query']) => Promise<PartTypes[N]['told'][]>;

export function askOf(parts: ApiParts): Ask {
  const { team } = parts;
  const tellers = tellersOf(parts);
  return async (name, query) => {
    if (team === null) return [tellers[name](query)];
    const answers = await team.ask('api', { part: name, query: query as Record<string, unknown> });
    return answers.map(({ answer }) => answer as PartTypes[typeof name]['told']);
  };
}

/** What this worker says when another one asks. */
export function tellPart(parts: ApiParts, name: string, query: object): unknown {
  const tellers = tellersOf(parts);
  if (!Object.hasOwn(tellers, name)) throw new Error(`there is no part ${name}`);
  return tellers[name as PartName](query as never);
}
