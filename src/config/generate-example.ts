// Writes config.example.yaml: a configuration that works, and every other setting with its default in a comment.
import { formatValue } from './kinds.ts';
import { topics } from './settings-table.ts';
import type { SettingRow } from './table/row.ts';

const WIDTH = 118;

const head = `# yaml-language-server: $schema=./config.schema.json
# A configuration of pgsluice. What is commented out shows the default; docs/settings.md says more.
# Durations and sizes carry units (10s, 5min, 256kB); a bare number means what it means to PgBouncer, mostly seconds.
# \${NAME} is taken from the environment; $\${ stands for a literal \${.

databases:
  # The name that clients ask for: where its Postgres is, and what differs from the settings below.
  app: { host: 127.0.0.1, port: 5432, dbname: app, pool_size: 20 }
  # Every other name is a database of the same name there.
  # "*": { host: 127.0.0.1 }

users:
  # password: the password itself, md5..., or SCRAM-SHA-256$...; password_file: reads it from a file.
  app: { password: "\${APP_PASSWORD}", max_user_connections: 40 }
`;

/** The text of the file, with a newline at its end. It is a valid configuration where APP_PASSWORD is set. */
export function generateExample(): string {
  const sections = topics.map(({ title, rows }) => {
    const settings = Object.entries<SettingRow>(rows).map(([key, row]) => exampleOf(key, row));
    return `\n# ---- ${title} ----\n\n${settings.join('\n')}`;
  });
  return head + sections.join('');
}

function exampleOf(key: string, row: SettingRow): string {
  const zero = row.zero ? ` 0: ${row.zero}.` : '';
  const comment = wrap(`${row.doc}${zero}`, WIDTH - 2).map((line) => `# ${line}\n`);
  return `${comment.join('')}#${key}: ${yamlOf(row)}\n`;
}

function yamlOf(row: SettingRow): string {
  if (row.default === null) return '""';
  if (row.kind === 'choices') return `{ ${row.default.map((pair) => pair.replace('=', ': ')).join(', ')} }`;
  if (typeof row.default === 'object') return `[${row.default.join(', ')}]`;
  const text = formatValue(row, row.default);
  return text === '' ? '""' : text;
}

/** Lines of at most `width` characters, broken at blanks. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  lines.push(line);
  return lines;
}
