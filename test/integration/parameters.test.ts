// The statements that carry a session's parameters to another server, on a real Postgres: what arrives is what was set.
import fc from 'fast-check';
import pg from 'pg';
import { expect, test } from 'vitest';
import { difference, ParameterSet } from '../../src/session/parameters.ts';
import { useDatabase } from '../support/postgres.ts';

const db = useDatabase();

/** What the session has now, or null when Postgres refuses the statement. */
async function valueAfter(client: pg.Client, sql: string, name: string): Promise<string | null> {
  try {
    await client.query(sql);
  } catch {
    return null;
  } finally {
    await client.query('RESET client_encoding');
  }
  const { rows } = await client.query<{ value: string }>('SELECT current_setting($1) AS value', [name]);
  return rows[0]!.value;
}

test('any value arrives as it was set, in whatever encoding and syntax the session is', async () => {
  const client = new pg.Client(db.current);
  await client.connect();
  const value = fc.string({ unit: fc.constantFrom('a', 'B', 'Ä', '"', '\\', "'", ',', ' ', '$', '.'), maxLength: 10 });
  const session = fc.record({
    name: fc.constantFrom('my.own', 'application_name', 'search_path'),
    encoding: fc.constantFrom('UTF8', 'LATIN1'),
    strings: fc.constantFrom('on', 'off'),
  });
  try {
    await fc.assert(
      fc.asyncProperty(value, session, async (wanted, { name, encoding, strings }) => {
        await client.query('RESET ALL');
        const literal = `set_config('${name}', ${client.escapeLiteral(wanted)}, false)`;
        const expected = await valueAfter(client, `SELECT ${literal}`, name);
        await client.query('RESET ALL');
        await client.query(`SET standard_conforming_strings = ${strings}; SET client_encoding = ${encoding}`);
        const from = ParameterSet.of([['client_encoding', encoding]]);
        const got = await valueAfter(client, difference(from, from.with(name, wanted)), name);
        // A list is written by Postgres in its own way; whether it is one at all must be the same.
        if (name === 'search_path') expect(got === null).toBe(expected === null);
        else expect(got).toBe(expected);
      }),
      { numRuns: 300 },
    );
  } finally {
    await client.end();
  }
});

test('a search path means the same as one of the login', async () => {
  for (const path of ['', 'Mixed, "Mixed"', '"$user",public', '"a,b" , "c""d"', 'pg_catalog', '"Ä",Ä']) {
    const login = new pg.Client({ ...db.current, options: `-c search_path=${path.replace(/[\s\\]/g, '\\$&')}` });
    const later = new pg.Client(db.current);
    await Promise.all([login.connect(), later.connect()]);
    for (const name of ['mixed', 'Mixed', 'a,b', 'c"d', 'Ä', 'ä']) {
      await login.query(`CREATE SCHEMA IF NOT EXISTS ${login.escapeIdentifier(name)}`);
    }
    await later.query(difference(ParameterSet.EMPTY, ParameterSet.of([['search_path', path]])));
    const ask = 'SELECT current_schemas(true)::text AS schemas';
    expect((await later.query(ask)).rows, path).toEqual((await login.query(ask)).rows);
    await Promise.all([login.end(), later.end()]);
  }
});
