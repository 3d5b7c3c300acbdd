// What session features cost those who don't use them: counted in messages on the wire between pgsluice and Postgres.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeConnection, type FakeServer, type FrontendMessage, startFakeServer } from '../support/fake-server.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { isQuestion, noAnswer } from '../support/questions.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import { backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';

/** Answers like a Postgres that knows no SQL. */
function answer(connection: FakeConnection, { type, text = '' }: FrontendMessage): void {
  if (type === 'Q') connection.reply('x', ['1'], 'SELECT 1', /^BEGIN$|^UPDATE/.test(text) ? 'T' : 'I');
  else if (type === 'P') connection.send(backend.parseComplete());
  else if (type === 'B') connection.send(backend.bindComplete());
  else if (type === 'D') connection.send(backend.rowDescription(['x']));
  else if (type === 'E') connection.send(backend.dataRow(['1']), backend.commandComplete('SELECT 1'));
  else if (type === 'C') connection.send(backend.closeComplete());
  else if (type === 'S') connection.send(backend.readyForQuery());
}

const extended = Buffer.concat([
  build.parse({ sql: "INSERT INTO t (a, b) VALUES ($1, 'SET x TO 1') RETURNING *" }),
  build.bind({ values: ['1'] }),
  build.describe('P'),
  build.execute(),
  build.sync(),
]);
const prepare = Buffer.concat([build.parse({ name: 'p', sql: 'SELECT $1::int' }), build.sync()]);
const prepared = Buffer.concat([
  build.bind({ statement: 'p', values: ['1'] }),
  build.describe('P'),
  build.execute(),
  build.sync(),
]);

async function ask(client: WireClient, bytes: Buffer): Promise<void> {
  client.send(bytes);
  await client.readUntil('Z');
}

test('clients that use none of them send Postgres not one message more than without pgsluice', async () => {
  const postgres = await startFakeServer({ onMessage: answer, seesQuestions: true });
  const target = { host: postgres.host, port: postgres.port, user: 'app', password: 'secret', database: 'app' };
  const pooler = await startPooler(target, { default_pool_size: 1 });
  const clients = await Promise.all([1, 2, 3].map(() => pooler.connect()));
  for (const client of clients) await ask(client, prepare);
  const connection = await postgres.connection();
  const before = connection.messages.length;
  let sent = 0;
  for (let round = 0; round < 50; round += 1) {
    for (const client of clients) {
      for (const sql of ['SELECT now()', 'BEGIN', 'UPDATE t SET a = 1', 'COMMIT']) {
        await ask(client, build.query(sql));
        sent += 1;
      }
      await ask(client, extended);
      await ask(client, prepared);
      sent += 5 + 4;
    }
  }
  expect(connection.messages.length - before).toBe(sent);
  const { inspectionCount, preparationCount, pinnedXactCount } = pooler.pool().stats;
  expect({ preparationCount, pinnedXactCount }).toEqual({ preparationCount: 0, pinnedXactCount: 0 });
  // One to learn what Postgres reports for their startup parameters.
  expect(inspectionCount).toBeLessThanOrEqual(1);
  // That it counts: a SET is asked about once.
  await ask(clients[0]!, build.query('SET a TO 1'));
  await ask(clients[0]!, build.query('SELECT 1'));
  expect(connection.messages.length - before - sent).toBe(3);
  await pooler.stop();
  await postgres.close();
});

