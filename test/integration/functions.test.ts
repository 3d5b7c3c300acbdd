// Functions and tables that change a session: which statements are asked about, and that nothing of them reaches others.
import { beforeAll, describe, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

const body = (text: string) => `LANGUAGE plpgsql AS $$ BEGIN ${text} END $$`;

beforeAll(() =>
  db.current.query(`
    CREATE FUNCTION harmless(a int) RETURNS int ${body("UPDATE plain SET x = a; RETURN length('SET work_mem TO 1');")};
    CREATE FUNCTION of_sql(a int) RETURNS int LANGUAGE sql STABLE AS 'SELECT a + 1';
    CREATE FUNCTION sets() RETURNS text ${body("PERFORM set_config('app.tenant', 'acme', false); RETURN 'x';")};
    CREATE FUNCTION sets_mem() RETURNS void ${body("SET work_mem TO '9MB';")};
    CREATE FUNCTION calls() RETURNS text LANGUAGE sql AS 'SELECT sets()';
    CREATE FUNCTION hides() RETURNS void ${body("EXECUTE 'SET app' || '.hidden TO 1';")};
    CREATE FUNCTION locks() RETURNS void ${body('PERFORM pg_advisory_lock(77);')};
    CREATE FUNCTION fires() RETURNS trigger ${body("PERFORM set_config('app.tenant', 'fired', false); RETURN NEW;")};
    CREATE AGGREGATE sums(int) (SFUNC = int4pl, STYPE = int);
    CREATE TABLE plain (x int);
    CREATE TABLE parent (x int) PARTITION BY RANGE (x);
    CREATE TABLE child PARTITION OF parent FOR VALUES FROM (0) TO (10);
    CREATE TRIGGER t BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION fires();
    CREATE VIEW shows AS SELECT sets() AS y;
    CREATE TABLE with_default (x text DEFAULT sets());
  `),
);

const SHOW = "SELECT coalesce(current_setting('app.tenant', true), ''), current_setting('work_mem')";
const inspections = () => pooler.current.pool().stats.inspectionCount;

describe('a statement that calls nothing that may change the session', () => {
  test.for([
    'SELECT harmless(1)',
    'SELECT of_sql(1), sums(x) FROM plain GROUP BY x',
    'INSERT INTO plain (x) VALUES (1)',
    'SELECT upper(x::text), count(*) FROM plain GROUP BY x',
  ])('%s is not asked about', async (sql) => {
    const client = await pooler.current.connect();
    await client.rows('SELECT 1');
    const before = inspections();
    await client.rows(sql);
    await client.rows('SELECT 1');
    expect(inspections() - before).toBe(0);
    await client.end();
  });
});

describe('what a function sets is its client’s, and nobody else’s', () => {
  test.for([
    ['SELECT sets()', 'acme', '4MB'],
    ['SELECT sets_mem()', '', '9MB'],
    ['SELECT calls()', 'acme', '4MB'],
    ['INSERT INTO parent VALUES (1)', 'fired', '4MB'],
    ['SELECT * FROM shows', 'acme', '4MB'],
    ['INSERT INTO with_default DEFAULT VALUES', 'acme', '4MB'],
    ['DO $$ BEGIN PERFORM calls(); END $$', 'acme', '4MB'],
  ] as const)('%s', async ([sql, tenant, memory]) => {
    const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
    await client.rows(sql);
    expect(await other.rows(SHOW)).toEqual([['', '4MB']]);
    expect(await client.rows(SHOW)).toEqual([[tenant, memory]]);
    expect(await other.rows(SHOW)).toEqual([['', '4MB']]);
    await client.end();
    await other.end();
  });

  test('not even when it sets what nobody can see', async () => {
    const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
    const hidden = "SELECT coalesce(current_setting('app.hidden', true), '')";
    await client.rows('SELECT hides()');
    expect(await client.rows(hidden)).toEqual([['1']]);
    expect(await other.rows(hidden)).toEqual([['']]);
    await client.end();
    await other.end();
  });

  test('a lock that it takes keeps the server until it is given back', async () => {
    const client = await pooler.current.connect();
    await client.rows('SELECT locks()');
    await client.rows('SELECT 1');
    expect(pooler.current.pool().pinnedServers).toBe(1);
    await client.rows('SELECT pg_advisory_unlock(77)');
    await client.rows('SELECT 1');
    expect(pooler.current.pool().pinnedServers).toBe(0);
    await client.end();
  });
});

describe('a function that is made or changed', () => {
  const change = (text: string) => `CREATE OR REPLACE FUNCTION changing() RETURNS void ${body(text)}`;
  const set = "PERFORM set_config('app.tenant', 'new', false);";

  test('through pgsluice is known at once', async () => {
    const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
    for (const [text, tenant] of [
      ['NULL;', ''],
      [set, 'new'],
    ] as const) {
      await other.rows(change(text));
      await client.rows('SELECT changing()');
      expect(await other.rows(SHOW)).toEqual([['', '4MB']]);
      expect(await client.rows(SHOW)).toEqual([[tenant, '4MB']]);
    }
    await client.end();
    await other.end();
  });

  test('by somebody else is known within a minute', async () => {
    const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
    await other.rows(change('NULL;'));
    await db.current.query(change(set));
    pooler.current.pool().catalogChanged(); // the minute is over
    await client.rows('SELECT 1');
    await client.rows('SELECT changing()');
    expect(await other.rows(SHOW)).toEqual([['', '4MB']]);
    expect(await client.rows(SHOW)).toEqual([['new', '4MB']]);
    await client.end();
    await other.end();
  });
});
