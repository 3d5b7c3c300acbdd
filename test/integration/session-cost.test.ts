// What session features cost those who don't use them: counted in messages on the wire between pgsluice and Postgres.
import { expect, test } from 'vitest';
import { type FakeConnection, type FrontendMessage, startFakeServer } from '../support/fake-server.ts';
import { startPooler } from '../support/pooler.ts';
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
