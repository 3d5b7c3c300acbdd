// postgres.js through the pooler, with its pipelining: every reply belongs to its asker.
import postgres from 'postgres';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { CLIENTS, committedTokens, POOL_SIZE, runClient, SETUP, type Steps } from './mixed-load.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: POOL_SIZE, query_wait_timeout: '50s' });

// Unnamed statements: named ones outlive a transaction.
const connect = (max: number) => postgres(pooler.current.url, { max, prepare: false, onnotice: () => {} });

class Rollback extends Error {}

function stepsOf(sql: postgres.Sql): Steps {
  const insert = async (tx: postgres.TransactionSql, token: string) => {
    const [, [row]] = await Promise.all([
      tx`INSERT INTO tokens (token) VALUES (${token})`,
      tx`SELECT token AS t FROM tokens WHERE token = ${token}`,
    ]);
    return row?.t as string;
  };
  return {
    simple: async (token) => (await sql.unsafe(`SELECT '${token}' AS t`))[0]?.t,
    parameterized: async (token) => (await sql`SELECT ${token}::text AS t, ${7}::int AS n`)[0]?.t,
    transaction: (token) => sql.begin((tx) => insert(tx, token)) as Promise<string>,
    rollback: async (token) => {
      let seen = '';
      const aborted = sql.begin(async (tx) => {
        seen = await insert(tx, token);
        throw new Rollback();
      });
      await aborted.catch((error) => expect(error).toBeInstanceOf(Rollback));
      return seen;
    },
    failing: (token) => sql`SELECT fail(${token})`.then(String, (error: Error) => error.message),
    rows: async (token) => {
      const rows = await sql`SELECT ${token} || '/' || n AS t FROM generate_series(1, 20) n`;
      return rows.map((row) => row.t).join();
    },
  };
}

test('100 clients run 200 mixed statements each over a pool of 4', async () => {
  await db.current.query(SETUP);
  const clients = Array.from({ length: CLIENTS }, () => connect(1));
  const wrong = await Promise.all(clients.map((sql, i) => runClient(i, stepsOf(sql))));
  expect(wrong.flat()).toEqual([]);
  expect(pooler.current.pool().serverCount).toBeLessThanOrEqual(POOL_SIZE);
  const [row] = await db.current.query<{ n: number }>('SELECT count(*)::int AS n FROM tokens');
  expect(row?.n).toBe(committedTokens());
  await Promise.all(clients.map((sql) => sql.end()));
});

test('a hundred statements in flight on each of ten connections, errors among them', async () => {
  const sql = connect(10);
  const asked = Array.from({ length: 5000 }, (_, i) =>
    i % 11 === 0
      ? sql`SELECT ${i}::int / 0 AS n`.then(String, (error: postgres.PostgresError) => error.code)
      : sql`SELECT ${i}::int AS n`.then((rows) => rows[0]?.n),
  );
  expect(await Promise.all(asked)).toEqual(Array.from({ length: 5000 }, (_, i) => (i % 11 === 0 ? '22012' : i)));
  await sql.end();
});
