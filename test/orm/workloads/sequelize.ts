// Sequelize: a model, and the time zone and message level that it sets on each connection.
import { DataTypes, type Model, QueryTypes, Sequelize, Transaction } from 'sequelize';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

interface Row {
  token: string;
  note: string;
  amount?: unknown;
}
type Within = { transaction?: Transaction };

export async function open(target: Target, connections: number): Promise<Workload> {
  // It would print every statement.
  const sequelize = new Sequelize(urlOf(target), { pool: { max: connections }, logging: false });
  const items = sequelize.define<Model<Row> & Row>(
    'item',
    {
      token: { type: DataTypes.TEXT, unique: true, allowNull: false },
      note: { type: DataTypes.TEXT, allowNull: false },
      amount: { type: DataTypes.INTEGER, defaultValue: 0 },
    },
    { tableName: 'items', timestamps: false },
  );

  const read = (row: Model<Row> | null | undefined) => (row ? toItem(row.get({ plain: true })) : null);

  async function insertAndRead(token: string, within: Within) {
    await items.create({ token, note: token }, within);
    return read(await items.findOne({ where: { token }, ...within }));
  }
  async function one<T extends object>(sql: string, bind: unknown[] = [], within: Within = {}): Promise<T> {
    const [row] = await sequelize.query<T>(sql, { bind, type: QueryTypes.SELECT, ...within });
    return must(row);
  }

  return {
    echo: async (value) => (await one<{ value: string }>('SELECT $1::text AS value', [value])).value,
    select: async (token) => read(await items.findOne({ where: { token } })),
    insert: async (token, note) => must(read(await items.create({ token, note }))),
    update: async (token, note) => {
      const change = { note, amount: sequelize.literal('amount + 1') };
      const [, rows] = await items.update(change, { where: { token }, returning: true });
      return must(read(rows[0]));
    },
    batch: async (tokens) => {
      const rows = await items.bulkCreate(tokens.map((token) => ({ token, note: token })));
      return rows.map((row) => row.get('token') as string);
    },
    commit: (own, token) =>
      sequelize.transaction(async (transaction) => {
        const seen = await insertAndRead(token, { transaction });
        await items.increment('amount', { where: { token: own }, transaction });
        return seen;
      }),
    rollback: (token) =>
      seenBefore(
        sequelize.transaction(async (transaction) => {
          throw new Rollback(await insertAndRead(token, { transaction }));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      sequelize.transaction(async (transaction) => {
        await insertAndRead(token, { transaction });
        await insertAndRead(taken, { transaction });
      }),
    isolation: () =>
      sequelize.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }, async (transaction) => {
        const sql = "SELECT current_setting('transaction_isolation') AS level";
        return (await one<{ level: string }>(sql, [], { transaction })).level;
      }),
    settings: async () => (await one<{ settings: string }>(SETTINGS_SQL)).settings,
    close: () => sequelize.close(),
  };
}
