// node-postgres through the pooler: every reply belongs to its asker.
import pg from 'pg';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { CLIENTS, committedTokens, POOL_SIZE, runClient, SETUP, type Steps } from './mixed-load.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: POOL_SIZE, query_wait_timeout: '50s' });

function stepsOf(client: pg.Client): Steps {
  const one = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows[0]?.t as string;
  const inTransaction = async (token: string, end: string) => {
    await client.query('BEGIN');
    await client.query('INSERT INTO tokens (token) VALUES ($1)', [token]);
    const seen = await one('SELECT token AS t FROM tokens WHERE token = $1', [token]);
    await client.query(end);
    return seen;
  };
  return {
    simple: (token) => one(`SELECT '${token}' AS t`),
    parameterized: (token) => one('SELECT $1::text AS t, $2::int AS n', [token, 7]),
    transaction: (token) => inTransaction(token, 'COMMIT'),
    rollback: (token) => inTransaction(token, 'ROLLBACK'),
    failing: (token) => client.query('SELECT fail($1)', [token]).then(String, (error: Error) => error.message),
    rows: async (token) => {
      const { rows } = await client.query(`SELECT $1 || '/' || n AS t FROM generate_series(1, 20) n`, [token]);
      return rows.map((row) => row.t).join();
    },
  };
}

test('100 clients run 200 mixed statements each over a pool of 4', async () => {
  await db.current.query(SETUP);
  const clients = Array.from({ length: CLIENTS }, () => new pg.Client(pooler.current.config));
  await Promise.all(clients.map((client) => client.connect()));
  const wrong = await Promise.all(clients.map((client, i) => runClient(i, stepsOf(client))));
  expect(wrong.flat()).toEqual([]);
  expect(pooler.current.pool().serverCount).toBeLessThanOrEqual(POOL_SIZE);
  const [row] = await db.current.query<{ n: number }>('SELECT count(*)::int AS n FROM tokens');
  expect(row?.n).toBe(committedTokens());
  await Promise.all(clients.map((client) => client.end()));
});

test('a pool of node-postgres on top of ours, with transactions that are left by an error', async () => {
  const pool = new pg.Pool({ ...pooler.current.config, max: 30 });
  const transactions = Array.from({ length: 300 }, async (_, i) => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query('SELECT $1::int AS n, txid_current() AS x', [i]);
      if (i % 3 === 0) await client.query('SELECT 1/0');
      await client.query('COMMIT');
      return rows[0].n as number;
    } catch (error) {
      await client.query('ROLLBACK');
      return (error as pg.DatabaseError).code;
    } finally {
      client.release();
    }
  });
  expect(await Promise.all(transactions)).toEqual(Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? '22012' : i)));
  await pool.end();
  // It says that it is done before its connections are.
  await waitUntil(() => pooler.current.app.clients.size === 0);
});
