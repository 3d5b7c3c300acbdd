// psql through the pooler: scripts with transactions, \copy both ways, errors that go on, and the console.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { needTool } from '../support/tools.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgsluice-psql-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function psql(program: string, script: string, database = pooler.current.database): Promise<string> {
  const { host, port, user, password } = pooler.current;
  const args = ['-X', '-A', '-t', '-q', '-h', host, '-p', String(port), '-U', user, '-d', database];
  const child = spawn(program, args, { env: { ...process.env, PGPASSWORD: password } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  child.stdin.end(script);
  await new Promise((resolve) => child.on('close', resolve));
  return output;
}

test('a script with transactions, savepoints and errors does what it does in Postgres', async (context) => {
  const program = needTool(context, 'psql');
  const output = await psql(
    program,
    `CREATE TABLE t (n int PRIMARY KEY);
     BEGIN; INSERT INTO t VALUES (1); COMMIT;
     BEGIN; INSERT INTO t VALUES (2); ROLLBACK;
     BEGIN; INSERT INTO t VALUES (3); SAVEPOINT s; INSERT INTO t VALUES (3); ROLLBACK TO s; INSERT INTO t VALUES (4); COMMIT;
     BEGIN; SELECT 1/0; SELECT 'not reached'; COMMIT;
     \\set FETCH_COUNT 2
     SELECT n FROM t ORDER BY n;
     SELECT $1 || $2 \\bind a b \\g
     SELECT 'x' \\gexec`,
  );
  expect(output.match(/^\d+$/gm)).toEqual(['1', '3', '4']);
  expect(output).toContain('duplicate key value');
  expect(output).toContain('division by zero');
  expect(output).toContain('current transaction is aborted');
});

test('\\copy brings a file in and out again, unchanged', async (context) => {
  const program = needTool(context, 'psql');
  const [from, to] = [join(folder, 'from.csv'), join(folder, 'to.csv')];
  const lines = Array.from({ length: 20_000 }, (_, i) => `${i},"line ${i}, ""quoted"" ünï"`);
  writeFileSync(from, `${lines.join('\n')}\n`);
  const output = await psql(
    program,
    `CREATE TABLE copied (n int, s text);
     \\copy copied FROM '${from}' CSV
     \\copy (SELECT n, s FROM copied ORDER BY n) TO '${to}' CSV FORCE QUOTE s
     \\copy copied FROM '${to}' WITH (FORMAT binary)
     SELECT count(*) FROM copied`,
  );
  expect(readFileSync(to, 'utf8')).toBe(readFileSync(from, 'utf8'));
  expect(output).toContain('COPY file signature not recognized');
  expect(output).toContain('20000');
});

test('the console answers psql', async (context) => {
  const program = needTool(context, 'psql');
  const output = await psql(program, 'SHOW VERSION; SHOW POOLS;\nNONSENSE;\nRECONNECT;', 'pgsluice');
  expect(output).toContain('pgsluice');
  expect(output).toContain(pooler.current.database);
  expect(output).toContain('invalid command');
});
