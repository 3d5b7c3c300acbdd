// The raw protocol client of the tests against a real Postgres: what it builds and reads must be what Postgres means.
import { expect, test } from 'vitest';
import { createRole, useDatabase, usePrivatePostgres } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel, connect, connectAndLogin, textValues, types, WireError } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const own = usePrivatePostgres();

const login = () => connectAndLogin(db.current.port, db.current);

test('a SCRAM login brings parameters, a key and ReadyForQuery', async () => {
  const client = await login();
  expect(client.session.parameters.server_version).toMatch(new RegExp(`^${db.current.major}`));
  expect(client.session.key).toHaveLength(4);
  expect(client.session.pid).toBeGreaterThan(0);
  await client.end();
});

test.each([
  ['trust', 'whatever'],
  ['password', 'clear as day'],
  ['md5', 'hash me'],
  ['scram-sha-256', 'salt me'],
])('%s authentication goes through, and all but trust refuse a wrong password', async (method, secret) => {
  const { port, host, user, password } = own.current;
  const admin = await connectAndLogin(port, { user, password, database: 'postgres' });
  await admin.rows(`SET password_encryption = '${method === 'md5' ? 'md5' : 'scram-sha-256'}'`);
  await admin.rows(`DROP ROLE IF EXISTS alice`);
  await admin.rows(`CREATE ROLE alice LOGIN PASSWORD '${secret}'`);
  await admin.end();
  await own.current.hba([`host all alice ${host}/32 ${method}`, `host all all ${host}/32 scram-sha-256`]);
  const client = await connectAndLogin(port, { user: 'alice', password: secret, database: 'postgres' });
  expect(await client.rows('SELECT current_user')).toEqual([['alice']]);
  await client.end();
  if (method === 'trust') return;
  const wrong = connectAndLogin(port, { user: 'alice', password: 'wrong', database: 'postgres' });
  await expect(wrong).rejects.toMatchObject({ code: '28P01' });
});

test('simple and extended queries, NULL and binary values come back as sent', async () => {
  const client = await login();
  expect(await client.rows("SELECT 1, NULL, 'x'")).toEqual([['1', null, 'x']]);
  client.send(build.extendedQuery('SELECT $1::text, $2::int', ['a', null]));
  const messages = await client.readUntil('Z');
  expect(types(messages)).toBe('12TDCZ');
  expect(textValues(messages[3]!)).toEqual(['a', null]);
  client.send(
    build.parse({ sql: 'SELECT $1 + 1', types: [23] }),
    build.bind({ values: [build.int32(41)], formats: [1], resultFormats: [1] }),
  );
  client.send(build.execute(), build.sync());
  expect((await client.readUntil('Z')).find((m) => m.type === 'D')?.values).toEqual([build.int32(42)]);
  await client.end();
});

test('COPY in and out, function call and notifications work', async () => {
  const client = await login();
  await client.rows('CREATE TABLE copied (a int, b text)');
  client.send(build.query('COPY copied FROM STDIN'));
  await client.readUntil('G');
  client.send(build.copyData('1\tone\n'), build.copyData('2\ttwo\n'), build.copyDone());
  expect((await client.readUntil('Z'))[0]?.tag).toBe('COPY 2');
  expect(types(await client.query('COPY copied TO STDOUT'))).toBe('HddcCZ');
  client.send(build.functionCall(1317, ['four'])); // length(text)
  expect((await client.readUntil('Z'))[0]?.body.subarray(4).toString()).toBe('4');
  await client.rows('LISTEN news');
  const messages = await client.query("NOTIFY news, 'hello'");
  expect(messages.find((m) => m.type === 'A')).toMatchObject({ channel: 'news', payload: 'hello' });
  await client.end();
});

test('an error keeps the session, and every field is named', async () => {
  const client = await login();
  const error = await client.rows('SELECT nothing').catch((e: unknown) => e as WireError);
  expect(error).toBeInstanceOf(WireError);
  expect((error as WireError).fields).toMatchObject({ S: 'ERROR', C: '42703', P: '8' });
  expect(await client.rows('SELECT 1')).toEqual([['1']]);
  await client.end();
});

test('a login written byte by byte is the same login', async () => {
  const client = await connect(db.current.port);
  await client.sendInPieces(build.startup({ user: db.current.user, database: db.current.database }));
  expect((await client.next()).authType).toBe(10);
  client.destroy();
});

test('encryption requests get their one-byte answers', async () => {
  const client = await connect(db.current.port);
  expect(await client.requestEncryption(build.gssEncRequest())).toBe('N');
  expect(await client.requestEncryption(build.sslRequest())).toBe('N');
  await client.login(db.current);
  await client.end();
});

test('an unknown minor version is negotiated', async () => {
  const client = await connectAndLogin(db.current.port, { ...db.current, protocol: 0x0003270f });
  expect(client.session.negotiated?.version).toBe(db.current.major >= 18 ? 0x30002 : 0x30000);
  expect(client.session.key).toHaveLength(db.current.major >= 18 ? 32 : 4);
  await client.end();
});

test('a cancel request ends the statement it is meant for', async () => {
  const client = await login();
  const running = client.rows('SELECT pg_sleep(60)');
  const caught = expect(running).rejects.toMatchObject({ code: '57014' });
  await waitUntil(
    async () =>
      (await db.current.query(`SELECT FROM pg_stat_activity WHERE pid = ${client.session.pid} AND state = 'active'`))
        .length === 1,
  );
  await cancel(db.current.port, client.session.pid, client.session.key);
  await caught;
  await client.end();
});

test('a role made for a test can log in', async () => {
  await createRole(db.current, 'wire_role', "it's secret");
  const client = await connectAndLogin(db.current.port, {
    user: 'wire_role',
    password: "it's secret",
    database: db.current.database,
  });
  await client.end();
});
