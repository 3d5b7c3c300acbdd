// A BEGIN that goes to a real Postgres together with what its session lacks there.
import pg from 'pg';
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { queryOn, useDatabase } from '../support/postgres.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(pooler.current.config);
  client.on('error', () => {}); // some of them are closed
  await client.connect();
  return client;
}

const tenantOf = async (client: pg.Client) =>
  (await client.query<{ tenant: string }>("SELECT current_setting('app.tenant') AS tenant")).rows[0]!.tenant;

test('every transaction is in the session of its own client, and its rollback takes nothing of that away', async () => {
  const tenants = ['a', 'b', 'c'];
  const clients = await Promise.all(tenants.map(connect));
  try {
    for (const [i, client] of clients.entries()) await client.query(`SET app.tenant TO '${tenants[i]}'`);
    const play = async (client: pg.Client, tenant: string) => {
      for (let round = 0; round < 30; round += 1) {
        await client.query(round % 2 === 0 ? 'BEGIN' : 'START TRANSACTION READ ONLY');
        expect(await tenantOf(client)).toBe(tenant);
        await client.query(round % 3 === 0 ? 'ROLLBACK' : 'COMMIT');
        if (round % 5 === 0) expect(await tenantOf(client)).toBe(tenant);
      }
    };
    await Promise.all(clients.map((client, i) => play(client, tenants[i]!)));
    expect(pooler.current.pool().stats.preparationCount).toBeGreaterThan(30);
  } finally {
    for (const client of clients) await client.end();
  }
  await pooler.current.expectInvariants();
});

test('a client whose role is gone is told so at its BEGIN, and the next one gets a server as if nothing had been', async () => {
  await queryOn(db.current, 'CREATE ROLE leaving');
  const client = await connect();
  const other = await connect();
  try {
    await client.query('SET ROLE leaving');
    await other.query('SELECT 1');
    await other.query('DROP ROLE leaving');
    await expect(client.query('BEGIN')).rejects.toMatchObject({ severity: 'FATAL', code: '22023' });
    await expect(client.query('SELECT 1')).rejects.toThrow();
    const { rows } = await other.query(
      'SELECT current_user = session_user AS own, pg_current_xact_id_if_assigned() AS xid',
    );
    expect(rows).toEqual([{ own: true, xid: null }]);
    await other.query('BEGIN');
    await other.query('COMMIT');
  } finally {
    await other.end();
  }
  await pooler.current.expectInvariants();
});
