// npm run regress:postgres -- [--direct | --through HOST:PORT] [--keep] [TEST...]: PostgreSQL 15's own regression suite through pgsluice in
// transaction mode, straight to Postgres, or through another pooler. PG_REGRESS= names the built suite; fails below --bar.
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { rowsOf } from '../../src/config/settings-table.ts';
import { freePort, type RunningCommand, startCommand } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
import { percent, readServed } from '../support/served.ts';
import { waitUntil } from '../support/wait-until.ts';
import { checkReachable, findSuite, removeOutput, runSuite, SUITE_MAJOR, type SuiteRun } from './suite.ts';

const { values, positionals: tests } = parseArgs({
  allowPositionals: true,
  options: {
    direct: { type: 'boolean', default: false },
    through: { type: 'string', default: '' },
    /** Where Postgres listens, so that the pooler of --through can be set up for it. 0: a free port. */
    'postgres-port': { type: 'string', default: '0' },
    'pool-mode': { type: 'string', default: 'transaction' },
    'pool-size': { type: 'string', default: '20' },
    schedule: { type: 'string', default: '' },
    'max-connections': { type: 'string', default: '0' },
    /** Seconds. */
    limit: { type: 'string', default: '900' },
    bar: { type: 'string', default: '212' },
    keep: { type: 'boolean', default: false },
    /** A file for what Postgres logs, every statement too. */
    'postgres-log': { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
});

async function startPostgres(): Promise<EmbeddedPostgres> {
  const majors = new URL('../../.ci/postgres-majors.mjs', import.meta.url).href;
  const { fetchMajor } = (await import(majors)) as { fetchMajor(major: number): void };
  fetchMajor(SUITE_MAJOR);
  const port = Number(values['postgres-port']);
  const logFile = values['postgres-log'];
  return startEmbeddedPostgres({
    major: SUITE_MAJOR,
    authMethod: 'trust',
    ...(port > 0 ? { port } : {}),
    ...(logFile === '' ? {} : { log: (line: string) => appendFileSync(logFile, `${line}\n`) }),
    // Tests log in as users that they make, and each of them is a pool. pg_regress asks for two prepared transactions.
    settings: {
      max_connections: '150',
      max_prepared_transactions: '2',
      shared_buffers: '128MB',
      ...(logFile === '' ? {} : { log_statement: 'all', log_line_prefix: '%m [%p] %a: ' }),
    },
  });
}

function startPgsluice(server: EmbeddedPostgres, httpPort: number): Promise<RunningCommand> {
  const { host, port, user, password } = server;
  return startCommand(
    { host, port, user, password, database: 'postgres' },
    {
      databases: { '*': { host, port } },
      users: {},
      auth_type: 'any',
      pool_mode: values['pool-mode'],
      http_listen_port: httpPort,
      default_pool_size: Number(values['pool-size']),
      ...(rowsOf.global.has('session_policy') ? { session_policy: { sequence: 'pin' } } : {}),
    },
  );
}

/** Somebody else's pooler, which needs Postgres before it answers. */
async function findPooler(server: EmbeddedPostgres): Promise<{ host: string; port: number }> {
  const [host = '', port = ''] = values.through.split(':');
  const address = { host, port: Number(port), user: server.user, password: server.password, database: 'postgres' };
  console.log(`Postgres is at ${server.host}:${server.port}; waiting for the pooler at ${values.through}`);
  await waitUntil(() => queryOn(address, 'SELECT 1'), { timeoutMs: 120_000, what: 'a query through the pooler' });
  return address;
}

function print(run: SuiteRun, way: string): void {
  for (const { name, ending } of run.failed) {
    const lines = run.differences.get(name);
    console.log(`  ${name}: ${[lines && `${lines} lines differ`, ending].filter(Boolean).join('; ') || 'failed'}`);
  }
  console.log(`${run.passed} of ${run.results.length} passed ${way}, ${run.seconds.toFixed(0)} s`);
  if (values.keep) console.log(`regression.diffs and results/ are in ${run.outputDir}`);
  else removeOutput(run);
}

const suite = findSuite();
checkReachable(suite);
const server = await startPostgres();
const httpPort = await freePort();
let pooler: RunningCommand | null = null;
try {
  if (!values.direct && values.through === '') pooler = await startPgsluice(server, httpPort);
  const { host, port } = pooler ?? (values.direct ? server : await findPooler(server));
  const run = await runSuite(suite, {
    host,
    port,
    user: server.user,
    maxConnections: Number(values['max-connections']),
    schedule: values.schedule,
    tests,
    limitSeconds: Number(values.limit),
    onLine: (line) => values.verbose && console.log(line),
  });
  const hasDied = pooler !== null && pooler.child.exitCode !== null;
  if (hasDied) console.log('pgsluice ended during the run');
  print(run, values.direct ? 'directly' : `through ${values.through || `pgsluice in ${values['pool-mode']} mode`}`);
  if (pooler !== null && !hasDied) {
    const { queries, pinned } = await readServed(httpPort);
    console.log(
      `${percent(queries - pinned, queries)} of ${queries} statements were served by a server that was not pinned`,
    );
  }
  const bar = values.direct || values.schedule !== '' || tests.length > 0 ? run.results.length : Number(values.bar);
  process.exitCode = run.passed >= bar && !hasDied ? 0 : 1;
} finally {
  await pooler?.stop();
  await server.stop();
}
