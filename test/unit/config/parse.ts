// Shortcuts of the configuration tests: parse a text that must be right, or one that must not.
import { expect } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { type ParseOptions, parseConfig } from '../../../src/config/load.ts';
import { formatProblems } from '../../../src/config/problems.ts';

/** A database and a user, so that a test says only what it is about. */
export const base = `
databases: { app: { host: db } }
users: { app: { password: pw } }
`;

/** The configuration of a text that must be usable. */
export function good(text: string, options: ParseOptions = {}): Config {
  const result = parseConfig(text, { env: {}, ...options });
  if (!result.ok) expect.fail(formatProblems(result.problems));
  return result.config;
}

/** The problems of a text that must not be usable, as `check` prints them. */
export function bad(text: string, options: ParseOptions = {}): string[] {
  const result = parseConfig(text, { file: 'f.yaml', env: {}, ...options });
  if (result.ok) expect.fail('the text was accepted');
  return formatProblems(result.problems).split('\n');
}

/** The warnings of a text that must be usable. */
export function warningsOf(text: string, options: ParseOptions = {}): string[] {
  const { warnings } = good(text, { file: 'f.yaml', ...options });
  return warnings.length === 0 ? [] : formatProblems(warnings).split('\n');
}
