// npm run bench:micro [-- --only REGEX --ms 250]: what the small parts cost by themselves, in nanoseconds and bytes allocated for each
// operation. Under a minute. Judges nothing: compare a change with what was there before it, on the same machine.
import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { allocationOf } from './allocation.ts';
import type { Case } from './case.ts';
import { GROUPS } from './groups.ts';

const { values } = parseArgs({
  options: { only: { type: 'string', default: '' }, ms: { type: 'string', default: '250' } },
});
const time = Number(values.ms);
const isMeant = new RegExp(values.only);

function number(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en');
}

/** The median of many runs: what comes between is somebody else's. */
function measure({ name, per, run }: Case): string {
  const bench = new Bench({ time, warmupTime: time / 2, iterations: 10 });
  bench.add(name, run);
  const [task] = bench.runSync();
  const result = task!.result;
  if (result.state !== 'completed') throw new Error(`${name}: ${result.state}`, { cause: result });
  const bytes = allocationOf(run);
  const nanoseconds = (result.latency.p50 * 1e6) / per;
  return `${number(nanoseconds).padStart(9)} ns ${(bytes === null ? '?' : number(bytes / per)).padStart(9)} B   ${name}`;
}

for (const group of GROUPS) {
  if (!isMeant.test(group.name)) continue;
  const { cases, stop } = await group.open();
  console.log(`${group.name}\n${cases.map(measure).join('\n')}`);
  await stop?.();
}
