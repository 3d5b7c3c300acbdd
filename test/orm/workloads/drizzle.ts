// Drizzle on node-postgres, with statements that it prepares by name.
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

const items = pgTable('items', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  token: text().notNull().unique(),
  note: text().notNull(),
  amount: integer().notNull().default(0),
});
const more = sql`${items.amount} + 1`;

export async function open(target: Target, connections: number): Promise<Workload> {
  const db = drizzle({ connection: { connectionString: urlOf(target), max: connections } });

  type On = Pick<typeof db, 'insert' | 'select'>;
  const insert = (on: On, token: string, note = token) => on.insert(items).values({ token, note }).returning();
  const select = (on: On, token: string) => on.select().from(items).where(eq(items.token, token));

  async function insertAndRead(on: On, token: string) {
    await insert(on, token);
    return toItem((await select(on, token))[0]);
  }

  const byToken = eq(items.token, sql.placeholder('token'));
  const { token, note } = items;
  const named = db.select({ token, note }).from(items).where(byToken).prepare('item_by_token');
  const namedStar = db.select().from(items).where(byToken).prepare('whole_item_by_token');

  return {
    echo: async (value) => (await db.execute<{ value: string }>(sql`SELECT ${value}::text AS value`)).rows[0]!.value,
    select: async (token) => toItem((await select(db, token))[0]),
    insert: async (token, note) => must(toItem((await insert(db, token, note))[0])),
    update: async (token, note) => {
      const rows = await db.update(items).set({ note, amount: more }).where(eq(items.token, token)).returning();
      return must(toItem(rows[0]));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => ({ token, note: token }));
      return (await db.insert(items).values(rows).returning()).map((row) => row.token);
    },
    commit: (own, token) =>
      db.transaction(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await tx.update(items).set({ amount: more }).where(eq(items.token, own));
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        db.transaction(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      db.transaction(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      db.transaction(
        async (tx) => {
          const { rows } = await tx.execute<{ transaction_isolation: string }>(sql`SHOW transaction_isolation`);
          return rows[0]!.transaction_isolation;
        },
        { isolationLevel: 'serializable' },
      ),
    settings: async () => (await db.execute<{ settings: string }>(sql.raw(SETTINGS_SQL))).rows[0]!.settings,
    named: async (token) => toItem((await named.execute({ token }))[0]),
    namedStar: async (token) => toItem((await namedStar.execute({ token }))[0]),
    close: () => db.$client.end(),
  };
}
