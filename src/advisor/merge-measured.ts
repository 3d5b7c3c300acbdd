// What several workers measured of the same pool, as one measurement: a worker sees only its own clients, and what it would advise is no advice.

import { addCounts, BUCKETS, packCounts, total, unpackCounts } from '../util/histogram.ts';
import { weightedMean } from '../util/sums.ts';
import type { Ceiling, Level, Measured, Slot } from './measured.ts';

/** As plain JSON. */
export interface MeasuredTold extends Omit<Measured, 'slots' | 'waits' | 'holds'> {
  readonly slots: readonly (readonly number[])[];
  readonly waits: string;
  readonly holds: string;
}

const SLOT = ['ms', 'arrivals', 'held', 'idleInTransaction', 'pinned', 'waiting'] as const satisfies (keyof Slot)[];
/** What is finer is noise, and twice the bytes. */
const rounded = (value: number) => Math.round(value * 10) / 10;

export function tellMeasured({ slots, waits, holds, ...rest }: Measured): MeasuredTold {
  return {
    ...rest,
    slots: slots.map((slot) => SLOT.map((key) => rounded(slot[key]))),
    waits: packCounts(waits),
    holds: packCounts(holds),
  };
}

/** One at least. */
export function mergeMeasured(all: readonly MeasuredTold[]): Measured {
  const [first] = all;
  const sum = (of: (told: MeasuredTold) => number) => all.reduce((sumOfAll, told) => sumOfAll + of(told), 0);
  const holds = all.map((told) => unpackCounts(told.holds));
  const idlest = all.map((told) => told.idlest).filter((found) => found !== null);
  const peaks = all.map(({ peak }) => peak).filter((peak) => peak !== null);
  return {
    poolSize: Math.max(...all.map(({ poolSize }) => poolSize)),
    waitTargetMs: first!.waitTargetMs,
    slots: mergeSlots(all.map(({ slots }) => slots)),
    waits: sumCounts(all.map((told) => unpackCounts(told.waits))),
    holds: sumCounts(holds),
    holdMs: weightedMean(all.map(({ holdMs }, i) => [holdMs, total(holds[i]!)])),
    xacts: sum(({ xacts }) => xacts),
    queryMs: sum(({ queryMs }) => queryMs),
    refused: sum(({ refused }) => refused),
    leaks: sum(({ leaks }) => leaks),
    logins: sum(({ logins }) => logins),
    endedByAge: sum(({ endedByAge }) => endedByAge),
    endedByIdleness: sum(({ endedByIdleness }) => endedByIdleness),
    idlest: idlest.sort((a, b) => b.share - a.share)[0] ?? null,
    levels: all.flatMap(({ levels }) => levels.map((level) => scaled(level, all.length))),
    ceiling: mergeCeilings(all.map(({ ceiling }) => ceiling).filter((ceiling) => ceiling !== null)),
    peak: peaks.sort((a, b) => b.servers - a.servers)[0] ?? null,
  };
}

function sumCounts(all: readonly Float64Array[]): Float64Array {
  const sum = new Float64Array(BUCKETS);
  for (const counts of all) addCounts(sum, counts);
  return sum;
}

/** Each worker's last slot is the present. */
function mergeSlots(all: readonly MeasuredTold['slots'][]): Slot[] {
  const longest = all.reduce((most, slots) => (slots.length > most.length ? slots : most), [] as MeasuredTold['slots']);
  return longest.map((own, i) => {
    const fromEnd = longest.length - i;
    const same = all.map((slots) => slots[slots.length - fromEnd]).filter((slot) => slot !== undefined);
    const sum = (key: (typeof SLOT)[number]) => same.reduce((sumOfAll, slot) => sumOfAll + slot[SLOT.indexOf(key)]!, 0);
    return {
      ms: own[0]!,
      arrivals: sum('arrivals'),
      held: sum('held'),
      idleInTransaction: sum('idleInTransaction'),
      pinned: sum('pinned'),
      waiting: sum('waiting'),
    };
  });
}

/** While one worker had so many servers held, the others mostly had as many: connections are shared out evenly. */
function scaled({ held, seconds, ...rest }: Level, workers: number): Level {
  return { ...rest, held: held * workers, seconds: seconds / workers };
}

/** Postgres refuses each of them at what it has; a limit of ours holds for all together. */
function mergeCeilings(ceilings: readonly Ceiling[]): Ceiling | null {
  const byReason = Map.groupBy(ceilings, ({ because }) => because);
  const merged = [...byReason].map(([because, alike]) => {
    const servers = alike.map((ceiling) => ceiling.servers);
    const isOurs = because.startsWith('max_');
    return { because, servers: isOurs ? Math.min(...servers) : servers.reduce((sum, each) => sum + each, 0) };
  });
  return merged.sort((a, b) => a.servers - b.servers)[0] ?? null;
}
