// Recorded sessions cut at every offset and into single bytes, both ways: message boundaries must not depend on how bytes arrive.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connectAndLogin } from '../support/wire.ts';
import { cutAt, type Exchange, inBytes, ReplayBench, record, whole } from './replay.ts';
import { SCRIPTS, SETUP } from './scripts.ts';

/** Sessions up to this length are cut at every offset; of longer ones, the places around each message, and some between. */
const EVERY_OFFSET_UP_TO = 1_500;
/** Single bytes up to this length. */
const SINGLE_BYTES_UP_TO = 20_000;
const MAX_OFFSETS = 400;

let db: TestDatabase;
let bench: ReplayBench;
const recorded = new Map<string, Exchange[]>();

beforeAll(async () => {
  db = await createDatabase();
  await db.query(SETUP);
  for (const script of SCRIPTS) recorded.set(script.name, await record(await connectAndLogin(db.port, db), script));
  bench = await ReplayBench.start();
});

afterAll(async () => {
  await bench?.stop();
  await db?.drop();
});

/** Where a stream of messages is cut: everywhere, or inside and around the first and last bytes of each message. */
function offsetsOf(bytes: Buffer): number[] {
  if (bytes.length <= EVERY_OFFSET_UP_TO) return Array.from({ length: Math.max(bytes.length - 1, 0) }, (_, i) => i + 1);
  const offsets = new Set<number>();
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    for (let near = at - 2; near <= at + 7; near += 1) if (near > 0 && near < bytes.length) offsets.add(near);
  }
  const all = [...offsets];
  const stride = Math.max(1, Math.ceil(all.length / MAX_OFFSETS));
  return all.filter((_, i) => i % stride === 0);
}

describe.each(SCRIPTS.filter((script) => !script.isAnsweredHere))('$name', ({ name }) => {
  test('arrives whole, cut at every offset and in single bytes, in both directions', async () => {
    const exchanges = recorded.get(name)!;
    await bench.play(exchanges, whole, whole);
    const sent = Buffer.concat(exchanges.map((exchange) => exchange.send));
    const received = Buffer.concat(exchanges.map((exchange) => exchange.receive));
    for (const offset of offsetsOf(sent)) await bench.play(exchanges, cutAt(offset), whole);
    for (const offset of offsetsOf(received)) await bench.play(exchanges, whole, cutAt(offset));
    if (sent.length + received.length <= SINGLE_BYTES_UP_TO) await bench.play(exchanges, inBytes, inBytes);
    expect(bench.app.observer.bugs).toBe(0);
  });
});
