// npm run bench:advice [-- --only steady,bursty --seconds 20]: is the advised size the right one? Each workload is played with pools of 1 to 40
// servers, which shows the knee; then once with half and once with four times as many, and what SHOW ADVICE says is held against it.
// Draws docs/sizing-*.svg and writes the table of docs/sizing.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import type { Target } from '../../test/support/command.ts';
import { queryOn } from '../../test/support/postgres.ts';
import { type Figures, play } from './load.ts';
import { kneeOf, type Outcome, type Trial } from './outcome.ts';
import { plot } from './plot.ts';
import { SETUP, WORKLOADS, type Workload } from './workloads.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seconds: { type: 'string', default: '20' },
    'advice-seconds': { type: 'string', default: '25' },
    write: { type: 'boolean', default: false },
  },
});
const SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 40];
/** Plays of workloads that only sleep may run beside each other. */
const ABREAST = 4;
const RAMP_SECONDS = 8;

async function sweep(postgres: Target, workload: Workload): Promise<Figures[]> {
  const figures: Figures[] = [];
  const abreast = workload.isAlone ? 1 : ABREAST;
  for (let at = 0; at < SIZES.length; at += abreast) {
    const sizes = SIZES.slice(at, at + abreast);
    const options = { rampSeconds: 1, seconds: Number(values.seconds) };
    const played = await Promise.all(
      sizes.map((poolSize) => onDatabase(postgres, (target) => play(target, workload, { ...options, poolSize }))),
    );
    figures.push(...played.map((each) => each.figures));
  }
  return figures;
}

let created = 0;
/** Each has a database of its own: a hot row is nobody else's. */
async function onDatabase<T>(postgres: Target, work: (target: Target) => Promise<T>): Promise<T> {
  const database = `advice_${++created}`;
  await queryOn({ ...postgres }, `CREATE DATABASE ${database}`);
  await queryOn({ ...postgres, database }, SETUP);
  return work({ ...postgres, database });
}

async function tryAt(postgres: Target, workload: Workload, poolSize: number): Promise<Trial> {
  const seconds = Number(values['advice-seconds']);
  const { advice, figures } = await onDatabase(postgres, (target) =>
    play(target, workload, { poolSize, rampSeconds: RAMP_SECONDS, seconds }),
  );
  return { poolSize, advice, figures };
}

const server = await startEmbeddedPostgres({ settings: { max_connections: '400' } });
const outcomes: Outcome[] = [];
try {
  const { host, port, user, password } = server;
  const postgres = { host, port, user, password, database: 'postgres' };
  const chosen = values.only === '' ? WORKLOADS : WORKLOADS.filter(({ name }) => values.only.split(',').includes(name));
  for (const workload of chosen) {
    const figures = await sweep(postgres, workload);
    const knee = kneeOf(figures);
    console.log(`${workload.title}\n  knee: ${knee}`);
    for (const { poolSize, rate, p50Ms, p99Ms, failed } of figures)
      console.log(
        `  ${poolSize}: ${rate.toFixed(1)}/s, p50 ${p50Ms.toFixed(0)} ms, p99 ${p99Ms.toFixed(0)} ms${failed > 0 ? `, ${failed} failed` : ''}`,
      );
    const sizes = [Math.max(Math.round(knee / 2), 1), knee * 4];
    const trials = workload.isAlone
      ? [await tryAt(postgres, workload, sizes[0]!), await tryAt(postgres, workload, sizes[1]!)]
      : await Promise.all(sizes.map((size) => tryAt(postgres, workload, size)));
    for (const { poolSize, advice } of trials)
      console.log(
        `  from ${poolSize}: ${advice.size} (${advice.cause}, ${advice.confidence})\n    ${advice.title}\n    ${advice.arithmetic}`,
      );
    outcomes.push({ workload, figures, knee, trials });
    if (values.write) writeFileSync(`docs/sizing-${workload.name}.svg`, plot(outcomes.at(-1)!));
  }
} finally {
  await server.stop();
}
const rows = outcomes.flatMap(rowsOf);
console.log(rows.map(({ text }) => text).join('\n'));
if (values.write) writeTable();
process.exitCode = rows.every(({ isRight }) => isRight) ? 0 : 1;

/** Rows of workloads that were not played stay as they are. */
function writeTable(): void {
  const page = readFileSync('docs/sizing.md', 'utf8');
  const [before = '', old = '', after = ''] = page.split(/(?<=<!-- results -->\n)|(?=<!-- end -->)/);
  const table = WORKLOADS.flatMap(({ name }) => {
    if (outcomes.some(({ workload }) => workload.name === name))
      return rows.filter((row) => row.name === name).map(({ text }) => text);
    return old.split('\n').filter((line) => line.startsWith(`| ${name} |`));
  });
  const head = ['| workload | knee | pool_size | advised | cause | |', '| --- | --- | --- | --- | --- | --- |'];
  writeFileSync('docs/sizing.md', `${before}${[...head, ...table].join('\n')}\n${after}`);
}

function rowsOf({ workload, knee, trials }: Outcome): { name: string; text: string; isRight: boolean }[] {
  return trials.map(({ poolSize, advice }, i) => {
    const wanted = i === 0 ? workload.causes.few : workload.causes.many;
    const isNear = advice.size !== null && Math.abs(advice.size - knee) <= Math.max(1, knee * 0.2);
    // A pool of one can not be halved.
    const isRight = isNear && (advice.cause === wanted || poolSize === knee);
    const verdict = isRight ? 'right' : isNear ? `${wanted} was meant` : 'off';
    const text = `| ${workload.name} | ${knee} | ${poolSize} | ${advice.size ?? '-'} | ${advice.cause} | ${verdict} |`;
    return { name: workload.name, text, isRight };
  });
}
