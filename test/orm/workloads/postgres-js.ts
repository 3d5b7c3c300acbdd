// postgres.js: every statement with parameters is a named prepared one, and statements of a transaction are pipelined.
// When a change of the table makes one of them invalid it prepares and runs it again. If that fails it tells the first error; and in a transaction,
// where it can't work, it loses count of its replies. Both happen straight on Postgres too, so such statements read columns that nothing changes.
import postgres from 'postgres';
import { must, Rollback, SETTINGS_SQL, seenBefore, type Target, toItem, urlOf, type Workload } from '../workload.ts';

interface Row {
  token: string;
  note: string;
  amount?: unknown;
}
type Sql = postgres.ISql;

export async function open(target: Target, connections: number): Promise<Workload> {
  // It would print every notice.
  const sql = postgres(urlOf(target), { max: connections, onnotice: () => {} });

  const insert = (on: Sql, token: string, note = token) =>
    on<Row[]>`INSERT INTO items ${on({ token, note })} RETURNING token, note`;
  const selectNote = (on: Sql, token: string) => on<Row[]>`SELECT token, note FROM items WHERE token = ${token}`;

  async function insertAndRead(on: Sql, token: string) {
    const [, [row]] = await Promise.all([insert(on, token), selectNote(on, token)]);
    return toItem(row);
  }

  return {
    echo: async (value) => (await sql`SELECT ${value}::text AS value`)[0]?.value,
    select: async (token) =>
      toItem((await sql<Row[]>`SELECT token, note, amount FROM items WHERE token = ${token}`)[0]),
    insert: async (token, note) => must(toItem((await insert(sql, token, note))[0])),
    update: async (token, note) => {
      const [row] = await sql<Row[]>`
        UPDATE items SET ${sql({ note })}, amount = amount + 1 WHERE token = ${token} RETURNING token, note, amount`;
      return must(toItem(row));
    },
    batch: async (tokens) => {
      const rows = tokens.map((token) => ({ token, note: token }));
      return (await sql<Row[]>`INSERT INTO items ${sql(rows)} RETURNING token`).map((row) => row.token);
    },
    commit: async (own, token) => {
      return await sql.begin(async (tx) => {
        const seen = await insertAndRead(tx, token);
        await tx`UPDATE items SET amount = amount + 1 WHERE token = ${own}`;
        return seen;
      });
    },
    rollback: (token) =>
      seenBefore(
        sql.begin(async (tx) => {
          throw new Rollback(await insertAndRead(tx, token));
        }),
      ),
    conflictInTransaction: (token, taken) =>
      sql.begin(async (tx) => {
        await insertAndRead(tx, token);
        await insert(tx, taken);
      }),
    isolation: async () => {
      const [row] = await sql.begin('ISOLATION LEVEL SERIALIZABLE', (tx) => tx`SHOW transaction_isolation`);
      return row?.transaction_isolation;
    },
    settings: async () => (await sql.unsafe(SETTINGS_SQL))[0]?.settings,
    named: async (token) => toItem((await selectNote(sql, token))[0]),
    namedStar: async (token) => toItem((await sql<Row[]>`SELECT * FROM items WHERE token = ${token}`)[0]),
    close: () => sql.end(),
  };
}
