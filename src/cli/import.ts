// `pgsluice import FILE`: a pgbouncer.ini becomes a YAML file, and what can't be carried over is told.
import { writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { readTextFile } from '../config/files.ts';
import { MAX_INI_BYTES } from '../config/ini/read-ini.ts';
import { sayLeftOut, writeYaml } from '../config/ini/write-yaml.ts';
import { Fault } from '../config/kinds.ts';
import { parseIni } from '../config/load.ts';
import { formatProblems } from '../config/problems.ts';
import { packageVersion } from '../util/version.ts';
import type { Output } from './check.ts';

export interface ImportOptions {
  /** Null: standard output. */
  readonly output: string | null;
  /** Replace a file that is there. */
  readonly force: boolean;
  /** users: entries in place of a reference to auth_file. */
  readonly inlineUsers: boolean;
}

/** Exit code: 0 when everything that matters was carried over, 2 when the file is written without some of it, 1 when it is not written. */
export function importIni(file: string, options: ImportOptions, out: Output, err: Output): number {
  const text = readTextFile(file, MAX_INI_BYTES);
  if (text instanceof Fault) {
    err.write(`${file}: ${text.reason}\n`);
    return 1;
  }
  const { result, tree } = parseIni(text, file, dirname(resolve(file)), { forImport: true });
  if (!result.ok) {
    err.write(`${formatProblems(result.problems)}\n`);
    return 1;
  }
  const yaml = writeYaml(tree, {
    source: file,
    version: packageVersion(),
    ...(options.inlineUsers && { inlineSecrets: result.config.secrets }),
  });
  if (options.output === null) out.write(yaml);
  else {
    const fault = writeNew(options.output, yaml, options.force);
    if (fault !== null) {
      err.write(`${options.output}: ${fault}\n`);
      return 1;
    }
  }
  for (const warning of result.config.warnings) err.write(`${formatProblems([warning])} (warning)\n`);
  for (const item of tree.leftOut)
    err.write(`${item.matters ? 'not carried over' : 'left out'}: ${sayLeftOut(item)}\n`);
  return tree.leftOut.some(({ matters }) => matters) ? 2 : 0;
}

/** For its owner only: it may hold passwords. */
function writeNew(path: string, text: string, force: boolean): string | null {
  try {
    writeFileSync(path, text, { mode: 0o600, flag: force ? 'w' : 'wx' });
    return null;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code === 'EEXIST') return 'is there already; --force replaces it';
    return `cannot be written: ${code ?? 'unknown error'}`;
  }
}
