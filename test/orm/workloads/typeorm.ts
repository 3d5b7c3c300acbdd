// TypeORM: a repository of an EntitySchema, which needs no decorators.
import { DataSource, type EntityManager, EntitySchema } from 'typeorm';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

interface Row {
  id: number;
  token: string;
  note: string;
  amount: unknown;
}

const items = new EntitySchema<Row>({
  name: 'Item',
  tableName: 'items',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    token: { type: 'text', unique: true },
    note: { type: 'text' },
    amount: { type: 'int', default: 0 },
  },
});
const more = () => 'amount + 1';

export async function open(target: Target, connections: number): Promise<Workload> {
  const source = new DataSource({ type: 'postgres', url: urlOf(target), poolSize: connections, entities: [items] });
  await source.initialize();

  const insert = (on: EntityManager, token: string, note = token) => on.save(items, { token, note });
  const select = (on: EntityManager, token: string) => on.findOneBy(items, { token });

  async function insertAndRead(on: EntityManager, token: string) {
    await insert(on, token);
    return toItem(await select(on, token));
  }

  const { manager } = source;
  return {
    echo: async (value) => (await source.query('SELECT $1::text AS value', [value]))[0].value,
    select: async (token) => toItem(await select(manager, token)),
    insert: async (token, note) => toItem(await insert(manager, token, note))!,
    update: async (token, note) => {
      const query = manager.createQueryBuilder().update(items).set({ note, amount: more }).where({ token });
      const { raw } = await query.returning(['token', 'note', 'amount']).execute();
      return must(toItem(raw[0]));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => ({ token, note: token }));
      return (await manager.save(items, rows, { chunk: 2 })).map((row) => row.token);
    },
    commit: (own, token) =>
      source.transaction(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await tx.increment(items, { token: own }, 'amount', 1);
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        source.transaction(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      source.transaction(async (tx) => {
        await insertAndRead(tx, token);
        await insertAndRead(tx, taken);
      }),
    isolation: () =>
      source.transaction('SERIALIZABLE', async (tx) => {
        return (await tx.query('SHOW transaction_isolation'))[0].transaction_isolation as string;
      }),
    settings: async () => (await source.query(SETTINGS_SQL))[0].settings,
    close: () => source.destroy(),
  };
}
