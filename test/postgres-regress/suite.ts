// PostgreSQL's own regression suite, run by its own pg_regress against an address. The suite is built from Postgres' sources, not kept here.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chooseUser, temporaryRoot } from '../../src/cli/demo/postgres-binaries.ts';
import { countDifferences, readResults, readSchedule, type Summary } from './results.ts';

/** The only major whose expected output the runner is made for. */
export const SUITE_MAJOR = 15;

// Postgres: the limit that the makefile gives to pg_regress; no group of the schedule is larger.
const MOST_AT_ONCE = 20;

export interface SuiteOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Tests of a parallel group at a time; 0: all of it. */
  readonly maxConnections: number;
  /** A file in place of the suite's parallel_schedule; empty: that. */
  readonly schedule: string;
  /** In place of a schedule, one after the other. The first has to be test_setup. */
  readonly tests: readonly string[];
  /** Then pg_regress and its psqls are killed: tests may wait for a lock that a lost session holds. */
  readonly limitSeconds: number;
  readonly onLine: (line: string) => void;
}

export interface SuiteRun extends Summary {
  readonly seconds: number;
  readonly differences: ReadonlyMap<string, number>;
  /** results/, regression.diffs; the caller removes it. */
  readonly outputDir: string;
}

/** The built src/test/regress folder, as PG_REGRESS names it; throws, with what to do, when it is not one. */
export function findSuite(): string {
  const named = process.env.PG_REGRESS;
  if (!named) throw new Error('PG_REGRESS= must name the built src/test/regress folder of PostgreSQL 15');
  const dir = resolve(named);
  for (const file of ['pg_regress', 'regress.so', 'refint.so', 'autoinc.so', 'parallel_schedule', 'expected', 'sql'])
    if (!existsSync(join(dir, file))) throw new Error(`${dir} has no ${file}; run: make -C src/test/regress`);
  return dir;
}

/** The folder of a psql of that major: some errors and all of \d look different in others. Empty: the one on PATH. */
function findPsql(): string {
  // Debian's psql on PATH is a wrapper that may choose another version.
  const debian = `/usr/lib/postgresql/${SUITE_MAJOR}/bin`;
  const dir = existsSync(join(debian, 'psql')) ? debian : '';
  const { stdout } = spawnSync(join(dir, 'psql'), ['--version'], { encoding: 'utf8' });
  if (!stdout?.includes(` ${SUITE_MAJOR}.`)) throw new Error(`needs psql ${SUITE_MAJOR} on PATH, found: ${stdout}`);
  return dir;
}

/** As `make installcheck-parallel`: makes the database "regression" and runs the tests in it. */
export async function runSuite(suite: string, options: SuiteOptions): Promise<SuiteRun> {
  const runAs = chooseUser();
  const outputDir = mkdtempSync(join(temporaryRoot(runAs), 'pgsluice-regress-'));
  // Postgres itself writes there too (COPY TO a file), and pg_regress reads what it wrote.
  if (runAs) chownSync(outputDir, runAs.uid, runAs.gid);
  const schedule = options.schedule === '' ? join(suite, 'parallel_schedule') : resolve(options.schedule);
  const args = [`--inputdir=${suite}`, `--outputdir=${outputDir}`, `--dlpath=${suite}`, `--bindir=${findPsql()}`];
  args.push(`--host=${options.host}`, `--port=${options.port}`, `--user=${options.user}`);
  args.push(`--max-concurrent-tests=${MOST_AT_ONCE}`, `--max-connections=${options.maxConnections}`);
  args.push(...(options.tests.length > 0 ? options.tests : [`--schedule=${schedule}`]));

  const started = performance.now();
  const child = spawn(join(suite, 'pg_regress'), args, {
    cwd: outputDir,
    // An environment of its own, so that PGOPTIONS and the like of the caller do not steer the tests.
    env: { PATH: process.env.PATH ?? '', PGSSLMODE: 'disable' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own, which is how its psqls are found at the end.
    detached: true,
    ...(runAs ?? {}),
  });
  let output = '';
  let line = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const lines = (line + text).split('\n');
      line = lines.pop()!;
      for (const one of lines) options.onLine(one);
    });
  }
  const endGroup = () => child.pid !== undefined && child.exitCode === null && process.kill(-child.pid, 'SIGKILL');
  process.once('exit', endGroup);
  const timer = setTimeout(endGroup, options.limitSeconds * 1000);
  await once(child, 'close');
  clearTimeout(timer);
  process.off('exit', endGroup);
  const seconds = (performance.now() - started) / 1000;
  const expected = options.tests.length > 0 ? options.tests : readSchedule(readFileSync(schedule, 'utf8'));
  const diffs = join(outputDir, 'regression.diffs');
  const differences = countDifferences(existsSync(diffs) ? readFileSync(diffs, 'utf8') : '');
  return { ...readResults(output, expected), seconds, differences, outputDir };
}

export function removeOutput(run: SuiteRun): void {
  rmSync(run.outputDir, { recursive: true, force: true });
}

/** Postgres' user must be able to enter the suite: its server loads regress.so and reads the data files. */
export function checkReachable(suite: string): void {
  accessSync(join(suite, 'pg_regress'), constants.X_OK);
  const runAs = chooseUser();
  if (runAs === null) return;
  const options = { ...runAs, encoding: 'utf8' as const, cwd: '/' };
  if (spawnSync('test', ['-r', join(suite, 'regress.so')], options).status !== 0)
    throw new Error(`the user that runs Postgres (uid ${runAs.uid}) can't read ${suite}`);
}
