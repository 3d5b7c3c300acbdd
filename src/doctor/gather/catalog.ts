// Facts of the catalog: who is there, and what roles, databases and pg_hba.conf are like. Each login asks what those before were not shown.
import type pg from 'pg';
import type { CatalogFacts, CatalogPart } from '../facts.ts';
import { seen } from './session.ts';

type Rows = readonly pg.QueryResultRow[];

/** How a part is asked for, and what its rows come to. */
type Question<Part extends CatalogPart> = { readonly sql: string; readonly of: (rows: Rows) => CatalogFacts[Part] };

const QUESTIONS: { readonly [Part in CatalogPart]: Question<Part> } = {
  sessions: {
    // backend_type of others is hidden from an ordinary role.
    sql: `SELECT usename AS user, datname AS database, pg_catalog.count(*)::int AS count FROM pg_catalog.pg_stat_activity
      WHERE usename IS NOT NULL AND datname IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
        AND COALESCE(backend_type, 'client backend') = 'client backend' GROUP BY 1, 2`,
    of: (rows) => rows.map(({ user, database, count }) => ({ user, database, count })),
  },
  roles: {
    sql: `SELECT rolname AS name, rolconnlimit AS limit, rolsuper AS super,
        CASE WHEN pg_catalog.isfinite(rolvaliduntil) THEN (EXTRACT(epoch FROM rolvaliduntil) * 1000)::text END AS until
      FROM pg_catalog.pg_roles`,
    of: (rows) =>
      new Map(
        rows.map(({ name, limit, super: isSuperuser, until }) => [
          name,
          { connectionLimit: limit, isSuperuser, validUntil: until === null ? null : Number(until) },
        ]),
      ),
  },
  secrets: {
    sql: 'SELECT rolname AS name, rolpassword AS secret FROM pg_catalog.pg_authid',
    of: (rows) => new Map(rows.map(({ name, secret }) => [name, secret])),
  },
  databases: {
    sql: 'SELECT datname AS name, datconnlimit AS limit FROM pg_catalog.pg_database',
    of: (rows) => new Map(rows.map(({ name, limit }) => [name, { connectionLimit: limit }])),
  },
  hbaErrors: {
    sql: 'SELECT line_number AS line, error FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL ORDER BY 1',
    of: (rows) => rows.map(({ line, error }) => ({ line, error })),
  },
};

export async function askCatalog(client: pg.Client, known: CatalogFacts): Promise<CatalogFacts> {
  const catalog = { ...known };
  const denied = { ...known.denied };
  for (const part of Object.keys(QUESTIONS) as CatalogPart[]) {
    if (catalog[part] !== null) continue;
    const { sql, of } = QUESTIONS[part];
    const answer = await seen(client, sql);
    if (answer.rows === null) {
      denied[part] = answer.denied;
      continue;
    }
    Object.assign(catalog, { [part]: of(answer.rows) });
    delete denied[part];
  }
  return { ...catalog, denied };
}
