// One setting of the top level changed by hand, in a configuration that came from a file.

import type { Config } from './config.ts';
import { findContradictions } from './contradictions.ts';
import { formatProblems, ProblemList } from './problems.ts';
import { checkScope } from './schema.ts';
import { rowsOf, type Settings } from './settings-table.ts';
import { suggest } from './suggest.ts';
import { otherSetting } from './table/other.ts';
import type { MapNode } from './yaml.ts';

/** Nothing of it stands in a file. */
const NOWHERE: MapNode = { kind: 'map', entries: new Map(), place: { line: 0, column: 0 } };
const FROM = 'SET';

/** value: as in a file. A text: why it can't be. */
export function withSetting(config: Config, key: string, value: string): Config | string {
  const row = rowsOf.global.get(key);
  if (row === undefined) {
    const other = otherSetting(key, 'global');
    return `${key}: ${other === null ? `there is no such setting${suggestion(key)}` : other.why}`;
  }
  if (row.reload === 'restart') return `${key}: only a restart changes it`;
  if (key === 'auth_file') return `${key}: change the file of the configuration, and RELOAD`;
  const { values, faults } = checkScope('global', { [key]: value });
  if (faults[0] !== undefined) return `${key}: the value ${faults[0].reason}`;
  const settings = Object.freeze({ ...config.settings, ...values }) as Settings;
  const findings = { errors: new ProblemList(FROM), warnings: new ProblemList(FROM) };
  findContradictions({ ...config, root: NOWHERE, settings }, findings);
  if (findings.errors.length > 0) return formatProblems(findings.errors.sorted());
  return Object.freeze({ ...config, settings });
}

function suggestion(key: string): string {
  const near = suggest(key, rowsOf.global.keys());
  return near === null ? '' : `, is ${near} meant?`;
}
