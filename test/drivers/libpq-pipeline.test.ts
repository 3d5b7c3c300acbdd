// libpq's own pipeline mode, by pgbench and by psql 18 where it is at hand.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { needTool, skipBecause } from '../support/tools.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 3 });
let dir: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-pipeline-'));
  await db.current.query('CREATE TABLE pipelined (client int, step int)');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(tool: string, args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { host, port, user, password, database } = pooler.current;
  const address = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
  return promisify(execFile)(tool, args, { env: { ...process.env, ...address }, encoding: 'utf8' });
}

/** A script in the test's folder. */
function script(name: string, lines: string[]): string {
  const file = join(dir, name);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

test("pgbench's pipelines run through three servers without an error, and every row is written once", async (context) => {
  const pgbench = needTool(context, 'pgbench');
  const file = script('pipeline.sql', [
    '\\startpipeline',
    'BEGIN;',
    'INSERT INTO pipelined VALUES (:client_id, 1);',
    'INSERT INTO pipelined VALUES (:client_id, 2);',
    'COMMIT;',
    'SELECT 1;',
    '\\endpipeline',
  ]);
  const { stdout, stderr } = await run(pgbench, ['-n', '-M', 'extended', '-c', '12', '-t', '60', '-f', file]);
  expect(stdout).toContain('number of transactions actually processed: 720/720');
  expect(stderr).not.toMatch(/error|FATAL/i);
  const [row] = await db.current.query<{ count: string }>('SELECT count(*) FROM pipelined');
  expect(Number(row?.count)).toBe(1440);
});

test("psql's pipelines get each result, and an error aborts up to the end of its pipeline only", async (context) => {
  const psql = needTool(context, 'psql');
  const { stdout: version } = await run(psql, ['--version']);
  if (Number(/(\d+)\./.exec(version)?.[1]) < 18) skipBecause(context, 'psql: older than 18, it has no \\startpipeline');
  const file = script('psql.sql', [
    '\\startpipeline',
    "SELECT 'first' \\bind \\sendpipeline",
    "SELECT $1 \\bind 'second' \\sendpipeline",
    '\\endpipeline',
    '\\startpipeline',
    'SELECT 1/0 \\bind \\sendpipeline',
    "SELECT 'skipped' \\bind \\sendpipeline",
    '\\endpipeline',
    "SELECT 'last';",
  ]);
  const { stdout, stderr } = await run(psql, ['-X', '-A', '-t', '-f', file]);
  expect(stdout.trim().split('\n')).toEqual(['first', 'second', 'last']);
  expect(stderr).toContain('division by zero');
});
