// Writes the tree of an imported ini as a YAML file that means the same, with what was left out and where defaults differ in comments.

import { wrap } from '../generate-example.ts';
import { Fault, formatValue, readValue } from '../kinds.ts';
import { printable } from '../problems.ts';
import { defaultSettings, isSettingKey, rowsOf, type SettingKey } from '../settings-table.ts';
import type { Scope, SettingRow } from '../table/row.ts';
import type { MapNode, Node } from '../yaml.ts';
import type { IniTree, LeftOut } from './from-ini.ts';
import { ourDefaults } from './pgbouncer-defaults.ts';

export interface WriteOptions {
  /** Read back by `pgsluice run`: told at the top. */
  readonly source: string;
  readonly version: string;
  /** Secrets to write as users: entries, in place of auth_file. */
  readonly inlineSecrets?: ReadonlyMap<string, string>;
}

const WIDTH = 116;

/** The sections of the tree, in the order of the file. */
const SECTIONS: readonly (readonly [string, Scope])[] = [
  ['databases', 'database'],
  ['users', 'user'],
  ['peers', 'peer'],
];

/** The text of the file, with a newline at its end. It holds the secrets that the ini held. */
export function writeYaml({ root, leftOut, fromDefaults }: IniTree, options: WriteOptions): string {
  const lines = [
    ...comment(`Made from ${printable(options.source, 200)} by pgsluice import ${options.version}.`),
    ...leftOutLines(leftOut),
  ];
  const settings = [...root.entries].filter(([, { value }]) => value.kind === 'scalar');
  const relied = settings.filter(([key]) => fromDefaults.has(key));
  if (relied.length > 0) {
    lines.push(
      '',
      ...comment("PgBouncer's defaults, which the ini relied on. Where the line is deleted, pgsluice's own holds:"),
    );
    for (const [key, { value }] of relied)
      lines.push(`${line(key, value, rowsOf.global)} # pgsluice: ${ownDefault(key)}`);
  }
  lines.push('', ...differences(root));
  for (const [key, { value }] of settings) {
    if (fromDefaults.has(key) || (key === 'auth_file' && options.inlineSecrets !== undefined)) continue;
    lines.push(line(key, value, rowsOf.global));
  }
  for (const [section, scope] of SECTIONS) {
    const secrets = section === 'users' ? options.inlineSecrets : undefined;
    const entries = withSecrets(root.entries.get(section)?.value, secrets);
    if (entries.size > 0) lines.push('', `${section}:`);
    for (const [name, values] of entries) {
      if (values.size === 0) lines.push(`  ${scalar(name)}: {}`);
      else lines.push(`  ${scalar(name)}:`);
      for (const [key, value] of values) lines.push(`    ${line(key, value, rowsOf[scope])}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

type Values = ReadonlyMap<string, Node>;

function withSecrets(section: Node | undefined, secrets: ReadonlyMap<string, string> = new Map()): Map<string, Values> {
  const entries = new Map<string, Map<string, Node>>();
  for (const [name, secret] of secrets) {
    const place = { line: 0, column: 0 };
    entries.set(
      name,
      new Map([['password', { kind: 'scalar', text: secret, shown: '', empty: false, faulty: false, place }]]),
    );
  }
  if (section?.kind !== 'map') return entries;
  for (const [name, { value }] of section.entries) {
    if (value.kind !== 'map') continue;
    const values = entries.get(name) ?? new Map<string, Node>();
    for (const [key, entry] of value.entries) values.set(key, entry.value);
    entries.set(name, values);
  }
  return entries;
}

function line(key: string, value: Node, rows: ReadonlyMap<string, SettingRow>): string {
  const row = rows.get(key);
  const text = value.kind === 'scalar' ? value.text : '';
  const read = row ? readValue(row, text) : text;
  if (!row || read instanceof Fault || row.kind === 'secret' || row.kind === 'text') return `${key}: ${quoted(text)}`;
  if (typeof read === 'object') return `${key}: [${read.map(quoted).join(', ')}]`;
  return `${key}: ${quoted(formatValue(row, read))}`;
}

/** A value: $ before { is doubled, so that nothing is looked up in the environment. Names of entries are not expanded. */
function quoted(text: string): string {
  return scalar(text.replaceAll('${', () => '$${'));
}

/** Plain where YAML leaves no doubt, else in double quotes. */
function scalar(text: string): string {
  const isPlain = /^[A-Za-z0-9_/.][A-Za-z0-9_/.@+-]*$/.test(text) && !/^(null|~)$/i.test(text);
  return isPlain ? text : JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

function leftOutLines(leftOut: readonly LeftOut[]): string[] {
  const parts = [
    ['Not carried over:', leftOut.filter(({ matters }) => matters)],
    ['Left out, because it has no meaning or no counterpart here:', leftOut.filter(({ matters }) => !matters)],
  ] as const;
  return parts.flatMap(([title, items]) => {
    if (items.length === 0) return [];
    return ['#', `# ${title}`, ...items.flatMap((item) => comment(sayLeftOut(item), '- ', '  '))];
  });
}

/** One line without a value: values may be secrets. */
export function sayLeftOut({ path, place, why }: LeftOut): string {
  const where = place.line > 0 ? ` (${place.file}:${place.line})` : '';
  return `${printable(path, 200)}${printable(where, 200)}: ${why}`;
}

function differences(root: MapNode): string[] {
  const lines = Object.entries(ourDefaults)
    .filter(([key]) => !root.entries.has(key))
    .map(([key, theirs]) => `# ${key}: ${ownDefault(key)} (PgBouncer: ${theirs === '' ? 'empty' : theirs})`);
  const guard = comment(
    'Servers that are held and not used are taken back while others wait, which PgBouncer does not do. leak_reclaim: never turns that off.',
  );
  return lines.length === 0 ? guard : ['# Defaults of pgsluice that hold from now on:', ...lines, ...guard];
}

function ownDefault(key: string): string {
  const row = rowsOf.global.get(key);
  return row && isSettingKey(key) ? formatValue(row, defaultSettings[key satisfies SettingKey]) : '';
}

function comment(text: string, first = '', next = ''): string[] {
  return wrap(text, WIDTH).map((part, i) => `# ${i === 0 ? first : next}${part}`);
}
