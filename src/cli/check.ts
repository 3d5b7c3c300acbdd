// `pgsluice check FILE`: says everything that is wrong with a configuration, without starting anything.
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { TlsKeeper } from '../net/tls-keeper.ts';

/** What a line can be written to: process.stdout, or a collector. */
export interface Output {
  write(text: string): unknown;
}

/** Exit code: 0 when the file can be used, 1 when not. Warnings and problems go to `err`, the verdict to `out`. */
export function check(file: string, out: Output, err: Output): number {
  const result = loadConfig(file);
  if (!result.ok) {
    err.write(`${formatProblems(result.problems)}\n`);
    return 1;
  }
  const { config } = result;
  const tlsProblem = problemOfTls(config);
  if (tlsProblem !== null) {
    err.write(`${file}: ${tlsProblem}\n`);
    return 1;
  }
  for (const warning of config.warnings) err.write(`${formatProblems([warning])} (warning)\n`);
  out.write(`${file}: ok (${count(config.databases.size, 'database')}, ${count(config.users.size, 'user')})\n`);
  return 0;
}

/** Whether the certificates and keys can be used; null: they can. */
function problemOfTls(config: Config): string | null {
  try {
    new TlsKeeper({ onReload: () => {} }).use(config);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
