// A batch that had to wait for its server, and was failed by a plan that is out of date, was not sent again: only what went out as it came was remembered.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { textValues } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 1 });

test.each([
  ['as it comes', false],
  ['behind a wait', true],
])('a batch that asks for a description is repeated with the new plan, %s', async (_, waits) => {
  await db.current.query('DROP TABLE IF EXISTS item; CREATE TABLE item (n int); INSERT INTO item VALUES (7)');
  const [client, other] = [await pooler.current.connect(), await pooler.current.connect()];
  const sql = `SELECT * FROM item /* ${waits} */`;
  client.send(build.parse({ name: 'x', sql }), build.bind({ statement: 'x' }), build.execute(), build.sync());
  await client.readUntil('Z');
  await db.current.query('ALTER TABLE item ADD COLUMN late text');
  if (waits) await other.rows('BEGIN');
  const { stats, clients } = pooler.current.pool();
  const before = stats.retryCount;
  client.send(build.bind({ statement: 'x' }), build.describe('P'), build.execute(), build.sync());
  if (waits) {
    await waitUntil(() => clients.waiting.length === 1);
    await other.rows('COMMIT');
  }
  const messages = await client.readUntil('Z');
  expect(messages.map(({ type }) => type).join('')).toBe('2TDCZ');
  expect(messages.filter(({ type }) => type === 'D').map(textValues)).toEqual([['7', null]]);
  expect(stats.retryCount - before).toBe(1);
  await Promise.all([client.end(), other.end()]);
});
