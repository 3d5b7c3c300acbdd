// What a piece of work allocates: bytes of the heap, and of buffers outside of it, while the collector does not run.
import { GCProfiler, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { median } from '../side-by-side/report.ts';

setFlagsFromString('--expose-gc');
/** Runs the collector. */
export const collect = runInNewContext('gc') as () => void;

const SAMPLES = 7;

/** A young generation is at least as large. */
const ROOM = 512 * 1024;

function allocated(): number {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
}

/** Of `times` calls; null: the collector came in between. */
function measure(run: () => void, times: number): number | null {
  collect();
  const profiler = new GCProfiler();
  profiler.start();
  const before = allocated();
  for (let i = 0; i < times; i += 1) run();
  const after = allocated();
  return profiler.stop().statistics.length > 0 ? null : after - before;
}

/** Bytes that one call allocates; null: it is not to be found out. */
export function allocationOf(run: () => void): number | null {
  const base = measure(() => {}, 100) ?? 0;
  const first = measure(run, 1);
  let times = Math.max(Math.floor(ROOM / Math.max(first ?? ROOM, 100)), 1);
  for (; times >= 1; times = Math.floor(times / 2)) {
    // What other threads free or compile meanwhile is in some of them.
    const found = Array.from({ length: SAMPLES }, () => measure(run, times)).filter((bytes) => bytes !== null);
    if (found.length > SAMPLES / 2) return Math.max(median(found) - base, 0) / times;
  }
  return null;
}
