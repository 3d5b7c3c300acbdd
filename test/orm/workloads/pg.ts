// node-postgres: a pool, with transactions on a client of it.
import pg from 'pg';
import { must, SETTINGS_SQL, type Target, toItem, urlOf, type Workload } from '../workload.ts';

const INSERT = 'INSERT INTO items (token, note) VALUES ($1, $2) RETURNING *';
const SELECT = 'SELECT token, note, amount FROM items WHERE token = $1';

export async function open(target: Target, connections: number): Promise<Workload> {
  const pool = new pg.Pool({ connectionString: urlOf(target), max: connections });

  async function inTransaction<T>(begin: string, end: string, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    try {
      await client.query(begin);
      const result = await work(client);
      await client.query(end);
      return result;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }
  async function insertAndRead(client: pg.PoolClient, token: string) {
    await client.query(INSERT, [token, token]);
    return toItem((await client.query(SELECT, [token])).rows[0]);
  }

  return {
    echo: async (value) => (await pool.query('SELECT $1::text AS value', [value])).rows[0].value,
    select: async (token) => toItem((await pool.query(SELECT, [token])).rows[0]),
    insert: async (token, note) => must(toItem((await pool.query(INSERT, [token, note])).rows[0])),
    update: async (token, note) => {
      const sql = 'UPDATE items SET note = $2, amount = amount + 1 WHERE token = $1 RETURNING *';
      return must(toItem((await pool.query(sql, [token, note])).rows[0]));
    },
    batch: async (tokens) => {
      const sql = 'INSERT INTO items (token, note) SELECT t, t FROM unnest($1::text[]) t RETURNING token';
      return (await pool.query(sql, [tokens])).rows.map((row) => row.token);
    },
    commit: (own, token) =>
      inTransaction('BEGIN', 'COMMIT', async (client) => {
        const seen = await insertAndRead(client, token);
        await client.query('UPDATE items SET amount = amount + 1 WHERE token = $1', [own]);
        return seen;
      }),
    rollback: (token) => inTransaction('BEGIN', 'ROLLBACK', (client) => insertAndRead(client, token)),
    conflictInTransaction: (token, taken) =>
      inTransaction('BEGIN', 'COMMIT', async (client) => {
        await insertAndRead(client, token);
        await insertAndRead(client, taken);
      }),
    isolation: () =>
      inTransaction('BEGIN ISOLATION LEVEL SERIALIZABLE', 'COMMIT', async (client) => {
        return (await client.query('SHOW transaction_isolation')).rows[0].transaction_isolation;
      }),
    settings: async () => (await pool.query(SETTINGS_SQL)).rows[0].settings,
    named: async (token) => {
      const text = 'SELECT token, note FROM items WHERE token = $1';
      return toItem((await pool.query({ name: 'item-by-token', text, values: [token] })).rows[0]);
    },
    namedStar: async (token) => {
      const text = 'SELECT * FROM items WHERE token = $1';
      return toItem((await pool.query({ name: 'whole-item-by-token', text, values: [token] })).rows[0]);
    },
    close: () => pool.end(),
  };
}
