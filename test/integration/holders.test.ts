// Who holds a full pool: the same five in the error, on the console and in the log; and no value of a statement in any of them.
import { afterEach, expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { textValues, type WireClient, type WireError } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { errorOf } from './settings/for-settings.ts';

const db = useDatabase();
const pooler = usePooler(db, () => ({
  admin_users: db.current.user,
  default_pool_size: 5,
  leak_detection_threshold: '800ms',
  leak_reclaim: 'never',
  query_wait_timeout: '400ms',
}));

const open: WireClient[] = [];
afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

async function connect(application_name: string): Promise<WireClient> {
  const client = await pooler.current.connect({ params: { application_name } });
  open.push(client);
  return client;
}

const SECRET = 'hunter2secret';
/** An application each, what it sends inside a transaction, and what may be seen of that. */
const APPLICATIONS = [
  ['cart', `SELECT '${SECRET}' AS item`, /select/i],
  ['billing', `SELECT 1 /* ${SECRET} */`, /select/i],
  ['mailer', `PREPARE p AS SELECT '${SECRET}'`, /prepare/i],
  ['search', `SET app.token = '${SECRET}'`, /set/i],
  ['report', `SELECT $x$${SECRET}$x$`, /select/i],
] as const;

async function show(what: string): Promise<Record<string, string | null>[]> {
  const console = await pooler.current.connect({ database: 'pgsluice' });
  const messages = await console.query(`SHOW ${what}`);
  await console.end();
  const names = messages.find(({ type }) => type === 'T')?.columns?.map(({ name }) => name) ?? [];
  return messages
    .filter(({ type }) => type === 'D')
    .map(textValues)
    .map((row) => Object.fromEntries(names.map((name, i) => [name, row[i] ?? null])));
}

async function exhaust(): Promise<WireError> {
  const waiting = await connect('innocent');
  const error = await errorOf(waiting.rows('SELECT 1'));
  return error;
}

test('five of five holders are named, by application and statement, and no value is told', async () => {
  for (const [application_name, sql] of APPLICATIONS) {
    const client = await connect(application_name);
    await client.rows('BEGIN');
    await client.rows(sql);
  }
  const { fields } = await exhaust();
  expect(fields).toMatchObject({ C: '53300', M: expect.stringMatching(/^query_wait_timeout/) });
  expect(fields.D).toMatch(/pool_size 5, servers 5, in use 5 \(running 0, idle in transaction 5, pinned 0\)/);
  expect(fields.H).toMatch(/^5 of 5 servers are held by clients that send nothing inside a transaction/);
  const holders = await show('HOLDERS');
  expect(holders).toHaveLength(5);
  for (const [application, , shown] of APPLICATIONS) {
    expect(fields.D).toContain(`"${application}"`);
    const row = holders.find(({ application_name }) => application_name === application);
    expect(row).toMatchObject({ state: 'idle_in_transaction', statements: '2', addr: '127.0.0.1' });
    expect(row?.statement).toMatch(shown);
  }
  // Looked for once a second, for a few ms.
  const pid = String(process.pid);
  await waitUntil(async () => (await show('HOLDERS')).every(({ process_id }) => process_id === pid), {
    timeoutMs: 20_000,
  });
  await waitUntil(async () => (await show('LEAKS')).length === 5);
  const leaks = await show('LEAKS');
  expect(leaks.map(({ life, kind }) => `${life} ${kind}`)).toEqual(Array(5).fill('leaked idle_in_transaction'));
  const applications = await show('APPLICATIONS');
  for (const [application] of APPLICATIONS) {
    const row = applications.find(({ application_name }) => application_name === application);
    expect(row).toMatchObject({ leaks: '1', reclaimed: '0' });
    expect(Number(row?.idle_in_transaction_seconds)).toBeGreaterThan(0.5);
    expect(Number(row?.waits_caused_seconds)).toBeGreaterThan(0);
  }
  const events = await show('EVENTS');
  const told = JSON.stringify([fields, holders, leaks, applications, events, pooler.current.log]);
  expect(told).toContain('cart');
  expect(told).not.toContain(SECRET);
  expect(told).not.toContain(SECRET.slice(0, 6));
});

test.each([
  ['slow_statements', 'SELECT pg_sleep(1.8)', /^Most servers run statements that have taken longer/],
  ['pinned', 'CREATE TEMP TABLE mine (i int)', /^Most servers are kept by clients/],
] as const)('the hint fits the cause: %s', async (_, sql, hint) => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect('busy')));
  for (const client of clients) client.send(build.query(sql));
  await new Promise((done) => setTimeout(done, 1_100));
  expect((await exhaust()).fields.H).toMatch(hint);
  for (const client of clients) {
    await client.readUntil('Z');
  }
});

test('names and routes of strangers can not do anything to a terminal', async () => {
  const client = await connect('a\u001b[31mb\n<script>');
  await client.rows('BEGIN');
  const [row] = await show('HOLDERS');
  expect(row?.application_name).toMatch(/^[\x20-\x7e]+$/);
});
