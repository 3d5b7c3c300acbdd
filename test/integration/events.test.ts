// The flight recorder on a real Postgres: what it hears of, how it is read, and what is told when a pool is exhausted.
import { expect, test } from 'vitest';
import type { LogLine } from '../support/pooler.ts';
import { startPooler, usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';

const db = useDatabase();
const pooler = usePooler(db, {
  default_pool_size: 1,
  query_wait_timeout: '300ms',
  http_listen_port: 0,
  max_client_conn: 50,
});

interface Told {
  sequence: number;
  kind: string;
  cause?: string;
  count: number;
  [fact: string]: unknown;
}

const named = (application_name: string) => pooler.current.connect({ params: { application_name } });

/** Holds the only server while others wait; resolves when it is free again. */
async function whileHeld(action: () => Promise<unknown>): Promise<void> {
  const holder = await named('holder');
  await holder.rows('BEGIN');
  await action();
  await holder.rows('COMMIT');
  await holder.end();
}

test('SHOW EVENTS tells a wait, a refused login, an exhausted pool and what the operator did, newest last', async () => {
  await whileHeld(async () => {
    const waiter = await pooler.current
      .connect({ params: { application_name: 'late app', datestyle: 'german' } })
      .catch((error: unknown) => error);
    expect(waiter).toMatchObject({ code: '53300' });
  });
  await named('second'); // its startup parameters are known from here on
  const client = await named('late app');
  await whileHeld(async () => {
    const answer = client.rows('SELECT 1');
    await waitUntil(() => pooler.current.pool().maxWaitMs(pooler.current.app.clock.now()) > 50);
    void answer;
  });
  await expect(pooler.current.connect({ password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  pooler.current.app.control.reconnect(null);
  expect(pooler.current.reload({ query_wait_timeout: '310ms' }).ok).toBe(true);
  // The first of all waits for a login to Postgres, which may take long enough to be told.
  const rows = (await pooler.current.console('SHOW EVENTS')).filter((row) => row.application_name !== 'holder');
  const { database, user } = db.current;
  const shown = rows.map(({ kind, cause, application_name }) => `${kind}/${cause}/${application_name}`);
  expect(shown).toEqual([
    'wait_timeout/query_wait_timeout/late app',
    expect.stringMatching(/^wait\/\/late app$/),
    'client_refused/auth_failed/',
    'reconnect//',
    'reload/done/',
  ]);
  expect(rows[0]).toMatchObject({ database, user, client: expect.stringMatching(/^c\d+$/), count: 1 });
  expect(rows[0]?.duration_ms).toBeGreaterThanOrEqual(300);
  expect(rows[0]?.text).toContain('pool_size 1');
  expect(rows[1]).toMatchObject({ server: expect.stringMatching(/^s\d+$/) });
  expect(rows[1]?.sequence).toBeGreaterThan(rows[0]?.sequence);
  expect(rows[1]?.duration_ms).toBeGreaterThanOrEqual(50);
  expect(rows[4]).toMatchObject({
    text: 'query_wait_timeout',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC$/),
  });
  await client.end();
});

test('SHOW EVENTS takes the number of rows, and nothing else does', async () => {
  const all = await pooler.current.console('SHOW EVENTS');
  expect(all.length).toBeGreaterThan(3);
  expect(await pooler.current.console('show events 2;')).toEqual(all.slice(-2));
  expect(await pooler.current.console('SHOW EVENTS 0')).toEqual([]);
  for (const command of ['SHOW EVENTS x', 'SHOW EVENTS -1', 'SHOW EVENTS 1 2', 'SHOW POOLS 1', 'PAUSE a 1'])
    await expect(pooler.current.console(command)).rejects.toMatchObject({ code: '42601' });
});

test('a lost server and a login that Postgres refuses are events, with the words of Postgres', async () => {
  const client = await pooler.current.connect();
  const [row] = await client.rows('SELECT pg_backend_pid()');
  await db.current.query(`SELECT pg_terminate_backend(${row![0]})`);
  await waitUntil(() => pooler.current.pool().serverCount === 0);
  const [lost] = await pooler.current.console('SHOW EVENTS 1');
  expect(lost).toMatchObject({ kind: 'server_closed', cause: 'eof', server: expect.stringMatching(/^s\d+$/) });
  expect(lost?.text).toContain('terminating connection');
  await client.end();
});

test('the log has the last events of a pool when it is exhausted, once in a minute and for each pool', async () => {
  const own = await startPooler(db.current, {
    default_pool_size: 1,
    query_wait_timeout: '200ms',
    databases: {
      [db.current.database]: { host: db.current.host, port: db.current.port },
      other: { host: db.current.host, port: db.current.port, dbname: db.current.database },
    },
  });
  const dumps = () => own.log.filter(({ msg }) => msg === 'event ring') as (LogLine & { events: Told[] })[];
  // A first login to Postgres may or may not take long enough to be told as a wait.
  const kinds = () => dumps().map(({ events }) => events.map(({ kind }) => kind).filter((kind) => kind !== 'wait'));
  const exhaust = async (database: string) => {
    const holder = await own.connect({ database, params: { application_name: 'holder' } });
    await holder.rows('BEGIN');
    const other = await own.connect({ database, params: { application_name: 'holder' } });
    await expect(other.rows('SELECT 1')).rejects.toMatchObject({ code: '53300' });
    await holder.end();
    await other.end();
  };
  try {
    own.app.control.reconnect('other');
    await exhaust(db.current.database);
    await exhaust(db.current.database);
    expect(dumps()).toHaveLength(1);
    expect(dumps()[0]).toMatchObject({ level: 'warn', database: db.current.database, user: db.current.user });
    expect(dumps()[0]?.events.at(-1)).toMatchObject({ kind: 'wait_timeout', applicationName: 'holder', count: 1 });
    await exhaust('other');
    expect(kinds()).toEqual([['wait_timeout'], ['reconnect', 'wait_timeout']]);
    own.app.clock.skip(-61_000); // a quiet minute
    await exhaust('other');
    expect(dumps()).toHaveLength(3);
  } finally {
    await own.stop();
  }
});
