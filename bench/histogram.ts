// node bench/histogram.ts: what it costs to count one duration, in nanoseconds.
import { Histogram, total } from '../src/util/histogram.ts';

const ROUNDS = 20_000_000;
/** Spread as those of a busy pool: most below a millisecond, some of seconds. */
const values = Float64Array.from({ length: 4_096 }, () => 0.05 * Math.exp(Math.random() * 10));

function run(record: (ms: number) => void): number {
  const begun = performance.now();
  for (let i = 0; i < ROUNDS; i += 1) record(values[i & 4_095]!);
  return ((performance.now() - begun) * 1e6) / ROUNDS;
}

const histogram = new Histogram();
let sum = 0;
const costs = Array.from({ length: 7 }, () => {
  const loop = run((ms) => {
    sum += ms;
  });
  return run((ms) => histogram.record(ms)) - loop;
});
costs.sort((a, b) => a - b);
console.log(`${costs[3]!.toFixed(1)} ns a duration (median of 7; ${total(histogram.counts)} counted, ${sum > 0})`);
