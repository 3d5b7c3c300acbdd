// Ends a CI run: a table of steps and suites from vitest's JSON reports, then the line "N passed, N failed, N skipped".
// Arguments: the folder with the reports, then each step as NAME=EXITCODE. CI_REQUIRE=name,... turns skips into failures: a name is a
// suite, or what a skip's reason names before its colon (psql, pgbench), or "all".
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [reportDir, ...steps] = process.argv.slice(2);
const required = new Set((process.env.CI_REQUIRE ?? '').split(',').filter(Boolean));
const suitesOnDisk = readdirSync(join(root, 'test')).filter(
  (name) => name !== 'support' && hasTests(join(root, 'test', name)),
);
// The session matrix is long: older majors play it with test:matrix --all.
const suitesWithPostgres = suitesOnDisk.filter((name) =>
  ['integration', 'transparency', 'drivers', 'regress'].includes(name),
);
const expected = {
  'postgres-18': suitesOnDisk.filter((name) => name !== 'workers'),
  workers: ['workers'],
  'postgres-15': suitesWithPostgres,
  'postgres-16': suitesWithPostgres,
  'postgres-17': suitesWithPostgres,
};

const rows = steps.map((step) => {
  const [name, code] = step.split('=');
  const passed = code === '0';
  return row(name, { passed: passed ? 1 : 0, failed: passed ? 0 : 1, why: passed ? [] : [`exit code ${code}`] });
});
for (const [report, suites] of Object.entries(expected)) rows.push(...readReport(report, suites));

print(rows);
const total = (key) => rows.reduce((sum, one) => sum + one[key], 0);
console.log(`${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
process.exitCode = total('failed') > 0 ? 1 : 0;

function row(name, values) {
  return { name, passed: 0, failed: 0, skipped: 0, why: [], ...values };
}

function hasTests(dir) {
  // What has packages of its own (test/orm) is no suite of this run.
  if (!existsSync(dir) || existsSync(join(dir, 'package.json'))) return false;
  return readdirSync(dir, { recursive: true }).some((file) => String(file).endsWith('.test.ts'));
}

function readReport(report, suites) {
  const file = join(reportDir, `${report}.json`);
  const label = (suite) => (suitesWithPostgres.includes(suite) ? `${suite} (${report})` : suite);
  if (!existsSync(file))
    return suites.map((suite) => row(label(suite), { failed: 1, why: ['did not run: no report'] }));
  const results = JSON.parse(readFileSync(file, 'utf8')).testResults;
  return suites.map((suite) => {
    const one = row(label(suite), {});
    for (const result of results) {
      if (relative(root, result.name).split(sep)[1] === suite) countFile(one, suite, result);
    }
    if (one.passed + one.failed === 0) {
      one.failed++;
      one.why.push('ran no test');
    }
    return one;
  });
}

function countFile(one, suite, result) {
  // A file that did not even load has no tests to count.
  if (result.status === 'failed' && !result.assertionResults.some((test) => test.status === 'failed')) {
    one.failed++;
    one.why.push(`${basename(result.name)}: ${firstLine(result.message)}`);
  }
  for (const test of result.assertionResults) {
    if (test.status === 'passed') one.passed++;
    else if (test.status === 'failed') one.failed++;
    else countSkip(one, suite, test);
  }
}

function countSkip(one, suite, test) {
  const reason = test.meta?.skipReason ?? 'no reason given';
  const isRequired = [suite, 'all', reason.split(':')[0]].some((name) => required.has(name));
  if (isRequired) one.failed++;
  else one.skipped++;
  const text = isRequired ? `required, but skipped: ${reason}` : reason;
  if (!one.why.includes(text)) one.why.push(text);
}

function firstLine(text) {
  return String(text).split('\n')[0].slice(0, 120);
}

function print(all) {
  const width = Math.max(...all.map((one) => one.name.length));
  console.log(`\n${'suite'.padEnd(width)}  passed  failed  skipped  why`);
  for (const { name, passed, failed, skipped, why } of all) {
    const numbers = [String(passed).padStart(6), String(failed).padStart(6), String(skipped).padStart(7)];
    console.log(`${name.padEnd(width)}  ${numbers.join('  ')}  ${why.join('; ')}`.trimEnd());
  }
  console.log('');
}
