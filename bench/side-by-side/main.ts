// npm run bench [-- --pairs 7 --seconds 5 --only REGEX --peers PgBouncer,Odyssey,pgagroal --copy-mb 1000 --write]: pgsluice beside the
// poolers that are found (PATH, or PGBOUNCER=, ODYSSEY=, PGAGROAL=) and beside no pooler, in alternating rounds on one Postgres.
// --write: docs/benchmarks.md. --quick: under 90 s, for a look. Prints ratios to PgBouncer; judges nothing.
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startEmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { Authority } from '../../test/support/certificates.ts';
import type { Target } from '../../test/support/command.ts';
import { queryOn } from '../../test/support/postgres.ts';
import { findTool } from '../../test/support/tools.ts';
import { type Contender, type Name, STARTS, type Wishes } from './contenders.ts';
import { type Cpu, cpuOf } from './cpu.ts';
import { memoryOfIdleClients } from './idle.ts';
import { document, type Line, lineOf, type Measured, printed } from './report.ts';
import { type Workload, workloads } from './workloads.ts';

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '7' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    peers: { type: 'string', default: 'PgBouncer,Odyssey,pgagroal,straight' },
    'copy-mb': { type: 'string', default: '1000' },
    tree: { type: 'string', default: '.' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const QUICK = /^(SELECT, (simple|prepared), 32 clients|pipelines|logins, SCRAM, stored verifier)/;
const seconds = values.quick ? 2 : Number(values.seconds);
const rounds = values.quick ? 3 : Number(values.pairs);
const names = ['pgsluice', ...(values.quick ? ['PgBouncer'] : values.peers.split(','))] as Name[];

function need(name: string): string {
  const path = findTool(name);
  if (path !== null) return path;
  console.error(`${name}: not found on PATH`);
  process.exit(1);
}

const tools = { pgbench: need('pgbench'), psql: need('psql'), copyMegabytes: Number(values['copy-mb']) };
const server = await startEmbeddedPostgres({ settings: { max_connections: '600', shared_buffers: '128MB' } });
const { host, port, user, password } = server;
const postgres: Target = { host, port, user, password, database: 'postgres' };
const authority = await Authority.make();
const certificate = await authority.issue({ subject: 'CN=pooler', names: ['127.0.0.1'] });
// The peers run as somebody else when this runs as root.
if (process.getuid?.() === 0) chmodSync(certificate.keyFile, 0o644);

async function start(auth: Wishes['auth'], isEncrypted: boolean, who = names): Promise<Contender[]> {
  const [row] = await queryOn<{ secret: string }>(
    postgres,
    'SELECT rolpassword AS secret FROM pg_authid WHERE rolname = current_user',
  );
  const wishes: Wishes = {
    poolSize: 20,
    maxClients: 11_000,
    auth,
    verifier: row!.secret,
    certificate: isEncrypted ? certificate : null,
    tree: values.tree,
  };
  const started: Contender[] = [];
  for (const name of who) {
    // Straight to Postgres there is no encryption here, and no trust.
    if (name === 'straight' && (isEncrypted || auth === 'trust')) continue;
    const one = await STARTS[name](postgres, wishes);
    if (one !== null) started.push(one);
  }
  return started;
}

const sumOf = (all: readonly Cpu[]): Cpu => ({
  user: all.reduce((sum, { user }) => sum + user, 0),
  system: all.reduce((sum, { system }) => sum + system, 0),
});

async function measureOnce(workload: Workload, one: Contender): Promise<Measured> {
  const cpu = () => (one.pid === null ? null : sumOf([one.pid, ...(one.others ?? [])].map(cpuOf)));
  const before = cpu();
  const outcome = await workload.run(one, seconds);
  const after = cpu();
  const perUnit = (key: 'user' | 'system') =>
    before === null || after === null ? null : ((after[key] - before[key]) * 1e6) / outcome.count;
  return { ...outcome, rate: outcome.count / outcome.seconds, user: perUnit('user'), system: perUnit('system') };
}

/** Rounds of all contenders; who begins changes, so that a machine that slows down favours nobody. */
async function compare(workload: Workload): Promise<Line> {
  const contenders = await start(workload.auth, workload.isEncrypted === true, workload.who);
  const results = new Map<Name, Measured[]>(contenders.map(({ name }) => [name, []]));
  try {
    // Warm: code is compiled, pools are full. Who can't do it is left out, with a word.
    for (const one of contenders) {
      await workload.run(one, 1).catch((error: Error) => {
        console.error(`${workload.name}: ${one.name} is left out: ${error.message.slice(0, 300)}`);
        results.delete(one.name);
      });
    }
    const present = contenders.filter(({ name }) => results.has(name));
    const times = workload.isLong && !values.quick ? Math.min(rounds, 3) : rounds;
    for (let round = 0; round < times; round += 1) {
      const order = present.map((_, i) => present[(i + round) % present.length]!);
      for (const one of order) results.get(one.name)!.push(await measureOnce(workload, one));
    }
  } finally {
    for (const one of contenders) await one.stop();
  }
  return lineOf(workload, results);
}

function versionOf(command: string | null, ...args: string[]): string {
  if (command === null) return 'not there';
  const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return text.split('\n')[0]!;
}

try {
  execFileSync(tools.pgbench, ['-i', '-q', '-s', '10', '-h', host, '-p', String(port), '-U', user, 'postgres'], {
    env: { PATH: process.env.PATH, PGPASSWORD: password },
    stdio: 'ignore',
  });
  await queryOn(postgres, 'CREATE UNLOGGED TABLE copied (line text)');
  const chosen = workloads(tools).filter(({ name }) =>
    values.quick ? QUICK.test(name) : new RegExp(values.only).test(name),
  );
  const lines: Line[] = [];
  for (const workload of chosen) {
    const line = await compare(workload);
    lines.push(line);
    console.log(printed(line));
  }
  const isMemoryWanted = !values.quick && new RegExp(values.only).test('memory');
  const memory = isMemoryWanted ? await memoryOfIdleClients(() => start('trust', false), [1_000, 10_000]) : [];
  for (const { name, clients, bytes } of memory)
    console.log(`memory: ${name}, ${clients} idle clients: ${(bytes / 1024).toFixed(1)} kB each`);
  if (values.write) {
    const facts = [
      `${cpus().length} cores (${cpus()[0]?.model}), ${(totalmem() / 2 ** 30).toFixed(0)} GB; Postgres, load and pooler share them`,
      `Node ${process.version}; ${versionOf(tools.pgbench, '--version')}; PostgreSQL ${(await queryOn(postgres, 'SHOW server_version'))[0]?.server_version}`,
      `${versionOf(process.env.PGBOUNCER || findTool('pgbouncer'), '--version')}`,
      `${rounds} rounds of ${seconds} s each`,
    ];
    writeFileSync(new URL('../../docs/benchmarks.md', import.meta.url), document(facts, lines, memory));
  }
} finally {
  await server.stop();
}
