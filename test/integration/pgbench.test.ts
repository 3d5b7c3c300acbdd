// pgbench, as the outside judge of a busy pool: no error, no money lost, and never more servers than allowed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { needTool } from '../support/tools.ts';
import { connectAndLogin } from '../support/wire.ts';

const db = useDatabase();
const POOL_SIZE = 5;
/** PGBENCH_SECONDS for a longer run. */
const SECONDS = Number(process.env.PGBENCH_SECONDS ?? 3);
const pooler = usePooler(db, { default_pool_size: POOL_SIZE });

async function pgbench(program: string, ...args: string[]): Promise<string> {
  const { host, port, user, password, database } = pooler.current;
  const env = { ...process.env, PGPASSWORD: password };
  const where = ['-h', host, '-p', String(port), '-U', user];
  const { stdout, stderr } = await promisify(execFile)(program, [...args, ...where, database], { env });
  return stdout + stderr;
}

/** How many connections of the pool Postgres had at most, looked at all the time. */
function sampleConnections(): { stop(): Promise<number> } {
  let isOver = false;
  const sampling = (async () => {
    // One connection for all looks: that of the last look would still be there when the next one counts.
    const observer = await connectAndLogin(db.current.port, db.current);
    let most = 0;
    while (!isOver) {
      const [row] = await observer.rows(
        `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
          AND pid <> pg_backend_pid()`,
      );
      most = Math.max(most, Number(row![0]));
    }
    await observer.end();
    return most;
  })();
  return {
    stop: () => {
      isOver = true;
      return sampling;
    },
  };
}

test.for([
  ['TPC-B', 'simple', []],
  ['TPC-B', 'extended', []],
  ['select only', 'simple', ['-S']],
  ['select only', 'extended', ['-S']],
] as const)('%s by 50 clients over a pool of 5, -M %s', async ([script, mode, flags], context) => {
  const program = needTool(context, 'pgbench');
  await pgbench(program, '-i', '-q', '-s', '2');
  const sampler = sampleConnections();
  const args = ['-n', '-c', '50', '-j', '2', '-T', String(SECONDS), '-M', mode, ...flags];
  const output = await pgbench(program, ...args).finally(sampler.stop);
  const most = await sampler.stop();
  expect(output).toMatch(/number of failed transactions: 0 /);
  expect(output).not.toMatch(/aborted|error|FATAL/i);
  const done = Number(/actually processed: (\d+)/.exec(output)?.[1]);
  expect(done).toBeGreaterThan(100);
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(POOL_SIZE);
  const [sums] = await db.current.query(`SELECT
    (SELECT sum(bbalance) FROM pgbench_branches)::int AS branches, (SELECT sum(tbalance) FROM pgbench_tellers)::int AS tellers,
    (SELECT sum(abalance) FROM pgbench_accounts)::int AS accounts, (SELECT coalesce(sum(delta), 0) FROM pgbench_history)::int AS history,
    (SELECT count(*)::int FROM pgbench_history) AS transactions`);
  const { branches, tellers, accounts, history, transactions } = sums as Record<string, number>;
  expect([tellers, accounts, history]).toEqual([branches, branches, branches]);
  expect(transactions).toBe(script === 'TPC-B' ? done : 0);
});
