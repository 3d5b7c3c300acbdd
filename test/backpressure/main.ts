// npm run backpressure [-- --scale 1]: a 2 GB result that nobody reads, a 5 GB COPY, a 512 MB value; prints memory and waiting times.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../support/command.ts';
import { HEAVIES } from './heavy.ts';
import { type Figures, measure, measurePooler } from './run.ts';

const MB = 1024 * 1024;
const { values } = parseArgs({
  options: { scale: { type: 'string', default: '1' }, pairs: { type: 'string', default: '3' } },
});
const scale = Number(values.scale);

const runs = [
  [HEAVIES.slowReader, 2048],
  [HEAVIES.copyIn, 5120],
  [HEAVIES.oneValue, 512],
] as const;

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
const ms = (figures: Figures[], key: 'p50' | 'p99') => median(figures.map((one) => one[key])).toFixed(2);

const server = await startEmbeddedPostgres();
const postgres = {
  host: server.host,
  port: server.port,
  user: server.user,
  password: server.password,
  database: 'postgres',
};
const pooler = await startCommand(postgres, { default_pool_size: 12 });
try {
  // Warm: the first megabytes make the heap what it will be.
  await measurePooler(pooler, HEAVIES.slowReader, 64);
  for (const [heavy, megabytes] of runs) {
    const size = Math.max(1, Math.round(megabytes * scale));
    const straight: Figures[] = [];
    const through = [];
    for (let pair = 0; pair < Number(values.pairs); pair += 1) {
      straight.push(await measure(postgres, heavy, size));
      through.push(await measurePooler(pooler, heavy, size));
    }
    const growth = Math.max(...through.map((one) => one.rssGrowth)) / MB;
    const ratio = median(through.map((one, i) => one.p99 / straight[i]!.p99));
    console.log(
      `${heavy.name}, ${size} MB: RSS grew by ${growth.toFixed(1)} MB; light clients p50 ${ms(straight, 'p50')} ms straight, ` +
        `${ms(through, 'p50')} ms through; p99 ${ms(straight, 'p99')} / ${ms(through, 'p99')} ms, ratio ${ratio.toFixed(2)}; ` +
        `${median(straight.map((one) => one.seconds)).toFixed(1)} / ${median(through.map((one) => one.seconds)).toFixed(1)} s`,
    );
  }
} finally {
  await pooler.stop();
  await server.stop();
}
