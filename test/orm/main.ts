// npm run test:orm [-- --library pg --statements 1000]: drivers and ORMs as they come, straight to Postgres and through pgsluice, while the tables change.
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { freePort, startCommand } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
import { percent, readServed, type Served } from '../support/served.ts';
import { extra, type Mishap, total } from './errors.ts';
import { install, isLibrary, LIBRARIES, type Library, load, versionOf } from './libraries.ts';
import { type RunResult, runLibrary } from './run.ts';

const { values } = parseArgs({
  options: {
    library: { type: 'string', multiple: true, default: LIBRARIES },
    statements: { type: 'string', default: '10000' },
    clients: { type: 'string', default: '50' },
    'pool-size': { type: 'string', default: '2' },
    direct: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const statements = Number(values.statements);
const clients = Number(values.clients);
const libraries = values.library.filter(isLibrary);
if (libraries.length < values.library.length) throw new Error(`--library is one of ${LIBRARIES.join(', ')}`);

interface Outcome {
  library: Library;
  version: string;
  direct: RunResult;
  through: RunResult | null;
  /** By pgsluice, its own counts. */
  served: Served | null;
  /** What a direct connection does not give. */
  extra: Mishap[];
}

install();
const server = await startEmbeddedPostgres({ settings: { max_connections: String(clients + 20) } });
const { host, port, user, password } = server;
const postgres = (database: string) => ({ host, port, user, password, database });

/** A database of its own for each run, so that neither finds what the other left. */
async function inDatabase<T>(name: string, use: (database: string) => Promise<T>): Promise<T> {
  await queryOn(postgres('postgres'), `CREATE DATABASE "${name}"`);
  try {
    return await use(name);
  } finally {
    await queryOn(postgres('postgres'), `DROP DATABASE "${name}" WITH (FORCE)`);
  }
}

async function compare(library: Library): Promise<Outcome> {
  const module = await load(library);
  const direct = await inDatabase(`${library}-direct`, (database) => {
    const target = postgres(database);
    return runLibrary({ module, target, postgres: target, statements, clients });
  });
  const version = versionOf(library);
  if (values.direct) return { library, version, direct, through: null, served: null, extra: [] };
  const httpPort = await freePort();
  const settings = { default_pool_size: Number(values['pool-size']), http_listen_port: httpPort };
  const { through, served } = await inDatabase(`${library}-pooled`, async (database) => {
    const target = await startCommand(postgres(database), settings);
    try {
      const through = await runLibrary({ module, target, postgres: postgres(database), statements, clients });
      return { through, served: await readServed(httpPort) };
    } finally {
      await target.stop();
    }
  });
  return { library, version, direct, through, served, extra: extra(through.mishaps, direct.mishaps) };
}

function print({ library, version, direct, through, served, extra }: Outcome): void {
  const figures = (run: RunResult | null) =>
    run ? `${total(run.mishaps)} | ${run.schemaChanges} | ${run.seconds.toFixed(1)}` : '- | - | -';
  const cells = [library, version, (through ?? direct).statements, figures(direct), figures(through), total(extra)];
  cells.push(served === null ? '-' : percent(served.queries - served.pinned, served.queries));
  console.log(`| ${cells.join(' | ')} |`);
}

function printMishaps({ library, direct, through, extra }: Outcome): void {
  for (const [way, mishaps] of [
    ['direct', direct.mishaps],
    ['through', through?.mishaps ?? []],
  ] as const) {
    for (const mishap of mishaps) {
      const mark = extra.includes(mishap) ? '! ' : '  ';
      console.log(`${mark}${library} ${way}, ${mishap.step}: ${mishap.count} x ${mishap.code}, ${mishap.example}`);
    }
  }
}

const outcomes: Outcome[] = [];
try {
  if (!values.json) {
    console.log(`${clients} clients, through pgsluice over a pool of ${values['pool-size']}`);
    console.log(
      '| library | version | statements | errors | changes | s | errors through | changes | s | extra | not pinned |',
    );
    console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  }
  for (const library of libraries) {
    const outcome = await compare(library);
    outcomes.push(outcome);
    if (!values.json) print(outcome);
  }
} finally {
  await server.stop();
}
if (values.json) console.log(JSON.stringify(outcomes, null, 2));
else for (const outcome of outcomes) printMishaps(outcome);
process.exitCode = outcomes.every((outcome) => outcome.extra.length === 0) ? 0 : 1;
