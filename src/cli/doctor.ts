// `pgsluice doctor --config FILE`: holds a configuration against the live Postgres, the machine and the application.
import { runPasswordCommand } from '../auth/password-command.ts';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { passwordSourcesOf, withPasswords } from '../config/passwords.ts';
import { formatProblems } from '../config/problems.ts';
import type { Told } from '../doctor/facts.ts';
import { exitCodeOf } from '../doctor/finding.ts';
import { type GatherOptions, gatherFacts } from '../doctor/gather/gather.ts';
import { reportJson, reportText } from '../doctor/report.ts';
import { findingsOf } from '../doctor/rules/all.ts';
import type { Output } from './check.ts';

export interface DoctorOptions extends Told, GatherOptions {
  readonly json: boolean;
}

/** Exit code: 0 when there is nothing worse than a note, 2 after a warning, 3 after an error, 1 when the file can't be used. */
export async function doctor(file: string, options: DoctorOptions, out: Output, err: Output): Promise<number> {
  const result = loadConfig(file);
  if (!result.ok) {
    err.write(`${formatProblems(result.problems)}\n`);
    return 1;
  }
  for (const warning of result.config.warnings) err.write(`${formatProblems([warning])} (warning)\n`);
  const config = await askCommands(result.config, err);
  const findings = findingsOf(await gatherFacts(config, options, options));
  out.write((options.json ? reportJson : reportText)(file, findings));
  return exitCodeOf(findings);
}

/** What password_command gives: files and environment were read with the configuration. */
async function askCommands(config: Config, err: Output): Promise<Config> {
  const given = new Map<string, string>();
  for (const { source } of passwordSourcesOf(config)) {
    if (source.kind !== 'command' || given.has(source.argv.join('\0'))) continue;
    const result = await runPasswordCommand(source.argv, config.settings.password_command_timeout);
    if (result.ok) given.set(source.argv.join('\0'), result.secret);
    else err.write(`password_command ${source.argv[0]}: ${result.problem}\n`);
  }
  return withPasswords(config, (source) =>
    source.kind === 'command' ? (given.get(source.argv.join('\0')) ?? null) : null,
  );
}
