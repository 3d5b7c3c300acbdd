// Kysely: its query builder on a pool of node-postgres.
import { type Generated, Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

interface Database {
  items: { id: Generated<number>; token: string; note: string; amount: Generated<number> };
}

export async function open(target: Target, connections: number): Promise<Workload> {
  const pool = new pg.Pool({ connectionString: urlOf(target), max: connections });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });

  const insert = (on: Kysely<Database>, token: string, note = token) =>
    on.insertInto('items').values({ token, note }).returningAll().executeTakeFirst();
  const select = (on: Kysely<Database>, token: string) =>
    on.selectFrom('items').selectAll().where('token', '=', token).executeTakeFirst();

  async function insertAndRead(on: Kysely<Database>, token: string) {
    await insert(on, token);
    return toItem(await select(on, token));
  }

  return {
    echo: async (value) => {
      const { rows } = await sql<{ value: string }>`SELECT ${value}::text AS value`.execute(db);
      return must(rows[0]).value;
    },
    select: async (token) => toItem(await select(db, token)),
    insert: async (token, note) => must(toItem(await insert(db, token, note))),
    update: async (token, note) => {
      const query = db.updateTable('items').set((eb) => ({ note, amount: eb('amount', '+', 1) }));
      return must(toItem(await query.where('token', '=', token).returningAll().executeTakeFirst()));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => ({ token, note: token }));
      return (await db.insertInto('items').values(rows).returning('token').execute()).map((row) => row.token);
    },
    commit: (own, token) =>
      db.transaction().execute(async (tx) => {
        const seen = await insertAndRead(tx, token);
        const change = tx.updateTable('items').set((eb) => ({ amount: eb('amount', '+', 1) }));
        await change.where('token', '=', own).execute();
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        db.transaction().execute(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      db.transaction().execute(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      db
        .transaction()
        .setIsolationLevel('serializable')
        .execute(async (tx) => {
          const { rows } = await sql<{ transaction_isolation: string }>`SHOW transaction_isolation`.execute(tx);
          return must(rows[0]).transaction_isolation;
        }),
    settings: async () => must((await sql.raw<{ settings: string }>(SETTINGS_SQL).execute(db)).rows[0]).settings,
    close: () => db.destroy(),
  };
}
