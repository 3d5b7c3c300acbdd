// Attacks that went through other poolers, tried by a client. Each test is named by the threat, with its CVE where it has one.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { createRole, useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect, types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { ScramClient } from '../support/wire-scram.ts';

const db = useDatabase();
const pooler = usePooler(db, () => ({
  default_pool_size: 2,
  users: { [db.current.user]: { password: db.current.password }, victim: { password: 'other' } },
  admin_users: ['victim'],
}));

/** The last message before the end; the pooler must have closed. */
async function refusalOf(client: Awaited<ReturnType<typeof connect>>) {
  const messages = await client.readToEnd();
  return messages.at(-1);
}

test('CVE-2026-107350: a second StartupMessage during SCRAM does not change who logs in', async () => {
  const client = await connect(pooler.current.port);
  const { user, database } = db.current;
  client.send(build.startup({ user, database }));
  await client.readUntil('R');
  client.send(build.startup({ user: 'victim', database: 'pgsluice' }));
  expect((await refusalOf(client))?.fields).toMatchObject({ S: 'FATAL', C: '08P01' });
});

test('a StartupMessage after the login is refused', async () => {
  const client = await pooler.current.connect();
  client.send(build.startup({ user: 'victim', database: 'pgsluice' }));
  expect((await refusalOf(client))?.fields).toMatchObject({ S: 'FATAL', C: '08P01' });
});

test.each([
  ['without a nonce', 'c=biws,p=AAAA'],
  ['with an empty nonce', 'c=biws,r=,p=AAAA'],
  ['that is empty', ''],
  ['that is made of commas', ',,,,,,'],
  ['of another nonce', 'c=biws,r=somebodyelse,p=AAAA'],
])('a SCRAM client-final message %s is refused', async (_what, final) => {
  const client = await connect(pooler.current.port);
  const { user, database } = db.current;
  const scram = new ScramClient('whatever');
  client.send(build.startup({ user, database }));
  await client.readUntil('R');
  client.send(build.saslInitialResponse('SCRAM-SHA-256', scram.first()));
  await client.readUntil('R');
  client.send(build.saslResponse(final));
  expect((await refusalOf(client))?.fields).toMatchObject({ S: 'FATAL', C: expect.stringMatching(/^(08P01|28P01)$/) });
});

test.each(['-c=', '-c =', '-c', '--=', '--', '-c=x -c=', '-c \\=1', '\\'])(
  'CVE-2026-107349: options of %j end the login with an error, not in a loop',
  async (options) => {
    const client = await connect(pooler.current.port);
    const { user, database } = db.current;
    client.send(build.startup({ user, database, options }));
    expect((await refusalOf(client))?.fields).toMatchObject({ S: 'FATAL', C: '08P01' });
  },
);

test.each([0xffff_ffff, 0, 3, 0x8000_0000, 0x7fff_ffff, 0x8080_8080])(
  'CVE-2026-107348: a message length of %d is refused before and after the login',
  async (length) => {
    const early = await connect(pooler.current.port);
    early.send(build.int32(length), Buffer.alloc(20));
    expect((await refusalOf(early))?.fields?.C).toBe('08P01');
    const late = await pooler.current.connect();
    late.send(build.messageWithLength('Q', length, Buffer.from('SELECT 1\0')));
    if (length === 0x7fff_ffff) {
      // Postgres would wait for the rest of it, and so do we: a length is no crime until max_packet_size says so.
      late.destroy();
      return;
    }
    expect((await refusalOf(late))?.fields?.C).toBe('08P01');
  },
);

test.each([
  ['SSLRequest', build.sslRequest()],
  ['GSSENCRequest', build.gssEncRequest()],
])('CVE-2021-3935, CVE-2021-43766: bytes sent behind %s in the same packet are never used', async (_name, request) => {
  const client = await connect(pooler.current.port);
  const { user, database } = db.current;
  client.send(request, build.startup({ user, database }));
  const messages = await client.readToEnd();
  expect(messages.some((message) => message.type === 'R')).toBe(false);
  expect(messages.at(-1)?.fields).toMatchObject({ C: '08P01', M: expect.stringContaining('unencrypted data') });
});

test('encryption requests without end are refused', async () => {
  const client = await connect(pooler.current.port);
  for (let i = 0; i < 2; i += 1) await client.requestEncryption(build.sslRequest());
  client.send(build.sslRequest());
  expect((await refusalOf(client))?.fields?.C).toBe('08P01');
});

test('a client that leaves between Parse and Sync leaves no batch behind', async () => {
  const client = await pooler.current.connect();
  client.send(build.parse({ sql: 'CREATE TABLE left_behind ()' }), build.bind(), build.execute(), build.flush());
  await client.readUntil('C');
  client.destroy();
  await waitUntil(() => pooler.current.pool().servers.active.length === 0);
  const other = await pooler.current.connect();
  expect(await other.rows("SELECT to_regclass('left_behind')")).toEqual([[null]]);
  await other.end();
});

test('a storm of Syncs is answered one by one and takes no server', async () => {
  const client = await pooler.current.connect();
  client.send(...Array.from({ length: 10_000 }, () => build.sync()));
  for (let i = 0; i < 10_000; i += 1) expect((await client.next()).type).toBe('Z');
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('a storm of Syncs inside a transaction is answered by Postgres one by one', async () => {
  const client = await pooler.current.connect();
  await client.rows('BEGIN');
  client.send(...Array.from({ length: 5_000 }, () => build.sync()));
  for (let i = 0; i < 5_000; i += 1) expect((await client.next()).txStatus).toBe('T');
  await client.rows('COMMIT');
  await client.end();
});

test('NULs inside names end them, as in Postgres, and reach no log line or error of ours', async () => {
  const client = await connect(pooler.current.port);
  const packet = build.startupPacket(0x0003_0000, Buffer.from('user\0a\0database\0no such\0\0evil\0\0'));
  client.send(packet);
  const last = await refusalOf(client);
  expect(last?.type).toBe('E');
  const named = await pooler.current.connect();
  named.send(build.message('P', Buffer.from('a\0b\0c\0'), build.int16(0)), build.sync());
  expect(types(await named.readUntil('Z'))).toMatch(/EZ$|^1Z$/);
  await named.end();
});

test('CVE-2026-6667: KILL_CLIENT is for admin_users only', async () => {
  await createRole(db.current, 'victim', 'other');
  const client = await pooler.current.connect();
  await expect(pooler.current.connect({ database: 'pgsluice' })).rejects.toMatchObject({ code: '42501' });
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test("CVE-2025-12819: a client's search_path does not reach statements of ours", async () => {
  // What we ask of a server in its client's stead names no object that a schema could replace.
  const client = await pooler.current.connect({ params: { search_path: 'evil' } });
  await db.current.query('CREATE SCHEMA IF NOT EXISTS evil');
  await client.rows('BEGIN');
  client.destroy(); // ROLLBACK is asked for it
  await waitUntil(() => pooler.current.pool().servers.active.length === 0);
  const other = await pooler.current.connect();
  expect(await other.rows('SHOW search_path')).toEqual([['"$user", public']]);
  await other.end();
});
