// A secret in any place where a statement has a value, whole, cut off or damaged: no part of it in the normalised text.
import fc from 'fast-check';
import { beforeAll, expect, it } from 'vitest';
import { loadStatementParser, statementText } from '../../src/guard/statement-text.ts';

beforeAll(() => loadStatementParser());

/** @ is where the value goes, # where white space or a comment may. */
const QUERIES = [
  'SELECT#@',
  'SELECT a,#@, b FROM t WHERE c =#@ AND d LIKE @ ORDER BY 1 LIMIT 5',
  'select * from t where id in (@,#@, @)#',
  'INSERT INTO t#(a, b) VALUES (@, $1),#(@, DEFAULT) ON CONFLICT DO NOTHING RETURNING @',
  'UPDATE t SET a =#@ || $1 WHERE b = @::text#',
  'DELETE FROM "t t" WHERE a = CASE WHEN b THEN @ ELSE#@ END',
  'WITH x AS (SELECT @ AS y) SELECT y, f(@, n => @) FROM x#',
  'MERGE INTO t USING s ON t.a = @ WHEN MATCHED THEN UPDATE SET b =#@',
  'EXPLAIN (ANALYZE) SELECT @',
  'EXECUTE p(@,#@)',
  'EXPLAIN EXECUTE p(@)',
  'PREPARE p (text) AS#SELECT @, $1',
  'DECLARE c CURSOR FOR SELECT @',
  'CREATE TABLE t (a text DEFAULT @, CHECK (a <> @))',
  'CREATE TABLE t AS SELECT @ AS a',
  'CREATE VIEW v AS SELECT @ AS a',
  'CREATE INDEX ON t (a) WHERE b = @',
  'ALTER TABLE t ALTER a SET DEFAULT @',
  'COPY (SELECT @) TO STDOUT',
  'CALL proc(@)',
  'BEGIN;#SELECT @; EXECUTE p(@); COMMIT#',
];

/** ~ is a text in quotes: where the grammar takes no other value. */
const UTILITIES = [
  'COPY orders FROM PROGRAM#~',
  'COPY orders TO ~ WITH (DELIMITER ~)',
  'ALTER ROLE bob WITH LOGIN PASSWORD#~',
  'CREATE USER bob PASSWORD ~ VALID UNTIL ~',
  'ALTER ROLE password PASSWORD ~',
  'ALTER ROLE bob IN DATABASE d SET x TO ~',
  'CREATE SUBSCRIPTION s CONNECTION#~ PUBLICATION p',
  'ALTER SUBSCRIPTION password CONNECTION ~',
  'CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host ~)',
  'CREATE USER MAPPING FOR bob SERVER s OPTIONS (password ~)',
  'SET x =#~',
  'SET LOCAL app.token TO ~',
  'SET TIME ZONE ~',
  'ALTER SYSTEM SET password TO ~',
  'ALTER DATABASE d SET x = ~',
  'DO#~',
  'NOTIFY ch,#~',
  'COMMENT ON TABLE t IS ~',
  'SECURITY LABEL FOR p ON TABLE t IS ~',
  'CREATE TYPE mood AS ENUM (~, ~)',
  'CREATE FUNCTION f() RETURNS text LANGUAGE sql AS ~',
  'LOAD ~',
  'PREPARE TRANSACTION ~',
  'COMMIT PREPARED ~',
  'SET x = ~;#NOTIFY ch, ~',
];

/** Of letters that are in no template: what is found of it was leaked. */
const word = fc
  .string({ unit: fc.constantFrom(...'qzjQZJ0987'), minLength: 8, maxLength: 24 })
  .map((text) => `z${text}`);

function quoted(secret: string, form: number): string {
  const forms = [
    `'${secret}'`,
    `'it''s ${secret}'`,
    `E'\\'${secret}\\n'`,
    `'${secret.slice(0, 7)}'\n  '${secret}'`,
    `U&'\\0041${secret}'`,
    `'" ${secret} -- /* ${secret}'`,
    `$$${secret}'$$`,
    `$tag$ $$ ${secret} $tag$`,
    `'é ${secret}'`,
    `E'\\\\${secret}'`,
  ];
  return forms[form % forms.length]!;
}

function digits(secret: string): string {
  return Buffer.from(secret).reduce((text, byte) => text + String(byte % 10), '7');
}

function value(secret: string, form: number): string {
  const forms = [
    digits(secret),
    `-${digits(secret)}.${digits(secret)}e5`,
    `0x${digits(secret)}`,
    `B'${digits(secret).replace(/./g, (digit) => String(Number(digit) % 2))}'`,
    `X'${digits(secret)}'`,
    `N'${secret}'`,
    `ARRAY['${secret}', ${digits(secret)}]`,
    `date '${secret}'`,
  ];
  return form < forms.length ? forms[form]! : quoted(secret, form);
}

