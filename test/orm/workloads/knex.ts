// Knex: its query builder, its own pool over node-postgres.
import createKnex, { type Knex } from 'knex';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

interface Row {
  token: string;
  note: string;
  amount: unknown;
}

export async function open(target: Target, connections: number): Promise<Workload> {
  const pool = { min: Math.min(2, connections), max: connections };
  const knex = createKnex({ client: 'pg', connection: urlOf(target), pool });

  const items = (on: Knex) => on<Row>('items');
  const insert = (on: Knex, token: string, note = token) => items(on).insert({ token, note }).returning('*');
  const select = (on: Knex, token: string) => items(on).where({ token }).first();

  async function insertAndRead(on: Knex, token: string) {
    await insert(on, token);
    return toItem(await select(on, token));
  }

  return {
    echo: async (value) => (await knex.raw('SELECT ?::text AS value', [value])).rows[0].value,
    select: async (token) => toItem(await select(knex, token)),
    insert: async (token, note) => must(toItem((await insert(knex, token, note))[0])),
    update: async (token, note) => {
      const change = { note, amount: knex.raw('amount + 1') };
      const rows = await items(knex).where({ token }).update(change).returning('*');
      return must(toItem(rows[0]));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => ({ token, note: token }));
      const written: Pick<Row, 'token'>[] = await knex.batchInsert('items', rows, 2).returning('token');
      return written.map((row) => row.token);
    },
    commit: (own, token) =>
      knex.transaction(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await items(tx).where({ token: own }).increment('amount', 1);
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        knex.transaction(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      knex.transaction(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      knex.transaction(
        async (tx) => (await tx.raw('SHOW transaction_isolation')).rows[0].transaction_isolation as string,
        { isolationLevel: 'serializable' },
      ),
    settings: async () => (await knex.raw(SETTINGS_SQL)).rows[0].settings,
    close: () => knex.destroy(),
  };
}
