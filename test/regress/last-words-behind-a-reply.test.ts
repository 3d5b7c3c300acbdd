// Postgres goes away and says so right behind the reply that ends a transaction: in the same chunk. The server was handed
// to the client that waited, which was then cut off without a word, while the one before kept a FATAL that was not its.
import { afterEach, expect, test } from 'vitest';
import { type FakeServer, startFakeServer } from '../support/fake-server.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { types } from '../support/wire.ts';
import { backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';

let server: FakeServer | undefined;
let pooler: TestPooler | undefined;

afterEach(async () => {
  await pooler?.expectInvariants();
  await pooler?.stop();
  await server?.close();
});

const lastWords = backend.error({
  S: 'FATAL',
  V: 'FATAL',
  C: '57P01',
  M: 'terminating connection due to administrator command',
});

async function start(settings: Record<string, unknown>): Promise<TestPooler> {
  server = await startFakeServer({
    onMessage: (connection, { type, text }) => {
      if (type !== 'Q') return;
      const row = [backend.rowDescription(['a']), backend.dataRow([text ?? '']), backend.commandComplete('SELECT 1')];
      if (text === 'last') connection.send(...row, backend.readyForQuery(), lastWords);
      else if (text === 'fails') connection.send(lastWords);
      else if (text === 'begin') connection.send(backend.commandComplete('BEGIN'), backend.readyForQuery('T'));
      else connection.send(...row, backend.readyForQuery());
    },
  });
  const target = { host: server.host, port: server.port, user: 'app', password: 'secret', database: 'app' };
  pooler = await startPooler(target, { default_pool_size: 1, server_login_retry: '100ms', ...settings });
  return pooler;
}

test('neither the client whose transaction is over nor the one that waits for the server notices', async () => {
  const app = await start({});
  const [first, second] = await Promise.all([app.connect(), app.connect()]);
  await first.query('begin');
  const waited = second.rows('of the second');
  expect(await first.rows('last')).toEqual([['last']]);
  expect(await waited).toEqual([['of the second']]);
  expect(await first.rows('of the first')).toEqual([['of the first']]);
  expect(server!.connections).toHaveLength(2);
  await Promise.all([first.end(), second.end()]);
});

test("in session mode they are the client's own, and its connection ends with them", async () => {
  const app = await start({ pool_mode: 'session' });
  const client = await app.connect();
  client.send(build.query('last'));
  const replies = await client.readToEnd();
  expect(types(replies)).toBe('TDCZE');
  expect(replies.at(-1)!.fields).toMatchObject({ C: '57P01' });
});

test('in the middle of a transaction they are told once, and the waiting client gets another server', async () => {
  const app = await start({});
  const [first, second] = await Promise.all([app.connect(), app.connect()]);
  await first.query('begin');
  const waited = second.rows('of the second');
  first.send(build.query('fails'));
  const replies = await first.readToEnd();
  expect(types(replies)).toBe('E');
  expect(replies.at(-1)!.fields).toMatchObject({ C: '57P01' });
  expect(await waited).toEqual([['of the second']]);
  await second.end();
});
