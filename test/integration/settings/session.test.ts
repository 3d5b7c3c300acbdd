// Settings of what a session keeps beyond its transaction.
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../../support/postgres.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, farewell, pidOf, poolerFor, show } from './for-settings.ts';

const db = useDatabase();

/** Two clients of a pool of one server. */
async function pair(settings: Record<string, unknown>) {
  const pooler = await poolerFor(db.current, { default_pool_size: 1, ...settings });
  return { pooler, a: await pooler.connect(), b: await pooler.connect() };
}

const UNREADABLE = "DO $$ BEGIN EXECUTE 'SET app' || '.hidden TO 1'; END $$";
const HIDDEN = "SELECT current_setting('app.hidden', true)";

describe('session_policy', () => {
  test('session_policy: temp=pin keeps the server until the table is dropped', async () => {
    const { pooler, a, b } = await pair({ query_wait_timeout: '500ms' });
    await a.rows('CREATE TEMP TABLE t AS SELECT 1 AS x');
    expect((await errorOf(b.rows('SELECT 1'))).fields.C).toBe('53300');
    expect(await a.rows('SELECT x FROM t')).toEqual([['1']]);
    expect(await pooler.app.metrics.text()).toMatch(/pgsluice_pool_pinned_servers\{.*kind="temp"\} 1/);
    await a.rows('DROP TABLE t');
    // SELECT and DROP were answered by a pinned server; CREATE made it one.
    expect(await pooler.app.metrics.text()).toMatch(/pgsluice_pool_pinned_queries_total\{[^}]*\} 2\n/);
    expect(await b.rows('SELECT 1')).toEqual([['1']]);
  });

  test('session_policy: temp=reset undoes it when the transaction is over', async () => {
    const { a, b } = await pair({ session_policy: { temp: 'reset' } });
    await a.rows('CREATE TEMP TABLE t AS SELECT 1 AS x');
    expect(await b.rows("SELECT to_regclass('t')")).toEqual([[null]]);
    expect((await errorOf(a.rows('SELECT x FROM t'))).fields.C).toBe('42P01');
  });

  test('session_policy: temp=reject refuses the statement as Postgres would, and the transaction with it', async () => {
    const { a, b } = await pair({ session_policy: 'temp=reject' });
    const error = await errorOf(a.rows('CREATE TEMP TABLE t (x int)'));
    expect(error.fields).toMatchObject({ C: '0A000', S: 'ERROR' });
    expect(error.fields.M).toContain('temp');
    expect(await a.rows('SELECT 1')).toEqual([['1']]);
    await a.rows('BEGIN');
    expect((await errorOf(a.rows('CREATE TEMP TABLE t (x int)'))).fields.C).toBe('0A000');
    expect((await errorOf(a.rows('SELECT 1'))).fields.C).toBe('25P02');
    await a.rows('ROLLBACK');
    expect(await b.rows("SELECT to_regclass('t')")).toEqual([[null]]);
  });

  test('session_policy: sequence=warn lets it through and counts it, pin keeps the server', async () => {
    await db.current.query('CREATE SEQUENCE s');
    const warned = await pair({});
    await warned.a.rows("SELECT nextval('s')");
    const { stats } = warned.pooler.pool();
    expect(stats.sessionWarnings.of('sequence')).toBe(1);
    expect(await warned.b.rows('SELECT 1')).toEqual([['1']]);
    const pinned = await pair({ session_policy: { sequence: 'pin' }, query_wait_timeout: '300ms' });
    const [[next]] = (await pinned.a.rows("SELECT nextval('s')")) as [[string]];
    expect((await errorOf(pinned.b.rows('SELECT 1'))).fields.C).toBe('53300');
    expect(await pinned.a.rows("SELECT currval('s')")).toEqual([[next]]);
    await pinned.a.end();
    expect(await pinned.b.rows('SELECT 1')).toEqual([['1']]);
    expect((await errorOf(pinned.b.rows("SELECT currval('s')"))).fields.C).toBe('55000');
  });
});

test('max_pinned_servers: a client that would keep one too many is closed, and its server undone', async () => {
  const pooler = await poolerFor(db.current, { default_pool_size: 3, max_pinned_servers: 1 });
  const [a, b, c] = [await pooler.connect(), await pooler.connect(), await pooler.connect()];
  await a.rows('SELECT pg_advisory_lock(1)');
  await b.rows('SELECT pg_advisory_lock(2)');
  const error = await farewell(b);
  expect(error).toMatchObject({ C: '53400', S: 'FATAL' });
  await waitUntil(() => pooler.pool().servers.tested.length === 0);
  expect(await c.rows('SELECT pg_try_advisory_lock(2), pg_advisory_unlock(2)')).toEqual([['t', 't']]);
  expect(await c.rows('SELECT pg_try_advisory_lock(1)')).toEqual([['f']]);
});

describe('session_opaque', () => {
  test('session_opaque: reset undoes what nobody can see before another client gets the server', async () => {
    const { a, b } = await pair({});
    await a.rows(UNREADABLE);
    expect(await a.rows(HIDDEN)).toEqual([['1']]);
    expect(await b.rows(HIDDEN)).toEqual([['']]);
  });

  test('session_opaque: pin keeps the server until the client leaves', async () => {
    const { a, b } = await pair({ session_opaque: 'pin', query_wait_timeout: '300ms' });
    await a.rows(UNREADABLE);
    expect((await errorOf(b.rows('SELECT 1'))).fields.C).toBe('53300');
    expect(await a.rows(HIDDEN)).toEqual([['1']]);
    await a.end();
    expect(await b.rows(HIDDEN)).toEqual([['']]);
  });

  test('session_opaque: ignore does nothing', async () => {
    const { a, b } = await pair({ session_opaque: 'ignore' });
    await a.rows(UNREADABLE);
    expect(await b.rows(HIDDEN)).toEqual([['1']]);
  });
});

test('classify_max_bytes: a longer statement counts as one that nobody can look into', async () => {
  const long = `SELECT 1 -- ${'x'.repeat(2000)}`;
  for (const [classify_max_bytes, inspections] of [
    ['1kB', 1],
    ['4kB', 0],
  ] as const) {
    const { pooler, a } = await pair({ classify_max_bytes });
    const pid = await pidOf(a);
    const before = pooler.pool().stats.inspectionCount;
    expect(await a.rows(long)).toEqual([['1']]);
    expect(await pidOf(a)).toBe(pid);
    expect(pooler.pool().stats.inspectionCount - before).toBe(inspections);
    expect(await show(a, 'work_mem')).toBe('4MB');
  }
});
