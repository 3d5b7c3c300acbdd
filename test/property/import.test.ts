// Whatever a pgbouncer.ini holds, reading it ends in bounded time, and what is imported means what the ini means.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { writeYaml } from '../../src/config/ini/write-yaml.ts';
import { parseConfig, parseIni } from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problems.ts';
import { rowsOf } from '../../src/config/settings-table.ts';
import { otherSettings } from '../../src/config/table/other.ts';

const keys = [...rowsOf.global.keys(), ...rowsOf.database.keys(), ...Object.keys(otherSettings), '*', '"a b"', '"'];
const pieces = fc.oneof(
  fc.constantFrom(...keys),
  fc.constantFrom(
    '[databases]',
    '[users]',
    '[pgbouncer]',
    '[',
    ']',
    ' = ',
    '=',
    '\n',
    "'",
    "''",
    '"',
    ';',
    '#',
    '%include ',
  ),
  fc.constantFrom(
    '0',
    '1',
    '-1',
    '0x10',
    '1e3',
    '10s',
    'on',
    'md5',
    'session',
    '127.0.0.1',
    '*',
    'host=db',
    "password='x",
  ),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const lines = fc
  .tuple(fc.constantFrom(...keys), fc.oneof(fc.string(), fc.constantFrom('1', 'host=db', 'a, b', 'session')))
  .map(([key, value]) => `${key} = ${value}`);
const anything = fc.oneof(
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
  fc
    .array(fc.oneof(lines, fc.constantFrom('[databases]', '[users]', '[pgbouncer]')), { maxLength: 30 })
    .map((all) => all.join('\n')),
);

test('no ini throws, and every problem is one printable line', () => {
  fc.assert(
    fc.property(anything, (text) => {
      const { result } = parseIni(text, 'p.ini', '/nonexistent');
      const problems = result.ok ? result.config.warnings : result.problems;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
      for (const problem of problems) expect(formatProblems([problem])).not.toMatch(/[\u0000-\u001f]/);
    }),
    { numRuns: 2000 },
  );
});

/** A text that fits on a line, without blanks at its ends: the ini can't hold others. */
const word = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('$', '{', '}', "'", '"', '#', ':', ' ', '~', '\\', '\u2028', 'é'),
      fc.string({ minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 12,
  })
  .filter((text) => !/[\0\r\n]/.test(text) && text === text.trim());
const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const name = word.filter((text) => !['pgbouncer', 'pgsluice', '__proto__'].includes(text));
const database = fc.record({ name, dbname: word, password: word, query: word, application: word });
const ini = fc.record({
  databases: fc.uniqueArray(database, { selector: (entry) => entry.name, maxLength: 4 }),
  users: fc.uniqueArray(
    name.filter((text) => text !== '*'),
    { maxLength: 4 },
  ),
  reset: word,
  admins: fc.array(
    word.filter((text) => !text.includes(',')),
    { maxLength: 3 },
  ),
  timeout: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
});

test('what is imported means what the ini means, whatever names, secrets and statements are made of', () => {
  fc.assert(
    fc.property(ini, ({ databases, users, reset, admins, timeout }) => {
      const text = [
        '[pgbouncer]',
        `server_reset_query = ${reset}`,
        `admin_users = ${admins.join(', ')}`,
        `query_timeout = ${timeout}`,
        '[databases]',
        ...databases.map(
          (entry) =>
            `"${entry.name.replaceAll('"', '""')}" = host=db user=u dbname=${quote(entry.dbname)} password=${quote(entry.password)} connect_query=${quote(entry.query)} application_name=${quote(entry.application)}`,
        ),
        '[users]',
        ...users.map((user) => `"${user.replaceAll('"', '""')}" = pool_size=3`),
      ].join('\n');
      const { result, tree } = parseIni(text, 'p.ini', '/nonexistent');
      if (!result.ok) expect.fail(formatProblems(result.problems));
      const yaml = writeYaml(tree, { source: 'p.ini', version: '0' });
      const imported = parseConfig(yaml, { env: {}, baseDir: '/nonexistent' });
      if (!imported.ok) expect.fail(`${formatProblems(imported.problems)}\n${yaml}`);
      expect(imported.config.settings).toEqual(result.config.settings);
      expect([...imported.config.databases]).toEqual([...result.config.databases]);
      expect([...imported.config.users]).toEqual([...result.config.users]);
      expect(result.config.databases.size).toBe(databases.length);
      for (const entry of databases) expect(result.config.databases.get(entry.name)?.password).toBe(entry.password);
    }),
    { numRuns: 500 },
  );
});
