// auth_hba_file and auth_ident_file as a configuration names them. A reload reads them again; with a problem nothing is changed.

import { dirname, resolve } from 'node:path';
import type { Hba } from './config.ts';
import { readTextFile } from './files.ts';
import { type ReadHbaFile, readHba } from './hba.ts';
import type { LineProblem } from './hba-lines.ts';
import { readIdent } from './ident.ts';
import { Fault } from './kinds.ts';
import type { ProblemList } from './problems.ts';
import { placeOf } from './read-entries.ts';
import type { Settings } from './settings-table.ts';
import type { MapNode } from './yaml.ts';

const MAX_BYTES = 8_388_608;

/** null: they are not used, or have problems, which were told. */
export function readHbaFiles(root: MapNode, settings: Settings, baseDir: string, errors: ProblemList): Hba | null {
  const { auth_type, auth_hba_file, auth_ident_file } = settings;
  if (auth_type !== 'hba' || auth_hba_file === '') return null;
  const problems: LineProblem[] = [];
  const rules = fileOf('auth_hba_file', auth_hba_file, (text, path) => readHba(text, path, readBeside, problems));
  const maps = fileOf('auth_ident_file', auth_ident_file, (text, path) => readIdent(text, path, problems));
  for (const { file, line, message } of problems) errors.add({ file, line, column: 1 }, 'auth_hba_file', message);
  return problems.length > 0 ? null : { rules, maps };

  function fileOf<T>(
    key: 'auth_hba_file' | 'auth_ident_file',
    name: string,
    read: (text: string, path: string) => T[],
  ): T[] {
    if (name === '') return [];
    const path = resolve(baseDir, name);
    const text = readTextFile(path, MAX_BYTES);
    if (!(text instanceof Fault)) return read(text, path);
    errors.add(placeOf(root, key), key, `the file ${text.reason}`);
    return [];
  }
}

const readBeside: ReadHbaFile = (name, from) => {
  const path = resolve(dirname(from), name);
  const text = readTextFile(path, MAX_BYTES);
  return text instanceof Fault ? `could not open "${path}": it ${text.reason}` : { path, text };
};
