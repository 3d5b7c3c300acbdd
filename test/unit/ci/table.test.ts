// The table at the end of a CI run: nothing that failed, was required or did not run may look like success.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-table-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

interface FakeTest {
  status: 'passed' | 'failed' | 'skipped';
  meta?: { skipReason?: string };
}

function report(name: string, suite: string, tests: FakeTest[], status = 'passed', message = ''): void {
  const file = { name: resolve('test', suite, 'made-up.test.ts'), status, message, assertionResults: tests };
  writeFileSync(join(dir, `${name}.json`), JSON.stringify({ testResults: [file] }));
}

function table(steps: string[], required = '') {
  const env = { ...process.env, CI_REQUIRE: required };
  const { status, stdout } = spawnSync(process.execPath, ['.ci/table.mjs', dir, ...steps], { env, encoding: 'utf8' });
  const lines = stdout.trimEnd().split('\n');
  return { status, last: lines.at(-1), line: (start: string) => lines.find((line) => line.startsWith(start)) ?? '' };
}

test('a suite shows its counts, and the last line has the sums', () => {
  report('postgres-18', 'unit', [{ status: 'passed' }, { status: 'passed' }, { status: 'skipped' }]);
  const { line, last } = table(['npm ci=0']);
  expect(line('npm ci')).toMatch(/^npm ci\s+1\s+0\s+0$/);
  expect(line('unit')).toMatch(/^unit\s+2\s+0\s+1\s+no reason given$/);
  expect(last).toMatch(/^3 passed, \d+ failed, 1 skipped$/);
});

test('a suite without a report, or without a test that ran, has failed', () => {
  report('postgres-18', 'unit', [{ status: 'skipped', meta: { skipReason: 'psql: not found on PATH' } }]);
  const { status, line } = table([]);
  expect(line('unit')).toMatch(/^unit\s+0\s+1\s+1\s+psql: not found on PATH; ran no test$/);
  expect(line('integration (postgres-15)')).toMatch(/0\s+1\s+0\s+did not run: no report$/);
  expect(status).toBe(1);
});

test('CI_REQUIRE turns a skip into a failure, by suite and by tool', () => {
  report('postgres-18', 'unit', [
    { status: 'passed' },
    { status: 'skipped', meta: { skipReason: 'psql: not found on PATH' } },
  ]);
  for (const required of ['unit', 'pgbench,psql', 'all']) {
    expect(table([], required).line('unit')).toMatch(/^unit\s+1\s+1\s+0\s+required, but skipped: psql/);
  }
  expect(table([], 'pgbench').line('unit')).toMatch(/^unit\s+1\s+0\s+1\s/);
});

test('a file that does not load counts as a failure with its first line', () => {
  report('postgres-18', 'unit', [], 'failed', 'no such module\n  at somewhere');
  expect(table([]).line('unit')).toMatch(/made-up\.test\.ts: no such module/);
});

test('a failed step is a failure', () => {
  report('postgres-18', 'unit', [{ status: 'passed' }]);
  expect(table(['npm run lint=1']).line('npm run lint')).toMatch(/\s0\s+1\s+0\s+exit code 1$/);
});