function comment(secret: string, form: number): string {
  const forms = [' ', '\n\t', `/* ${secret} */`, ` -- ${secret}\n`, `/* ' /* ${secret} */ ${secret} */`];
  return forms[form % forms.length]!;
}

interface Made {
  readonly sql: string;
  readonly secret: string;
}

/** toDamage: only strings, and no comments: a number or a comment that lost its first character is a name. */
function made(toDamage = false): fc.Arbitrary<Made> {
  return fc
    .record({
      template: fc.constantFrom(...QUERIES, ...UTILITIES),
      secret: word,
      forms: fc.array(fc.integer({ min: toDamage ? 8 : 0, max: 17 }), { minLength: 10, maxLength: 10 }),
    })
    .map(({ template, secret, forms }) => {
      let i = 0;
      const next = () => forms[i++ % forms.length]!;
      const sql = template.replace(/[@~#]/g, (place) => {
        if (place === '#') return toDamage ? ' ' : comment(secret, next());
        return place === '@' ? value(secret, next()) : quoted(secret, next());
      });
      return { sql, secret };
    });
}

function partOf(secret: string, shown: string): string | undefined {
  const bits = digits(secret).replace(/./g, (digit) => String(Number(digit) % 2));
  for (const text of [secret, digits(secret), bits]) {
    for (let at = 0; at + 6 <= text.length; at += 1) {
      if (shown.includes(text.slice(at, at + 6))) return text.slice(at, at + 6);
    }
  }
  return undefined;
}

function expectHidden(secret: string, bytes: Buffer, totalLength: number): void {
  const shown = statementText(bytes.subarray(0, 1024), totalLength, 'normalized');
  if (partOf(secret, shown) !== undefined) throw new Error(`${JSON.stringify(bytes.toString())} is shown as ${shown}`);
  expect(shown.length).toBeLessThanOrEqual(300);
  expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
}

it('every statement that these are made of parses', () => {
  for (const template of [...QUERIES, ...UTILITIES]) {
    const sql = template.replace(/[@~#]/g, (place) => (place === '#' ? ' ' : "'x'"));
    expect(statementText(Buffer.from(sql), sql.length, 'normalized')).not.toMatch(/bytes\)$/);
  }
});

it('a value is never in the text of a whole statement', () => {
  fc.assert(
    fc.property(made(), ({ sql, secret }) => {
      const bytes = Buffer.from(sql);
      expectHidden(secret, bytes, bytes.length);
    }),
    { numRuns: 5000 },
  );
});

it('nor in that of one that ends or is cut off at any byte', () => {
  fc.assert(
    fc.property(made(), ({ sql, secret }) => {
      const bytes = Buffer.from(sql);
      for (let end = 0; end <= bytes.length; end += 1) {
        expectHidden(secret, bytes.subarray(0, end), end);
        expectHidden(secret, bytes.subarray(0, end), bytes.length);
      }
    }),
    { numRuns: 150 },
  );
});

it('nor in that of one that is longer than what was kept of it', () => {
  fc.assert(
    fc.property(made(), fc.nat(1100), fc.boolean(), ({ sql, secret }, size, isBefore) => {
      const filler = `/*${'.'.repeat(size)}*/`;
      const bytes = Buffer.from(isBefore ? filler + sql + filler : sql + filler + sql);
      expectHidden(secret, bytes, bytes.length);
    }),
    { numRuns: 1000 },
  );
});

it('nor in that of one with a character lost, added or doubled', () => {
  const damage = fc.record({
    at: fc.nat(400),
    kind: fc.constantFrom('', "'", '"', '$', '\\', '(', ';', '/*', '\0', '\n', 'double'),
  });
  fc.assert(
    fc.property(made(true), damage, ({ sql, secret }, { at, kind }) => {
      const i = at % sql.length;
      const text =
        sql.slice(0, i) + (kind === 'double' ? sql[i]! + sql[i]! : kind) + sql.slice(kind === '' ? i + 1 : i);
      const bytes = Buffer.from(text);
      expectHidden(secret, bytes, bytes.length);
    }),
    { numRuns: 5000 },
  );
});

it('nor does anything throw, whatever the bytes are', () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc
      .constantFrom("'", '"', '$$', '/*', '*/', '--', '(', '\\', 'SELECT ', 'FROM ', ';', '\0', 'COPY ', '((((((((')
      .map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 60 }),
      fc.nat(2000),
      fc.constantFrom('normalized', 'full', 'off'),
      (pieces, more, mode) => {
        const bytes = Buffer.concat(pieces);
        const shown = statementText(bytes, bytes.length + (more % 2) * more, mode as 'normalized');
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
        expect(shown.length).toBeLessThanOrEqual(mode === 'full' ? 1024 : 300);
      },
    ),
    { numRuns: 5000 },
  );
});
