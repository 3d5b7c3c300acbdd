// What pg_regress prints: each expected test is counted once, and only an "ok" counts as passed.
import { expect, test } from 'vitest';
import { countDifferences, readResults, readSchedule } from '../../postgres-regress/results.ts';

const OUTPUT = `(using postmaster on 127.0.0.1, port 5432)
============== dropping database "regression"         ==============
============== running regression test queries        ==============
test test_setup                   ... ok          324 ms
parallel group (4 tests):  char int2 a_name_that_is_longer_than_the_column bit
     char                         ... ok           57 ms
     int2                         ... FAILED     1081 ms
     a_name_that_is_longer_than_the_column ... ok          9 ms
     bit                          ... failed (ignored)       81 ms
test tablespace                   ... FAILED (test process exited with exit code 2)     8120 ms
test vacuum                       ... ok     (test process was terminated by signal 9: Killed)      12 ms

======================================================
 3 of 6 tests failed, 1 of these failures ignored.
======================================================
`;
const NAMES = ['test_setup', 'char', 'int2', 'a_name_that_is_longer_than_the_column', 'bit', 'tablespace', 'vacuum'];

test('tests that run alone and tests of a group are read alike', () => {
  const { passed, results } = readResults(OUTPUT, NAMES);
  expect(passed).toBe(3);
  expect(results.map((result) => result.name)).toEqual(NAMES);
  expect(results[0]).toEqual({ name: 'test_setup', outcome: 'passed', ending: '', milliseconds: 324 });
});

test('what pg_regress ignores, and a psql that did not end well, are failures', () => {
  const { failed } = readResults(OUTPUT, NAMES);
  expect(failed.map((result) => result.name)).toEqual(['int2', 'bit', 'tablespace', 'vacuum']);
  expect(failed[2]?.ending).toBe('test process exited with exit code 2');
  expect(failed[3]?.ending).toBe('test process was terminated by signal 9: Killed');
});

test('a test of the schedule without a result is missing', () => {
  const { failed, passed } = readResults('psql: error: connection refused\n', ['char']);
  expect(passed).toBe(0);
  expect(failed).toEqual([{ name: 'char', outcome: 'missing', ending: 'did not run', milliseconds: 0 }]);
});

test('the list of names that a group begins with is no result', () => {
  expect(readResults('parallel group (2 tests):  ok char ... ok', ['char', 'ok']).passed).toBe(0);
});

test('a schedule has a name per test, in order, without its comments', () => {
  const text = '# test: not_this\ntest: test_setup\n\ntest: boolean char\t name\n# done\ntest: fast_default\n';
  expect(readSchedule(text)).toEqual(['test_setup', 'boolean', 'char', 'name', 'fast_default']);
});

test('differences are counted by test, without the heads of the files', () => {
  const diffs = `diff -U3 /suite/expected/temp.out /out/results/temp.out
--- /suite/expected/temp.out\t2026-01-01 00:00:00.000000000 +0000
+++ /out/results/temp.out\t2026-01-01 00:00:00.000000000 +0000
@@ -1,3 +1,4 @@
 kept
-gone
+came
+--- came too
diff -U3 /suite/expected/guc_1.out /out/results/guc.out
--- /suite/expected/guc_1.out\t2026-01-01 00:00:00.000000000 +0000
+++ /out/results/guc.out\t2026-01-01 00:00:00.000000000 +0000
@@ -9 +9 @@
-gone
`;
  expect([...countDifferences(diffs)]).toEqual([
    ['temp', 3],
    ['guc', 1],
  ]);
});
