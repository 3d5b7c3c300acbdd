// A simple query between Execute and Sync: Postgres 17 and later lose count of the transaction, and whoever comes next pays.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { connectAndLogin, types } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

const open = Buffer.concat([build.parse({ sql: 'SELECT 1' }), build.bind(), build.execute()]);
const one = build.functionCall(177, ['1', '0']); // int4pl

test.each([
  ['a query', build.query('SELECT 2'), 1],
  ['an empty query', build.query(''), 1],
  ['a function call', one, 1],
  ['two queries', Buffer.concat([build.query('SELECT 2'), build.query('SELECT 3')]), 2],
  ['a query that fails', build.query('SELECT 1/0'), 1],
] as const)('%s in an open batch does no harm to the next client', async (_, message, answers) => {
  const direct = await connectAndLogin(db.current.port, db.current);
  const [first, second] = [await pooler.current.connect(), await pooler.current.connect()];
  // Its own replies are those of Postgres.
  const query = build.query('SELECT 0');
  for (const client of [direct, first]) client.send(open, message, build.sync(), build.sync(), query, query);
  const read = async (client: typeof first) => {
    const batches = [];
    for (let i = 0; i < answers + 4; i += 1) batches.push(types(await client.readUntil('Z')));
    return batches;
  };
  expect(await read(first)).toEqual(await read(direct));
  // And what is left at the end is not left to somebody else.
  const third = await pooler.current.connect();
  third.send(open, message, build.sync());
  for (let i = 0; i < answers + 1; i += 1) await third.readUntil('Z');
  expect(types(await second.query('SELECT 4'))).toBe('TDCZ');
  await Promise.all([direct.end(), first.end(), second.end(), third.end()]);
});
