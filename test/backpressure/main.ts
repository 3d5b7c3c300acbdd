// npm run backpressure [-- --scale 1]: a 2 GB result that nobody reads, a 5 GB COPY, a 512 MB value; prints memory and waiting times;
// beside PgBouncer's, where PGBOUNCER= or PATH has one.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { startCommand } from '../support/command.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { HEAVIES } from './heavy.ts';
import { type Figures, measure, measurePooler, type PoolerFigures } from './run.ts';

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
const path = findPgbouncer();
if (path === null) console.log('PgBouncer: neither in PGBOUNCER= nor on PATH, so it is left out');
const pgbouncer = path === null ? null : await startPgbouncer(path, postgres, { default_pool_size: 12 });
try {
  // Warm: the first megabytes make the heap what it will be.
  await measurePooler(pooler, HEAVIES.slowReader, 64);
  for (const [heavy, megabytes] of runs) {
    const size = Math.max(1, Math.round(megabytes * scale));
    const straight: Figures[] = [];
    const through: PoolerFigures[] = [];
    const peer: Figures[] = [];
    for (let pair = 0; pair < Number(values.pairs); pair += 1) {
      straight.push(await measure(postgres, heavy, size));
      through.push(await measurePooler(pooler, heavy, size));
      if (pgbouncer !== null) peer.push(await measure(pgbouncer, heavy, size));
    }
    const growth = Math.max(...through.map((one) => one.rssGrowth)) / MB;
    console.log(`${heavy.name}, ${size} MB: RSS grew by ${growth.toFixed(1)} MB at most; light clients beside it:`);
    for (const [who, figures] of [
      ['straight', straight],
      ['pgsluice', through],
      ['PgBouncer', peer],
    ] as const) {
      if (figures.length === 0) continue;
      const ratio = median(figures.map((one, i) => one.p99 / straight[i]!.p99));
      const seconds = median(figures.map((one) => one.seconds));
      console.log(
        `  ${who.padEnd(9)}  p50 ${ms(figures, 'p50')} ms  p99 ${ms(figures, 'p99')} ms  ${ratio.toFixed(2)} times straight  ${seconds.toFixed(1)} s`,
      );
    }
  }
} finally {
  await pgbouncer?.stop();
  await pooler.stop();
  await server.stop();
}
