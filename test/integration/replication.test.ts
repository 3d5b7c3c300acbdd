// Replication through the pooler: a server of its own for each such client, counted like the others.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, type TestContext, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { createRole, useDatabase } from '../support/postgres.ts';
import { findTool, skipBecause } from '../support/tools.ts';
import { waitUntil } from '../support/wait-until.ts';
import { types, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const POOL_SIZE = 3;
const pooler = usePooler(db, () => {
  const { host, port, user, password, database } = db.current;
  return {
    default_pool_size: POOL_SIZE,
    query_wait_timeout: '3s',
    databases: { [database]: { host, port }, '*': { host, port } },
    users: { [user]: { password }, no_rights: { password: 'x' } },
  };
});

const logical = () => pooler.current.connect({ params: { replication: 'database', application_name: 'walreader' } });

/** The text of the changes until one holds `text`. */
async function readChanges(client: WireClient, text: string): Promise<void> {
  for (;;) {
    const message = await client.next();
    expect(message.type).toBe('d');
    if (message.body.toString('latin1').includes(text)) return;
  }
}

async function stream(client: WireClient, slot: string): Promise<void> {
  await client.rows(`CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT`);
  client.send(build.query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'p')`));
  await client.readUntil('W');
}

async function expectNeighbour(): Promise<void> {
  const client = await pooler.current.connect();
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
}

test('a logical walsender is identified, makes a slot and streams changes; the servers of others are left alone', async () => {
  await db.current.query('CREATE TABLE watched (n text); CREATE PUBLICATION p FOR TABLE watched');
  const client = await logical();
  const pool = pooler.current.pool();
  expect(pool.serverCount).toBe(1);
  const [row] = (await client.rows('IDENTIFY_SYSTEM')) as [string[]];
  expect(row[3]).toBe(db.current.database);
  await stream(client, `slot_${process.pid}`);
  const writer = await pooler.current.connect();
  await writer.rows("INSERT INTO watched VALUES ('first change')");
  await readChanges(client, 'first change');
  expect(await pooler.current.query('SELECT state FROM pg_stat_replication')).toEqual([{ state: 'streaming' }]);
  // A standby status update ('r') and the end of the stream; then it is an ordinary walsender session again.
  client.send(build.copyData(Buffer.concat([Buffer.from('r'), Buffer.alloc(33)])), build.copyDone());
  const end = await client.readUntil('Z');
  expect(types(end).replaceAll('d', '')).toBe('cCCZ');
  expect((await client.rows('IDENTIFY_SYSTEM')).length).toBe(1);
  await client.end();
  await writer.end();
  await waitUntil(async () => (await db.current.query('SELECT 1 FROM pg_stat_replication')).length === 0);
  await waitUntil(() => pool.serverCount === 1 && pool.servers.idle.length === 1);
  await expectNeighbour();
});

test('a client that vanishes while it streams frees its server at once', async () => {
  const isOver = () => [...pooler.current.pool().allServers()].every((server) => server.closeReason === null);
  for (const how of ['end', 'destroy', 'reset'] as const) {
    const client = await logical();
    await stream(client, `gone_${process.pid}`);
    expect(isOver()).toBe(false);
    await client[how]();
    await waitUntil(isOver, { timeoutMs: 1_000 });
    // Its temporary slot is free again.
    await waitUntil(async () => (await db.current.query('SELECT 1 FROM pg_replication_slots')).length === 0);
  }
  await expectNeighbour();
});

test('physical replication has a server of its own, for the database that is named', async () => {
  const client = await pooler.current.connect({ params: { replication: 'true' } });
  const [row] = (await client.rows('IDENTIFY_SYSTEM')) as [(string | null)[]];
  expect(row[3]).toBeNull();
  expect((await client.rows('SHOW wal_level'))[0]).toEqual(['logical']);
  expect(pooler.current.pool().servers.active.length).toBe(1);
  await client.end();
});

test('a full pool makes room by closing an idle server, and a busy one lets replication wait', async () => {
  const pool = pooler.current.pool();
  const busy = await Promise.all(Array.from({ length: POOL_SIZE }, () => pooler.current.connect()));
  await Promise.all(busy.map((client) => client.rows('BEGIN')));
  expect(pool.serverCount).toBe(POOL_SIZE);
  const waiting = logical();
  waiting.catch(() => {});
  await waitUntil(() => pool.clients.waiting.length === 1);
  await busy[0]?.rows('COMMIT');
  const client = await waiting;
  expect(pool.serverCount).toBe(POOL_SIZE);
  // Ordinary clients share what is left.
  const [more] = await Promise.all([pooler.current.query('SELECT 7 AS n'), busy[1]?.rows('COMMIT')]);
  expect(more).toEqual([{ n: 7 }]);
  await busy[2]?.rows('COMMIT');
  await waitUntil(() => pool.servers.idle.length === POOL_SIZE - 1);
  const second = await logical();
  expect(pool.serverCount).toBe(POOL_SIZE);
  expect(pool.servers.idle.length).toBe(POOL_SIZE - 2);
  await Promise.all([client, second, ...busy].map((each) => each.end()));
  await expectNeighbour();
});

test('who may not replicate hears it from Postgres, and nobody else is refused for it', async () => {
  await createRole(db.current, 'no_rights', 'x');
  const login = { user: 'no_rights', password: 'x' };
  const others = Array.from({ length: 5 }, () => pooler.current.query('SELECT 1'));
  const refused = Array.from({ length: 5 }, () =>
    pooler.current.connect({ ...login, params: { replication: 'true' } }),
  );
  for (const one of await Promise.allSettled(refused)) {
    expect(one).toMatchObject({ status: 'rejected', reason: { code: '42501', fields: { S: 'FATAL' } } });
  }
  const ordinary = await pooler.current.connect(login);
  expect(await ordinary.rows('SELECT 1')).toEqual([['1']]);
  expect(pooler.current.pool(db.current.database, 'no_rights').outage.isRefused).toBe(false);
  await ordinary.end();
  await Promise.all(others);
});

/** A replication program that knows the server's version, on PATH or where Debian puts it. */
function needProgram(context: TestContext, name: string, major: number | null): string {
  const path = findTool(name);
  const [, found] = /(\d+)/.exec(path ?? '') ?? [];
  const root = '/usr/lib/postgresql';
  let majors: string[] = [];
  try {
    majors = readdirSync(root);
  } catch {
    // not a Debian
  }
  const fitting = majors.filter((each) => major === null || Number(each) >= major).sort()[0];
  if (fitting !== undefined) return join(root, fitting, 'bin', name);
  if (path !== null && (major === null || Number(found) >= major)) return path;
  return skipBecause(context, `${name}: none for Postgres ${major ?? 'of any version'} found`);
}

test('pg_basebackup copies a cluster through the pooler', async (context) => {
  const program = needProgram(context, 'pg_basebackup', db.current.major);
  const folder = mkdtempSync(join(tmpdir(), 'pgsluice-backup-'));
  try {
    const { host, port, user, password } = pooler.current;
    const args = ['-h', host, '-p', String(port), '-U', user, '-D', join(folder, 'data'), '-X', 'stream', '-c', 'fast'];
    await promisify(execFile)(program, args, { env: { ...process.env, PGPASSWORD: password } });
    expect(readdirSync(join(folder, 'data'))).toContain('backup_label');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('pg_recvlogical receives changes through the pooler', async (context) => {
  const program = needProgram(context, 'pg_recvlogical', null);
  await db.current.query('CREATE TABLE received (n text)');
  const slot = `recv_${process.pid}`;
  await db.current.query(`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`).catch((error) => {
    skipBecause(context, `pg_recvlogical: this Postgres has no test_decoding (${error.message})`);
  });
  const args = ['-d', pooler.current.url, '--slot', slot, '--start', '-f', '-', '--no-loop'];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  try {
    await waitUntil(
      async () => (await db.current.query("SELECT 1 FROM pg_stat_replication WHERE state = 'streaming'")).length === 1,
    );
    await pooler.current.query("INSERT INTO received VALUES ('over the wire')");
    await waitUntil(() => output.includes('over the wire'));
  } finally {
    child.kill('SIGINT');
    await waitUntil(() => child.exitCode !== null || child.signalCode !== null);
    await waitUntil(async () => {
      await db.current.query(`SELECT pg_drop_replication_slot('${slot}')`);
      return true;
    });
  }
});
