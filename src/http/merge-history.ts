// The past of several workers as one. Each looks at itself once a second, at moments of its own, and a worker may have begun later than the others.

import { INTERVAL_MS } from '../observe/history.ts';
import { latest, weightedMean } from '../util/sums.ts';
import { sumOccupancy } from './merge.ts';
import type { Sample } from './shapes.ts';

/** Oldest first. The moments are those of the worker that remembers most; every other sample belongs to the nearest of them. */
export function mergeHistories(all: readonly (readonly Sample[])[], limit: number): Sample[] {
  const longest = all.reduce(
    (most, samples) => (samples.length > most.length ? samples : most),
    [] as readonly Sample[],
  );
  if (all.length === 1 || longest.length === 0) return longest.slice(-limit);
  const moments = longest.map(({ time }) => Date.parse(time));
  const groups = longest.map((sample): Sample[][] => [[sample]]);
  for (const samples of all) if (samples !== longest) share(samples, moments, groups);
  return groups.map((group, i) => ({ ...mergeSamples(group.map(join)), time: longest[i]!.time })).slice(-limit);
}

/** Adds what one worker has to the nearest moments; what lies before all of them is left out. */
function share(samples: readonly Sample[], moments: readonly number[], groups: Sample[][][]): void {
  const own = new Map<number, Sample[]>();
  let at = 0;
  for (const sample of samples) {
    const time = Date.parse(sample.time);
    if (time < moments[0]! - INTERVAL_MS) continue;
    while (at + 1 < moments.length && Math.abs(moments[at + 1]! - time) <= Math.abs(moments[at]! - time)) at += 1;
    own.set(at, [...(own.get(at) ?? []), sample]);
  }
  for (const [moment, found] of own) groups[moment]!.push(found);
  // Two of its samples may be nearest to one moment and none to the next: what stood then stands still.
  let before: Sample | undefined;
  for (const [moment, group] of groups.entries()) {
    const found = own.get(moment)?.at(-1);
    if (found === undefined && before !== undefined && moments[moment]! - Date.parse(before.time) < 2 * INTERVAL_MS)
      group.push([stillStanding(before)]);
    before = found ?? before;
  }
}

function stillStanding(sample: Sample): Sample {
  return { ...sample, xacts: 0, queries: 0, refused: 0 };
}

/** Of one worker: what happened is added up, what stood is that of the last. */
function join(samples: readonly Sample[]): Sample {
  const newest = samples.at(-1)!;
  if (samples.length === 1) return newest;
  return { ...mergeSamples(samples), occupancy: newest.occupancy };
}

/** Of one moment. Times that a quantile is of are weighted by transactions; of the slowest hundredth, whose is slower. */
export function mergeSamples(samples: readonly Sample[]): Sample {
  const [first] = samples;
  if (samples.length === 1) return first!;
  const sum = (of: (sample: Sample) => number) => samples.reduce((total, sample) => total + of(sample), 0);
  const most = (of: (sample: Sample) => number) => Math.max(...samples.map(of));
  const mean = (of: (sample: Sample) => number) => weightedMean(samples.map((sample) => [of(sample), sample.xacts]));
  return {
    time: latest(samples.map(({ time }) => time)),
    occupancy: sumOccupancy(samples.map(({ occupancy }) => occupancy)),
    maxWaitMs: most(({ maxWaitMs }) => maxWaitMs),
    xacts: sum(({ xacts }) => xacts),
    queries: sum(({ queries }) => queries),
    refused: sum(({ refused }) => refused),
    waitP50Ms: mean(({ waitP50Ms }) => waitP50Ms),
    waitP99Ms: most(({ waitP99Ms }) => waitP99Ms),
    xactP50Ms: mean(({ xactP50Ms }) => xactP50Ms),
    xactP99Ms: most(({ xactP99Ms }) => xactP99Ms),
  };
}
