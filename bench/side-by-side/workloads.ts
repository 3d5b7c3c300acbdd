// What is measured: each workload runs once against one contender and says how much was done, in which time.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as build from '../../test/support/wire-messages.ts';
import type { Contender, Name, Wishes } from './contenders.ts';

export interface Outcome {
  /** Transactions, logins or megabytes. */
  readonly count: number;
  readonly seconds: number;
  /** Milliseconds, where each transaction was timed. */
  readonly latency?: { readonly p50: number; readonly p99: number };
}

export interface Workload {
  readonly name: string;
  readonly unit: 'transactions' | 'logins' | 'MB';
  readonly auth: Wishes['auth'];
  readonly isEncrypted?: true;
  /** Not those of the command line. */
  readonly who?: Name[];
  /** Not so many rounds: a run is long. */
  readonly isLong?: true;
  run(contender: Contender, seconds: number): Promise<Outcome>;
}

interface Tools {
  readonly pgbench: string;
  readonly psql: string;
  readonly copyMegabytes: number;
}

const PIPELINE = `\\set aid random(1, 1000000)
\\startpipeline
${'SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n'.repeat(10)}\\endpipeline
`;
/** libpq takes what is in the environment; a service of the machine must not decide what is measured. */
const environment = ({ password }: Contender, isEncrypted: boolean) => ({
  PATH: process.env.PATH,
  PGPASSWORD: password,
  PGSSLMODE: isEncrypted ? 'require' : 'disable',
});
const where = ({ host, port, user }: Contender) => ['-h', host, '-p', String(port), '-U', user];

