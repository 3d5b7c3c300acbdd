// The test suites, one vitest project each; those that need a real Postgres share one.
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

interface SuiteOptions {
  postgres?: boolean;
  testTimeout?: number;
  /** Suites of one order run together, lower orders first. */
  order?: number;
  /** One file at a time, and no other suite beside it: what is measured is a share of the machine. */
  alone?: boolean;
  /** Its tests wait more than they work. */
  isPatient?: boolean;
}

function suite(name: string, options: SuiteOptions = {}): TestProjectInlineConfiguration {
  const { postgres = false, testTimeout = 10_000, order = 0, alone = false, isPatient = false } = options;
  return {
    extends: true,
    test: {
      name,
      setupFiles: ['test/support/poison-reads.ts'],
      include: [`test/${name}/**/*.test.ts`],
      globalSetup: postgres ? ['test/support/postgres-setup.ts'] : [],
      testTimeout,
      hookTimeout: 60_000,
      sequence: { groupOrder: order },
      ...(alone ? { maxWorkers: 1 } : isPatient ? { maxWorkers: 3 } : {}),
    },
  };
}

// Set by the CI run: where to leave the results as JSON.
const report = process.env.PGSLUICE_REPORT;

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    passWithNoTests: false,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    projects: [
      suite('unit'),
      suite('property', { testTimeout: 60_000 }),
      suite('script'),
      suite('integration', { postgres: true, testTimeout: 30_000, order: 1, isPatient: true }),
      suite('drivers', { postgres: true, testTimeout: 60_000, order: 1, isPatient: true }),
      suite('transparency', { postgres: true, testTimeout: 60_000, order: 1, isPatient: true }),
      suite('regress', { postgres: true, testTimeout: 30_000, order: 1, isPatient: true }),
      suite('session', { postgres: true, testTimeout: 30_000, order: 1, isPatient: true }),
      suite('workers', { postgres: true, testTimeout: 60_000, order: 1, isPatient: true }),
      suite('browser', { postgres: true, testTimeout: 60_000, order: 4, alone: true }),
      suite('chaos', { testTimeout: 120_000 }),
      suite('packaging', { testTimeout: 120_000 }),
      suite('life', { testTimeout: 120_000, order: 4, alone: true }),
      suite('containers', { testTimeout: 120_000, order: 2, alone: true }),
      suite('incident', { testTimeout: 120_000, order: 3, alone: true }),
    ],
  },
});
