// PgBouncer's own command line, so that pgsluice can take its place in a unit file or a script: pgbouncer [-dqv] [-u USER] FILE.
import { parseArgs } from 'node:util';

export interface PgbouncerLine {
  readonly file: string;
  readonly daemon: boolean;
  readonly quiet: boolean;
  /** How often -v was given. */
  readonly verbose: number;
  /** Null: not given. */
  readonly user: string | null;
}

export type LineResult =
  | { readonly ok: true; readonly line: PgbouncerLine }
  | { readonly ok: false; readonly message: string };

/** Verbs of pgsluice: a line that begins with one is not PgBouncer's. A file of such a name is written ./run. */
export const VERBS: readonly string[] = ['run', 'check', 'doctor', 'import', 'top', 'wait', 'demo'];
/** Asked of pgsluice, whoever asks. */
const QUESTIONS: readonly string[] = ['-h', '--help', '-V', '--version'];

/** `args` is what stands behind the command. */
export function isPgbouncerLine(args: readonly string[]): boolean {
  const first = args[0];
  return first !== undefined && !VERBS.includes(first) && !args.some((arg) => QUESTIONS.includes(arg));
}

export function readPgbouncerLine(args: readonly string[]): LineResult {
  if (args.some((arg) => arg === '-R' || arg === '--reboot'))
    return fail('-R does not exist, as in PgBouncer since 1.26: start a second process with so_reuseport');
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        daemon: { type: 'boolean', short: 'd', default: false },
        quiet: { type: 'boolean', short: 'q', default: false },
        verbose: { type: 'boolean', short: 'v', multiple: true, default: [] },
        user: { type: 'string', short: 'u' },
      },
    });
    const [file, ...more] = positionals;
    if (file === undefined) return fail('a configuration file is needed');
    if (more.length > 0) return fail(`'${file}' is no command of pgsluice, and only one file can be run`);
    const { daemon, quiet, verbose, user } = values;
    return { ok: true, line: { file, daemon, quiet, verbose: verbose.length, user: user ?? null } };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function fail(message: string): LineResult {
  return { ok: false, message };
}
