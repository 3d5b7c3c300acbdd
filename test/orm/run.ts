// One run of a library: workers over its pool, changes of the tables meanwhile, and a look at the tables at the end.
import pg from 'pg';
import { type Mishap, Tally } from './errors.ts';
import { SchemaChanges, TABLES } from './schema-changes.ts';
import { Worker } from './worker.ts';
import type { Target, Workload, WorkloadModule } from './workload.ts';

export interface RunOptions {
  module: WorkloadModule;
  /** Where the library connects. */
  target: Target;
  /** The same database, straight on Postgres. It is empty. */
  postgres: Target;
  statements: number;
  clients: number;
}

export interface RunResult {
  statements: number;
  schemaChanges: number;
  seconds: number;
  mishaps: Mishap[];
}

const CLOSE_TIMEOUT_MS = 10_000;
/** A run is given up when it takes longer than this, and longer than this for each statement. */
const MIN_RUN_MS = 60_000;
const MAX_STEP_MS = 20;

export async function runLibrary(options: RunOptions): Promise<RunResult> {
  const { module, target, postgres, statements, clients } = options;
  const admin = new pg.Client(postgres);
  const tally = new Tally();
  // What a library throws where nobody can catch it would end an application.
  const uncaught = (error: unknown) => tally.addError('uncaught', error);
  process.on('uncaughtException', uncaught);
  await admin.connect();
  try {
    await admin.query(TABLES);
    const own = Array.from({ length: clients }, (_, i) => `own-${i}`);
    await admin.query('INSERT INTO items (token, note) SELECT t, t FROM unnest($1::text[]) t', [own]);
    const settings = await withWorkload(module, postgres, 1, tally, (direct) => direct.settings());
    const changes = new SchemaChanges(postgres);
    let taken = 0;
    let seconds = 0;
    const workers = await withWorkload(module, target, clients, tally, async (workload) => {
      const reconnect = oneAtATime(module, target, tally);
      const all = own.map((token) => new Worker({ workload, reconnect, own: token, settings, tally }));
      await changes.start(tally);
      const started = performance.now();
      const until = started + Math.max(MIN_RUN_MS, statements * (module.maxStepMs ?? MAX_STEP_MS));
      const next = () => (taken < statements && performance.now() < until && !tally.isHopeless ? taken++ : null);
      await Promise.all(all.map((worker) => worker.run(next)));
      seconds = (performance.now() - started) / 1000;
      if (taken < statements) tally.add('run', 'given up', `after ${taken} of ${statements} statements`);
      await changes.stop();
      return all;
    }).catch((error): Worker[] => {
      tally.addError('open', error);
      return [];
    });
    await compareTable(admin, workers, tally);
    return { statements: taken, schemaChanges: changes.made, seconds, mishaps: tally.list };
  } finally {
    await admin.end();
    process.off('uncaughtException', uncaught);
  }
}

async function withWorkload<T>(
  module: WorkloadModule,
  target: Target,
  connections: number,
  tally: Tally,
  use: (workload: Workload) => Promise<T>,
): Promise<T> {
  const workload = await module.open(target, connections);
  try {
    return await use(workload);
  } finally {
    const late = new Promise<never>((_, reject) => {
      setTimeout(reject, CLOSE_TIMEOUT_MS, new Error(`it did not close within ${CLOSE_TIMEOUT_MS} ms`)).unref();
    });
    await Promise.race([workload.close(), late]).catch((error) => tally.addError('close', error));
  }
}

/** So that there is one connection more than the library's pool has, not as many as workers. */
function oneAtATime(module: WorkloadModule, target: Target, tally: Tally) {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(use: (workload: Workload) => Promise<T>): Promise<T> => {
    const mine = last.then(() => withWorkload(module, target, 1, tally, use));
    last = mine.catch(() => {});
    return mine;
  };
}

/** Everything that was committed is there once, nothing that was rolled back is. */
async function compareTable(admin: pg.Client, workers: Worker[], tally: Tally): Promise<void> {
  const { rows } = await admin.query<{ token: string }>('SELECT token FROM items');
  const there = new Set(rows.map((row) => row.token));
  for (const worker of workers) {
    for (const token of worker.written) if (!there.has(token)) tally.add('at the end', 'missing row', token);
    for (const token of worker.rolledBack) if (there.has(token)) tally.add('at the end', 'row of a rollback', token);
  }
}
