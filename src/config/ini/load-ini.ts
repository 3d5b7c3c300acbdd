// Reads a pgbouncer.ini as a configuration: the same settings, checks and contradictions as for a YAML file.
import type { ProblemList } from '../problems.ts';
import { type IniTree, treeOf } from './from-ini.ts';
import { readIni } from './read-ini.ts';

/** Whether the name says that the file is in PgBouncer's format. */
export function isIniFile(file: string): boolean {
  return file.toLowerCase().endsWith('.ini');
}

/** What the ini says as a tree; null when it can't be read as one (the problems say why). */
export function readIniTree(
  file: string,
  text: string,
  lists: { readonly errors: ProblemList; readonly warnings: ProblemList },
): IniTree {
  return treeOf(file, readIni(file, text, lists.errors), lists);
}

/** To run without what is left out would be something else than what the file asks for: that is an error, the rest a warning. */
export function tellLeftOut(
  { leftOut }: IniTree,
  lists: { readonly errors: ProblemList; readonly warnings: ProblemList },
): void {
  for (const { path, place, why, matters } of leftOut) {
    if (matters) lists.errors.add(place, path, why);
    else lists.warnings.add(place, path, place.line === 0 ? why : `has no effect: ${why}`);
  }
}
