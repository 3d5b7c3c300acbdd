// npm run overload [-- --seconds 60 --times 2 --seed 1]: offered load beyond capacity (open loop, Poisson arrivals); what goodput keeps of its
// peak, whether those who are let in are served in time, and what a noisy application takes from three others.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { DEADLINE_MS, type PhaseFigures, runOverload } from './overload-run.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    times: { type: 'string', default: '2' },
    seed: { type: 'string', default: '1' },
    'pool-size': { type: 'string', default: '10' },
    /** Further settings of pgsluice, as JSON. */
    settings: { type: 'string', default: '{}' },
  },
});

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
const ms = (value: number | null) => (value === null ? '-' : `${value.toFixed(0)} ms`);

function print(name: string, figures: PhaseFigures, peak: number): void {
  const { offered, goodput, worst, inTime, p50, p99, refusedP50, outcomes, busy } = figures;
  const kept = `${goodput.toFixed(0)}/s (${percent(goodput / peak)} of the peak; worst second ${percent(worst / peak)})`;
  console.log(`${name}: offered ${offered.toFixed(0)}/s, goodput ${kept}`);
  console.log(`  let in and in time (${DEADLINE_MS} ms): ${percent(inTime)}; p50 ${ms(p50)}, p99 ${ms(p99)}`);
  const words = Object.entries(outcomes).map(([word, count]) => `${word} ${count}`);
  console.log(
    `  ${words.join(', ')}; refused after ${ms(refusedP50)} (median); the load used ${percent(busy)} of a CPU`,
  );
}

const server = await startEmbeddedPostgres({ settings: { max_connections: '60' } });
try {
  const { host, port, user, password } = server;
  const target = { host, port, user, password, database: 'postgres' };
  const { capacity, peak, over, noisy } = await runOverload(target, {
    milliseconds: Number(values.seconds) * 1_000,
    peakMs: 8_000,
    times: Number(values.times),
    poolSize: Number(values['pool-size']),
    seed: Number(values.seed),
    parts: ['over', 'noisy'],
    settings: JSON.parse(values.settings),
  });
  const best = Math.max(capacity, peak.goodput);
  console.log(`capacity: ${capacity.toFixed(0)}/s (closed loop)`);
  print('at capacity', peak, best);
  print(`${values.times} times that`, over!, best);
  print('one noisy application among four', noisy!, best);
  for (const [name, { offered, served }] of Object.entries(noisy!.applications))
    console.log(
      `  ${name}: ${percent(offered / (noisy!.offered * Number(values.seconds)))} of the load, ${percent(served)} of it served in time`,
    );
} finally {
  await server.stop();
}
