// Writes docs/settings.md: every setting, and what becomes of each of PgBouncer's that is not one.
import { formatDuration, formatSize, formatValue } from './kinds.ts';
import { topics } from './settings-table.ts';
import { databaseRows, peerRows, userRows } from './table/entries.ts';
import { type Fate, otherSettings } from './table/other.ts';
import type { SettingRow, SettingRows } from './table/row.ts';

const intro = `# Settings

<!-- Written by \`npm run generate\` from src/config/: change it there. -->

A configuration is a YAML file with PgBouncer's names at the top level and maps of entries, \`databases:\`, \`users:\` and \`peers:\`. \`pgsluice check FILE\`
tells every problem at once, with its line. \`config.example.yaml\` is a start; \`config.schema.json\` lets an editor complete and check.

- **Durations** carry a unit (\`ms\`, \`s\`, \`min\`, \`h\`, \`d\`); a bare number is seconds, fractions allowed. **Sizes** are \`B\`, \`kB\`, \`MB\`, \`GB\`, \`TB\`
  of 1024; a bare number is bytes. **Booleans** are \`on\`/\`off\`, \`true\`/\`false\`, \`yes\`/\`no\`, \`1\`/\`0\`. **Lists** are YAML lists, or one text with commas.
- \`\${NAME}\` in a value is taken from the environment after the file was parsed, so a value can't add keys. A variable that is not set is an error.
  \`$\${\` is a literal \`\${\`.
- **Scope** says where a setting may stand. An entry of \`users:\` wins over one of \`databases:\`, which wins over the top level.
- **Reload** (SIGHUP, RELOAD): *live* settings hold at once; with *drain* the server connections that exist are closed when they are released and
  new ones have the new value; *restart* settings keep their value until the process starts again. A file with a problem changes nothing.
`;

/** The text of the file, with a newline at its end. */
export function generateDocs(): string {
  const parts = [
    intro,
    ...topics.map(({ title, rows }) => tableOf(title, '', rows)),
    tableOf('Entries of databases:', databasesIntro, databaseRows),
    tableOf('Entries of users:', usersIntro, userRows),
    tableOf('Entries of peers:', peersIntro, peerRows),
    othersOf(
      'Accepted without effect',
      'These keys of PgBouncer are accepted with a warning, because nothing here is theirs to set.',
      'no_effect',
    ),
    othersOf(
      'Not in this version yet',
      'These keys of PgBouncer are an error for now (values that mean "off" are accepted), so that nobody relies on what is not there.',
      'later',
    ),
    othersOf('Refused', 'These keys of PgBouncer are an error, with what to do instead.', 'refused'),
  ];
  return parts.join('\n');
}

const databasesIntro = `The name is what clients ask for; \`"*"\` takes every name that has no entry. \`pgbouncer\` and \`pgsluice\` are the console's. An entry may also hold
the settings above whose scope has \`database\`.
`;

const usersIntro = `The name is what clients log in as. An entry may also hold the settings above whose scope has \`user\`.
`;

const peersIntro = `The name is the \`peer_id\` of another process that shares the port (so_reuseport, a load balancer).
`;

function tableOf(title: string, text: string, rows: SettingRows): string {
  const lines = Object.entries(rows).map(([key, row]) =>
    cells([`\`${key}\``, row.kind, defaultOf(row), rangeOf(row), row.scope.join(', '), row.reload, meaningOf(row)]),
  );
  const head = cells(['setting', 'kind', 'default', 'range', 'scope', 'reload', 'meaning']);
  return `## ${title}\n\n${text === '' ? '' : `${text}\n`}${head}\n${cells(Array(7).fill('---'))}\n${lines.join('\n')}\n`;
}

function defaultOf(row: SettingRow): string {
  if (row.default === null) return 'not set';
  const text = formatValue(row, row.default);
  return text === '' ? 'empty' : `\`${text}\``;
}

function rangeOf(row: SettingRow): string {
  switch (row.kind) {
    case 'choices':
      return `each of ${row.keys.join(', ')}: ${row.values.join(', ')}`;
    case 'enum':
      return row.values.map((value) => `\`${value}\``).join(' ');
    case 'list':
      return row.numbers === undefined ? '' : `each ${row.numbers.min} to ${row.numbers.max}`;
    case 'int':
      return `${row.min} to ${row.max}`;
    case 'size':
      return `${formatSize(row.min)} to ${formatSize(row.max)}`;
    case 'duration':
      return row.max === undefined ? '' : `up to ${formatDuration(row.max)}`;
    default:
      return '';
  }
}

function meaningOf(row: SettingRow): string {
  const zero = row.zero ? ` 0: ${row.zero}.` : '';
  const differs = row.differs ? ` *Differs from PgBouncer:* ${row.differs}` : '';
  return `${row.doc}${zero}${differs}${row.ours ? ' *Not in PgBouncer.*' : ''}`;
}

function othersOf(title: string, text: string, fate: Fate): string {
  const lines = Object.entries(otherSettings)
    .filter(([, other]) => other.fate === fate)
    .map(([key, other]) => {
      const accepts = (other.accepts ?? []).map((value) => (value === '' ? 'empty' : `\`${value}\``)).join(' ');
      return cells([`\`${key}\``, accepts, other.why]);
    });
  return `## ${title}\n\n${text}\n\n${cells(['key', 'accepted values', 'why'])}\n${cells(Array(3).fill('---'))}\n${lines.join('\n')}\n`;
}

function cells(texts: readonly string[]): string {
  return `| ${texts.map((text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
}
