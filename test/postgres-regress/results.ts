// What pg_regress of PostgreSQL 15 prints, read: which tests passed, which did not, and how much of their output differed.

export type Outcome = 'passed' | 'failed' | 'missing';

export interface TestResult {
  readonly name: string;
  readonly outcome: Outcome;
  /** How psql ended where that was not well: "test process exited with exit code 2". */
  readonly ending: string;
  readonly milliseconds: number;
}

export interface Summary {
  readonly results: readonly TestResult[];
  readonly passed: number;
  readonly failed: readonly TestResult[];
}

// A test that runs alone is "test NAME", one of a parallel group is indented. What pg_regress ignores is a failure all the same.
const RESULT_LINE =
  /^(?:test| {4}) (\S+) +\.\.\. (ok|FAILED|failed \(ignored\)) *(?:\((test process .*)\))? +(\d+) ms$/;

/** The names in the order of a schedule file. */
export function readSchedule(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split('\n')) if (line.startsWith('test: ')) names.push(...line.slice(6).trim().split(/\s+/));
  return names;
}

/** One result for each expected name: a test without a line did not run, and that is no success. */
export function readResults(output: string, expected: readonly string[]): Summary {
  const found = new Map<string, TestResult>();
  for (const line of output.split('\n')) {
    const [, name, word, ending, milliseconds] = RESULT_LINE.exec(line.trimEnd()) ?? [];
    if (name === undefined) continue;
    const outcome = word === 'ok' && ending === undefined ? 'passed' : 'failed';
    found.set(name, { name, outcome, ending: ending ?? '', milliseconds: Number(milliseconds) });
  }
  const results = expected.map(
    (name) => found.get(name) ?? { name, outcome: 'missing' as const, ending: 'did not run', milliseconds: 0 },
  );
  const failed = results.filter((result) => result.outcome !== 'passed');
  return { results, passed: results.length - failed.length, failed };
}

/** Lines that are added or missing, by test, from regression.diffs. */
export function countDifferences(diffs: string): Map<string, number> {
  const counts = new Map<string, number>();
  let name = '';
  let isHeader = false;
  for (const line of diffs.split('\n')) {
    const started = /^diff .*\/results\/(\S+)\.out$/.exec(line);
    if (started) {
      name = started[1]!;
      isHeader = true;
      counts.set(name, 0);
    } else if (line.startsWith('@@ ')) {
      isHeader = false;
    } else if (!isHeader && name !== '' && /^[-+]/.test(line)) {
      counts.set(name, counts.get(name)! + 1);
    }
  }
  return counts;
}
