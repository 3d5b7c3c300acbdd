// npm run test:matrix: the suites that need a real Postgres, once per older major version. Arguments: majors (default all
// of them), and --all for everything: what takes long and hardly depends on the version is left out otherwise.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchMajor, versions } from './postgres-majors.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const suites = ['integration', 'transparency', 'drivers', 'regress', 'session'].filter((suite) => {
  const dir = join(root, 'test', suite);
  return existsSync(dir) && readdirSync(dir, { recursive: true }).some((file) => file.endsWith('.test.ts'));
});
const LONG = [
  'test/drivers/{pg,postgres-js}.test.ts',
  'test/integration/{calm,embedded-postgres,fairness,incident,wire-large}.test.ts',
  'test/integration/{advice,auth-query,guessing,libpq,login-storm,picture,rotation,wait}.test.ts',
  'test/integration/doctor/{certificates,planted,sound}.test.ts',
  'test/integration/{console-compare,exporter,http-access,http-api,http-events,pgbouncer-*,prometheus,top,traces}.test.ts',
  'test/integration/settings/**',
  'test/regress/backpressure.test.ts',
  'test/session/**',
  'test/transparency/faults.test.ts',
];
const isAll = process.argv.includes('--all');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--all');
const majors = wanted.length > 0 ? wanted : Object.keys(versions);
const reports = process.env.PGSLUICE_REPORTS;
if (reports) mkdirSync(reports, { recursive: true });
let failed = false;

for (const major of majors) {
  if (!(major in versions)) {
    console.error(`no PostgreSQL ${major} here; there are ${Object.keys(versions).join(', ')}`);
    process.exit(2);
  }
  console.log(`\n== PostgreSQL ${major}: ${suites.join(', ')}`);
  fetchMajor(Number(major));
  const env = { ...process.env, PGSLUICE_TEST_PG: major };
  if (isAll) env.SESSION_MATRIX = 'all';
  if (reports) env.PGSLUICE_REPORT = join(reports, `postgres-${major}.json`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const args = [vitest, 'run', ...suites.flatMap((suite) => ['--project', suite])];
  if (!isAll) args.push(...LONG.flatMap((pattern) => ['--exclude', pattern]));
  const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  if (status !== 0) failed = true;
}
process.exitCode = failed ? 1 : 0;
