// The memory of large chunks is given back as soon as they were passed on. Too early, and somebody gets the bytes of somebody else.
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Target } from '../support/command.ts';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { connectAndLogin } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);
const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 4 });

/** A digest of all that comes back, read in fits and starts. */
async function digest(target: Target, sql: string): Promise<string> {
  const client = await connectAndLogin(target.port, target);
  const { socket } = client;
  socket.removeAllListeners('data');
  const hash = createHash('sha256');
  let bytes = 0;
  const done = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      bytes += chunk.length;
      if (chunk.length >= 6 && chunk.subarray(-6).equals(READY)) resolve();
      else if (bytes > 4_000_000 && Math.random() < 0.02) {
        socket.pause();
        void delay(5).then(() => socket.resume());
      }
    });
  });
  client.send(build.query(sql));
  await done;
  client.destroy();
  return hash.digest('hex');
}

const ROWS = `SELECT i, md5(i::text), repeat(md5((-i)::text), i % 100) FROM generate_series(1, 40000) i`;
const VALUES = `SELECT string_agg(md5(i::text), '') FROM generate_series(1, 200000) i, generate_series(1, 5) n GROUP BY n`;

test.each([
  ['many rows', ROWS],
  ['a few large values', VALUES],
  ['a COPY', `COPY (${ROWS}) TO STDOUT`],
])('%s arrive as they are, also where several read at once and some of them slowly', async (_, sql) => {
  const expected = await digest(db.current, sql);
  const target = { ...db.current, port: pooler.current.port };
  const seen = await Promise.all([digest(target, sql), digest(target, sql), digest(target, sql)]);
  expect(seen).toEqual([expected, expected, expected]);
});

test('a COPY in arrives as it is, in messages of all sizes', async () => {
  const client = await pooler.current.connect();
  await client.rows('CREATE TABLE arrived (n int, line text)');
  client.send(build.query('COPY arrived FROM STDIN'));
  await client.readUntil('G');
  const hash = createHash('md5');
  for (let i = 0; i < 400; i += 1) {
    const line = randomBytes(i % 3 === 0 ? 20 + i : 40_000 + i * 61).toString('hex');
    hash.update(line);
    if (!client.socket.write(build.copyData(`${i}\t${line}\n`))) {
      await new Promise((done) => client.socket.once('drain', done));
    }
  }
  client.send(build.copyDone());
  await client.readUntil('Z', 60_000);
  expect(await client.rows(`SELECT md5(string_agg(line, '' ORDER BY n)) FROM arrived`)).toEqual([[hash.digest('hex')]]);
  await client.end();
});

test('a statement behind a COPY, in the same chunk, is a statement still', async () => {
  const client = await pooler.current.connect();
  await client.rows('CREATE TABLE behind (line text)');
  const line = build.copyData(`${'z'.repeat(50_000)}\n`);
  for (let i = 0; i < 5; i += 1) {
    client.send(
      build.query('COPY behind FROM STDIN'),
      line,
      line,
      build.copyDone(),
      build.extendedQuery('SELECT count(*), sum(length(line)) FROM behind', [], `named_${i}`),
    );
    await client.readUntil('Z', 60_000);
    const answer = await client.readUntil('Z');
    const row = answer.find(({ type }) => type === 'D')?.values?.map(String);
    expect(row).toEqual([String((i + 1) * 2), String((i + 1) * 100_000)]);
  }
  await client.end();
});
