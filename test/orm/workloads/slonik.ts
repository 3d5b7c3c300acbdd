// Slonik: time limits in the startup packet, and DISCARD ALL whenever a connection goes back to its pool.
import { type CommonQueryMethods, createPool, sql } from 'slonik';
import { z } from 'zod';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

const items = z.object({ token: z.string(), note: z.string(), amount: z.number() });
const tokens = z.object({ token: z.string() });
const isolation = z.object({ transaction_isolation: z.string() });
const settings = z.object({ settings: z.string() });

/** Text as the tag gets it, which takes nothing else. */
function asTemplate(text: string): TemplateStringsArray {
  return Object.freeze(Object.assign([text], { raw: Object.freeze([text]) }));
}

export async function open(target: Target, connections: number): Promise<Workload> {
  const pool = await createPool(urlOf(target), { maxPoolSize: connections });

  const insert = (on: CommonQueryMethods, token: string, note = token) =>
    on.one(sql.type(items)`INSERT INTO items (token, note) VALUES (${token}, ${note}) RETURNING *`);
  const select = (on: CommonQueryMethods, token: string) =>
    on.maybeOne(sql.type(items)`SELECT token, note, amount FROM items WHERE token = ${token}`);

  async function insertAndRead(on: CommonQueryMethods, token: string) {
    await insert(on, token);
    return toItem(await select(on, token));
  }

  return {
    echo: (value) => pool.oneFirst(sql.type(z.object({ value: z.string() }))`SELECT ${value}::text AS value`),
    select: async (token) => toItem(await select(pool, token)),
    insert: async (token, note) => must(toItem(await insert(pool, token, note))),
    update: async (token, note) => {
      const query = sql.type(items)`
        UPDATE items SET note = ${note}, amount = amount + 1 WHERE token = ${token} RETURNING token, note, amount`;
      return must(toItem(await pool.one(query)));
    },
    batch: async (written) => {
      const rows = sql.unnest(
        written.map((token) => [token, token]),
        ['text', 'text'],
      );
      const query = sql.type(tokens)`INSERT INTO items (token, note) SELECT * FROM ${rows} RETURNING token`;
      return (await pool.many(query)).map((row) => row.token);
    },
    commit: (own, token) =>
      pool.transaction(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await tx.query(sql.unsafe`UPDATE items SET amount = amount + 1 WHERE token = ${own}`);
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        pool.transaction(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      pool.transaction(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      pool.transaction(async (tx) => {
        await tx.query(sql.unsafe`SET TRANSACTION ISOLATION LEVEL SERIALIZABLE`);
        return await tx.oneFirst(sql.type(isolation)`SHOW transaction_isolation`);
      }),
    settings: () => pool.oneFirst(sql.type(settings)(asTemplate(SETTINGS_SQL))),
    close: () => pool.end(),
  };
}