describe('a client that comes to a server with the session of another one', () => {
  const SET = expect.stringMatching(/^SET "timezone" TO/i);
  let postgres: FakeServer;
  let pooler: TestPooler;
  let connection: FakeConnection;
  let client: WireClient;
  let other: WireClient;
  /** What the server got before the client's first statement. */
  let from = 0;
  /** Answers a SET in another way, or not at all: then what comes behind it is not answered either. */
  let answerSet: ((on: FakeConnection) => void) | null;

  /** What pgsluice has done to the only setting that this Postgres knows. */
  let isSet = false;

  function answerInOrder(on: FakeConnection, message: FrontendMessage): void {
    const { text = '' } = message;
    if (/^(RE)?SET /.test(text)) isSet = text.startsWith('SET');
    const setting = backend.dataRow(['s', 'TimeZone', 'Asia/Tokyo']);
    if (isQuestion(text)) {
      if (isSet && text.includes('pg_settings')) on.send(setting);
      on.send(noAnswer);
    } else if (answerSet !== null && text.startsWith('SET ')) answerSet(on);
    else if (answerSet !== unanswered) answer(on, message);
  }
  const unanswered = () => {};
  const sent = (on = connection, since = from) => on.messages.slice(since).map(({ text = '' }) => text);

  beforeEach(async () => {
    answerSet = null;
    postgres = await startFakeServer({ onMessage: answerInOrder, seesQuestions: true });
    const target = { host: postgres.host, port: postgres.port, user: 'app', password: 'secret', database: 'app' };
    pooler = await startPooler(target, { default_pool_size: 1 });
    client = await pooler.connect({ params: { timezone: 'Asia/Tokyo' } });
    other = await pooler.connect();
    await ask(other, build.query('SELECT 1'));
    connection = await postgres.connection();
    from = connection.messages.length;
  });
  afterEach(async () => {
    client.destroy();
    other.destroy();
    await pooler.stop();
    await postgres.close();
  });

  test('has its BEGIN sent in one write with the difference', async () => {
    const { reads } = connection;
    const answers = await client.query('BEGIN');
    expect(sent()).toEqual([SET, 'BEGIN']);
    expect(connection.reads - reads).toBe(1);
    expect(answers.map(({ type }) => type).join('')).toBe('TDCZ');
    expect(answers.at(-1)?.txStatus).toBe('T');
    await client.query('UPDATE t SET a = 1');
    await client.query('COMMIT');
    expect(sent().slice(2)).toEqual(['UPDATE t SET a = 1', 'COMMIT']);
    await pooler.expectInvariants();
  });

  test('and also when it has waited for that server', async () => {
    await other.query('BEGIN');
    client.send(build.query('START TRANSACTION READ ONLY;'));
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    from = connection.messages.length;
    await other.query('COMMIT');
    await client.readUntil('Z');
    expect(sent()).toEqual(['COMMIT', SET, 'START TRANSACTION READ ONLY;']);
    expect(pooler.pool().clients.waiting.length).toBe(0);
  });

  test.for([
    ['another statement', build.query('SELECT 1')],
    ['a BEGIN with a comment', build.query("BEGIN /* tenant='7' */")],
    ['a BEGIN with a statement', build.query('BEGIN; DELETE FROM t')],
    ['a BEGIN with a statement behind it', Buffer.concat([build.query('BEGIN'), build.query('DELETE FROM t')])],
    ['a Parse of BEGIN', Buffer.concat([build.parse({ sql: 'BEGIN' }), build.bind({}), build.execute(), build.sync()])],
  ] as const)('has %s wait until the difference is answered', async ([, bytes]) => {
    answerSet = unanswered;
    client.send(bytes);
    await waitUntil(() => sent().length > 0);
    expect(sent()).toEqual([SET]); // the rest would have come in the same write
    answerSet = null;
    connection.reply('x', [], 'SET');
    await client.readUntil('Z');
    expect(sent().length).toBeGreaterThan(1);
  });

  test('has nothing sent behind its BEGIN before the difference is answered', async () => {
    answerSet = unanswered;
    client.send(build.query('BEGIN'));
    await waitUntil(() => sent().length === 2);
    const { stats } = pooler.pool();
    const received = stats.bytesReceived;
    client.send(build.query('DELETE FROM t'));
    await waitUntil(() => stats.bytesReceived > received);
    expect(sent()).toEqual([SET, 'BEGIN']);
    answerSet = null;
    connection.reply('x', [], 'SET');
    connection.reply('x', [], 'BEGIN', 'T');
    await client.readUntil('Z');
    await client.readUntil('Z');
    expect(sent()).toEqual([SET, 'BEGIN', 'DELETE FROM t']);
  });

  test('is told when the difference fails, and its BEGIN counts for nobody', async () => {
    answerSet = unanswered;
    client.send(build.query('BEGIN'));
    await waitUntil(() => sent().length === 2);
    client.send(build.query('DELETE FROM t'));
    answerSet = null;
    connection.send(backend.error({ C: '22023', M: 'no such zone' }), backend.readyForQuery());
    connection.reply('x', [], 'BEGIN', 'T');
    const told = await client.readToEnd();
    expect(told.map(({ type, fields }) => [type, fields?.S, fields?.C])).toEqual([['E', 'FATAL', '22023']]);
    await waitUntil(() => sent().includes('ROLLBACK'));
    expect(sent()).not.toContain('DELETE FROM t');
    expect([...pooler.pool().allServers()].map(({ queryStartedAt }) => queryStartedAt)).toEqual([0]);
    await other.query('SELECT 2');
    await pooler.expectInvariants();
  });

  test('gets another server when this one ends before it has answered', async () => {
    answerSet = (on) => (on === connection ? on.cut() : on.reply('x', [], 'SET'));
    const answers = await client.query('BEGIN');
    expect(answers.at(-1)?.txStatus).toBe('T');
    const second = await postgres.connection(1);
    expect(sent(second, 0).filter((sql) => !isQuestion(sql))).toEqual([SET, 'BEGIN']);
  });

  test('whose BEGIN was answered in part when the server ends is closed', async () => {
    answerSet = unanswered;
    client.send(build.query('BEGIN'));
    await waitUntil(() => sent().length === 2);
    connection.send(backend.commandComplete('SET'), backend.readyForQuery(), backend.commandComplete('BEGIN'));
    await client.readUntil('C');
    connection.cut();
    const told = await client.readToEnd();
    expect(told.map(({ type, fields }) => [type, fields?.S])).toEqual([['E', 'FATAL']]);
  });
});
