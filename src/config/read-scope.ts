// Turns one map of the file (the top level, a database, a user) into checked values, and says what is wrong with each key.
import { type ProblemList, printable } from './problems.ts';
import { checkScope } from './schema.ts';
import { rowsOf } from './settings-table.ts';
import { suggest } from './suggest.ts';
import { type OtherSetting, otherSetting } from './table/other.ts';
import type { Scope, SettingRow, SettingValue } from './table/row.ts';
import type { MapEntry, MapNode, Node } from './yaml.ts';

/** Errors make the file unusable; warnings are told and go with the configuration. */
export interface Findings {
  readonly errors: ProblemList;
  readonly warnings: ProblemList;
}

/** Top-level keys that are maps of entries. */
export const SECTIONS: readonly string[] = ['databases', 'users', 'peers'];

/** The values of `map` that are right. `prefix` is the path of the map with a dot at its end, or empty. */
export function readScope(
  map: MapNode,
  scope: Scope,
  prefix: string,
  findings: Findings,
): Readonly<Record<string, SettingValue>> {
  const raw: Record<string, string | readonly string[]> = {};
  for (const [key, entry] of map.entries) {
    if (scope === 'global' && SECTIONS.includes(key)) continue;
    const row = rowsOf[scope].get(key);
    if (row) {
      const value = rawValue(row, entry, `${prefix}${key}`, findings);
      if (value !== null) raw[key] = value;
    } else {
      tellUnknown(key, entry, scope, prefix, findings);
    }
  }
  const { values, faults } = checkScope(scope, raw);
  for (const { key, reason } of faults) {
    const entry = map.entries.get(key);
    if (entry)
      findings.errors.add(entry.value.place, `${prefix}${key}`, sentence(rowsOf[scope].get(key), entry, reason));
  }
  return values;
}

/** The value as text or texts; null when it has the wrong shape or nothing is written (then the default holds). */
function rawValue(row: SettingRow, entry: MapEntry, path: string, { errors, warnings }: Findings) {
  const { value, keyPlace } = entry;
  if (value.kind === 'scalar') {
    if (value.faulty) return null;
    if (!value.empty) return value.text;
    // An empty secret is a mistake of whatever wrote the file, and not a wish for none.
    if (row.kind === 'secret') errors.add(keyPlace, path, 'has no value');
    else warnings.add(keyPlace, path, 'has no value, so the default holds; an empty text is written ""');
    return null;
  }
  if (value.kind === 'list' && row.kind === 'list') {
    const texts = value.items.map((item) => (item.kind === 'scalar' ? item.text : null));
    if (texts.every((text) => text !== null)) return texts;
    errors.add(value.place, path, 'the items of this list must be texts');
    return null;
  }
  if (value.kind === 'map' && (row.kind === 'choices' || (row.kind === 'list' && row.numbers !== undefined))) {
    const pairs = [...value.entries].map(([key, item]) =>
      item.value.kind === 'scalar' ? `${key}=${item.value.text}` : null,
    );
    if (pairs.every((pair) => pair !== null)) return pairs;
    errors.add(value.place, path, 'the values of this map must be texts');
    return null;
  }
  const expected = row.kind === 'list' ? 'a list of texts' : 'one value';
  errors.add(value.place, path, `expected ${expected}, found a ${value.kind}`);
  return null;
}

/** The value as the file has it, in front of what is wrong with it. Secrets, and what came from the environment, are not shown. */
function sentence(row: SettingRow | undefined, entry: MapEntry, reason: string): string {
  const { value } = entry;
  if (row?.kind === 'secret') return `the secret ${reason}`;
  return value.kind === 'scalar' ? `'${printable(value.shown, 60)}' ${reason}` : `the list ${reason}`;
}

function tellUnknown(key: string, entry: MapEntry, scope: Scope, prefix: string, findings: Findings): void {
  const { errors } = findings;
  const path = `${prefix}${key}`;
  const other = otherSetting(key, scope);
  if (other) {
    tellOther(other, entry, path, findings);
    return;
  }
  const home = scopesOf(key);
  if (home.length > 0) {
    errors.add(entry.keyPlace, path, `can't stand here: it belongs ${home.join(' or ')}`);
    return;
  }
  // The search costs more than the rest of the file's reading: not for complaints that nobody will see.
  const sections = scope === 'global' ? SECTIONS : [];
  const guess = errors.full ? null : suggest(key, [...rowsOf[scope].keys(), ...sections]);
  errors.add(
    entry.keyPlace,
    path,
    `unknown setting '${printable(key, 64)}'${guess ? `, did you mean '${guess}'?` : ''}`,
  );
}

function tellOther(other: OtherSetting, entry: MapEntry, path: string, { errors, warnings }: Findings): void {
  if (other.fate === 'no_effect') {
    warnings.add(entry.keyPlace, path, `has no effect: ${other.why}`);
    return;
  }
  if (other.accepts?.includes(textOf(entry.value).toLowerCase())) return;
  const only = other.accepts?.filter((value) => value !== '').slice(0, 1) ?? [];
  const hint = only.length > 0 ? ` (only '${only[0]}' is possible)` : '';
  errors.add(entry.keyPlace, path, `${other.why}${hint}`);
}

function textOf(node: Node): string {
  return node.kind === 'scalar' ? node.text.trim() : '\0';
}

function scopesOf(key: string): string[] {
  const homes: string[] = [];
  if (rowsOf.global.has(key) || otherSetting(key, 'global')) homes.push('at the top level');
  if (rowsOf.database.has(key) || otherSetting(key, 'database')) homes.push('in an entry of databases:');
  if (rowsOf.user.has(key)) homes.push('in an entry of users:');
  return homes;
}