export function workloads({ pgbench, psql, copyMegabytes }: Tools): Workload[] {
  const bench = async (one: Contender, seconds: number, flags: readonly string[], isEncrypted = false) => {
    const dir = mkdtempSync(join(tmpdir(), 'pgsluice-bench-'));
    try {
      const { stdout } = await promisify(execFile)(
        pgbench,
        ['-n', '-T', String(seconds), ...flags, ...where(one), one.database],
        { env: environment(one, isEncrypted), cwd: dir, maxBuffer: 2 ** 26 },
      );
      const count = Number(/actually processed: (\d+)/.exec(stdout)?.[1] ?? 0);
      const failed = Number(/number of failed transactions: (\d+)/.exec(stdout)?.[1] ?? 0);
      if (count === 0 || failed > 0) throw new Error(`${one.name}: ${count} transactions, ${failed} failed\n${stdout}`);
      return { count, seconds, ...latencyIn(dir) };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  };
  const select = (name: string, clients: number, mode: string): Workload => ({
    name,
    unit: 'transactions',
    // 500 proofs take longer than a round: pgbench makes its own half of each.
    auth: clients > 100 ? 'trust' : 'plain',
    run: (one, seconds) => bench(one, seconds, ['-S', '-M', mode, '-c', String(clients), '-j', '2']),
  });
  const logins = (name: string, auth: Wishes['auth'], isEncrypted = false): Workload => ({
    name,
    unit: 'logins',
    auth,
    ...(isEncrypted && { isEncrypted }),
    // A thread for each client: pgbench waits for a connection, and its other clients on that thread with it.
    run: (one, seconds) => bench(one, seconds, ['-S', '-C', '-c', '8', '-j', '8'], isEncrypted),
  });
  const copy = (name: string, sql: string, input: string | null): Workload => ({
    name,
    unit: 'MB',
    auth: 'plain',
    isLong: true,
    run: async (one) => {
      const command = [psql, '-Xqc', `"${sql}"`, ...where(one), one.database].join(' ');
      const feed = input === null ? '' : `yes "${input}" | head -c ${copyMegabytes * 1_000_000} | `;
      const started = performance.now();
      await promisify(execFile)('sh', ['-c', `${feed}${command} > /dev/null`], { env: environment(one, false) });
      return { count: copyMegabytes, seconds: (performance.now() - started) / 1000 };
    },
  });
  const row = 'x'.repeat(99);
  const rows = copyMegabytes * 10_000;
  const withTwo = (workload: Workload): Workload => ({
    ...workload,
    name: `two workers: ${workload.name}`,
    who: ['pgsluice x2', 'pgsluice', 'PgBouncer x2', 'PgBouncer'],
  });
  return [
    select('SELECT, simple, 32 clients', 32, 'simple'),
    select('SELECT, extended, 32 clients', 32, 'extended'),
    select('SELECT, prepared, 32 clients', 32, 'prepared'),
    select('SELECT, simple, 1 client', 1, 'simple'),
    select('SELECT, simple, 500 clients', 500, 'simple'),
    {
      name: 'pipelines of 10 SELECTs, prepared, 32 clients',
      unit: 'transactions',
      auth: 'plain',
      run: (one, seconds) => {
        const dir = mkdtempSync(join(tmpdir(), 'pgsluice-pipeline-'));
        const file = join(dir, 'pipeline.sql');
        writeFileSync(file, PIPELINE);
        return bench(one, seconds, ['-f', file, '-M', 'prepared', '-c', '32', '-j', '2']).finally(() =>
          rmSync(dir, { recursive: true }),
        );
      },
    },
    {
      name: 'TPC-B, simple, 32 clients',
      unit: 'transactions',
      auth: 'plain',
      run: (one, seconds) => bench(one, seconds, ['-M', 'simple', '-c', '32', '-j', '2']),
    },
    {
      name: 'SELECT over TLS, simple, 32 clients',
      unit: 'transactions',
      auth: 'plain',
      isEncrypted: true,
      run: (one, seconds) => bench(one, seconds, ['-S', '-M', 'simple', '-c', '32', '-j', '2'], true),
    },
    withTwo(select('SELECT, simple, 32 clients', 32, 'simple')),
    withTwo(select('SELECT, prepared, 32 clients', 32, 'prepared')),
    withTwo(select('SELECT, simple, 500 clients', 500, 'simple')),
    withTwo(logins('logins, SCRAM, stored verifier', 'verifier')),
    copy(`COPY out of ${copyMegabytes} MB`, `COPY (SELECT '${row}' FROM generate_series(1, ${rows})) TO STDOUT`, null),
    copy(`COPY in of ${copyMegabytes} MB`, 'TRUNCATE copied; COPY copied FROM STDIN', row),
    logins('logins, trust', 'trust'),
    logins('logins, SCRAM, stored verifier', 'verifier'),
    logins('logins, SCRAM, stored password', 'plain'),
    logins('logins over TLS, SCRAM, stored verifier', 'verifier', true),
    {
      name: 'latency of one client',
      unit: 'transactions',
      auth: 'plain',
      run: (one, seconds) => bench(one, seconds, ['-S', '-M', 'simple', '-c', '1', '-l']),
    },
    {
      name: '2,000 transactions a second while 1,000 clients connect',
      unit: 'transactions',
      auth: 'trust',
      run: async (one, seconds) => {
        const steady = bench(one, Math.max(seconds, 4), ['-S', '-c', '20', '-j', '2', '-R', '2000', '-l']);
        await new Promise((done) => setTimeout(done, 1_000));
        const sockets = Array.from({ length: 1_000 }, () => connect({ host: one.host, port: one.port }));
        for (const socket of sockets) {
          socket.on('error', () => {});
          socket.write(build.startup({ user: one.user, database: one.database }));
        }
        const outcome = await steady;
        for (const socket of sockets) socket.destroy();
        return outcome;
      },
    },
  ];
}

/** Percentiles of what pgbench -l has written, if it has. */
function latencyIn(dir: string): Pick<Outcome, 'latency'> {
  const micros: number[] = [];
  for (const name of readdirSync(dir)) {
    for (const line of readFileSync(join(dir, name), 'utf8').split('\n')) {
      const value = Number(line.split(' ')[2]);
      if (value > 0) micros.push(value);
    }
  }
  if (micros.length === 0) return {};
  micros.sort((a, b) => a - b);
  const at = (share: number) => micros[Math.min(micros.length - 1, Math.floor(micros.length * share))]! / 1000;
  return { latency: { p50: at(0.5), p99: at(0.99) } };
}
