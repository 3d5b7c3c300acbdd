// A Parse of the unnamed statement that Postgres had ignored behind an error counted as done, so that a later Bind ran the
// unnamed statement that another client had left on the server.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { textValues } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

test('what another client left unnamed on the server is never run', async () => {
  const [other, client] = [await pooler.current.connect(), await pooler.current.connect()];
  const use = [build.bind(), build.execute(), build.sync()];
  other.send(Buffer.concat([build.parse({ sql: "SELECT 'secret'" }), ...use]));
  await other.readUntil('Z');
  client.send(Buffer.concat([build.parse({ name: 'bad', sql: 'SELEC' }), build.parse({ sql: 'SELECT 1' }), ...use]));
  await client.readUntil('Z');
  client.send(Buffer.concat(use));
  const messages = await client.readUntil('Z');
  expect(messages.filter(({ type }) => type === 'D').map(textValues)).toEqual([]);
  expect(messages[0]?.fields).toMatchObject({ C: '26000' });
});
