// Whatever a configuration file holds, reading it ends with a configuration or with problems, in bounded time.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is the notation under test
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { effectiveSettings } from '../../src/config/effective.ts';
import { Fault, formatDuration, formatSize, readDuration, readSize, readValue } from '../../src/config/kinds.ts';
import { parseConfig } from '../../src/config/load.ts';
import { formatProblems, ProblemList } from '../../src/config/problems.ts';
import { rowsOf } from '../../src/config/settings-table.ts';
import { readUserlist } from '../../src/config/userlist.ts';

const keys = [
  ...rowsOf.global.keys(),
  ...rowsOf.database.keys(),
  'databases',
  'users',
  '__proto__',
  'constructor',
  '*',
  '<<',
];
const values = [
  '1',
  '10s',
  '-1',
  '~',
  '""',
  '{}',
  '[]',
  '[a, b]',
  '{ a: 1 }',
  '*x',
  '&x y',
  '!!int 3',
  '|',
  '"',
  "'",
  '${X}',
  '${',
  '0',
  'on',
];
const pieces = fc.oneof(
  fc.constantFrom(...keys),
  fc.constantFrom(...values),
  fc.constantFrom(': ', '\n', '  ', '\n  ', '\n    ', '- ', '{ ', ' }', '[', ']', ', ', '# ', '---\n', '? ', '\t', '%'),
  fc.string({ unit: 'binary', maxLength: 8 }),
);
const line = fc
  .tuple(fc.constantFrom('', '  ', '    '), fc.constantFrom(...keys), fc.oneof(fc.constantFrom(...values), fc.string()))
  .map(([indent, key, value]) => `${indent}${key}: ${value}`);
const text = fc.oneof(
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
  fc.array(line, { maxLength: 20 }).map((lines) => lines.join('\n')),
);

test('no text throws, and every problem is one printable line', () => {
  fc.assert(
    fc.property(text, (yaml) => {
      const result = parseConfig(yaml, { env: { X: '7' }, baseDir: '/nonexistent' });
      if (result.ok) {
        expect(effectiveSettings(result.config, 'a', 'b').pool_size).toBeGreaterThan(0);
        return;
      }
      expect(result.problems.length).toBeGreaterThan(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there
      for (const problem of result.problems) expect(formatProblems([problem])).not.toMatch(/[\u0000-\u001f\u007f]/);
    }),
    { numRuns: 1000 },
  );
});

test('any text is a value or a fault to every row', () => {
  const rows = [...rowsOf.global.values(), ...rowsOf.database.values(), ...rowsOf.user.values()];
  fc.assert(
    fc.property(fc.constantFrom(...rows), fc.oneof(fc.string(), fc.constantFrom(...values)), (row, raw) => {
      const value = readValue(row, raw);
      if (value instanceof Fault) expect(value.reason).not.toBe('');
      else if (typeof value === 'number') expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
    }),
    { numRuns: 1000 },
  );
});

test('what is written reads as the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 315_360_000_000 }), (n) => {
      expect(readDuration(formatDuration(n))).toBe(n);
      expect(readSize(formatSize(n), 0, n)).toBe(n);
    }),
  );
});

test('any user and secret survive the way through an auth_file, and any text ends', () => {
  const word = fc.string({ minLength: 1 }).filter((s) => !/[\0\n\r]/.test(s));
  const quote = (s: string) => `"${s.replaceAll('"', '""')}"`;
  fc.assert(
    fc.property(word, word, fc.string({ unit: 'binary' }), (user, secret, junk) => {
      const problems = new ProblemList('u');
      readUserlist(junk, problems);
      expect([...readUserlist(`${quote(user)} ${quote(secret)}\n`, new ProblemList('u'))]).toEqual([[user, secret]]);
    }),
  );
});

test('nesting a hundred thousand deep ends with a problem', () => {
  for (const piece of ['[', '{a: ', '- ', '? ']) {
    expect(parseConfig(piece.repeat(100_000), { env: {} }).ok, piece).toBe(false);
  }
});
