// A primary and a standby behind one entry: each pool finds the one that it wants, and follows when the two change places.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { type PostgresPair, startPostgresPair } from '../support/standby.ts';
import { waitUntil } from '../support/wait-until.ts';
import { WireError } from '../support/wire.ts';

const CLIENTS = 10;
let pair: PostgresPair;
let pooler: TestPooler;

beforeAll(async () => {
  pair = await startPostgresPair();
  await pair.on(pair.primary, 'CREATE TABLE marks (n int)');
  const { user, password } = pair.primary;
  const entry = { host: '127.0.0.1,127.0.0.1', port: `${pair.standby.port},${pair.primary.port}`, dbname: 'postgres' };
  pooler = await startPooler(
    { host: '127.0.0.1', port: pair.primary.port, user, password, database: 'writes' },
    {
      databases: {
        writes: { ...entry, target_session_attrs: 'primary' },
        reads: { ...entry, target_session_attrs: 'prefer-standby' },
      },
      default_pool_size: 4,
      query_wait_timeout: '30s',
    },
  );
});
afterEach(async () => {
  await waitUntil(() => pooler.app.clients.size === 0);
  await pooler.expectInvariants();
});
afterAll(async () => {
  await pooler?.stop();
  await pair?.stop();
});

/** Whether the client's next statement runs on a standby. */
async function isOnStandby(database: string): Promise<boolean> {
  const client = await pooler.connect({ database });
  const [row] = await client.rows('SELECT pg_is_in_recovery()');
  await client.end();
  return row?.[0] === 't';
}

interface Load {
  /** When each write was acknowledged, and its number. */
  readonly written: { readonly at: number; readonly n: number }[];
  /** What clients were told beside that. */
  readonly errors: WireError[];
  readonly strange: unknown[];
  stop(): Promise<void>;
}

let next = 0;

/** Clients that write one row after the other, and connect again when they are closed. */
function startWriting(): Load {
  let isOver = false;
  const load: Load = { written: [], errors: [], strange: [], stop: async () => {} };
  const work = async () => {
    while (!isOver) {
      try {
        const client = await pooler.connect();
        while (!isOver) {
          next += 1;
          const n = next;
          await client.rows(`INSERT INTO marks VALUES (${n})`, 40_000);
          load.written.push({ at: performance.now(), n });
        }
        await client.end();
      } catch (error) {
        if (error instanceof WireError) load.errors.push(error);
        else load.strange.push(error);
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, work);
  load.stop = async () => {
    isOver = true;
    await Promise.all(clients);
  };
  return load;
}

const CUT = /^(08006|57P01|57P02)$/;

/** Nobody was told anything but that a connection was cut, and each at most once. */
function expectOnlyCuts(load: Load): void {
  expect(load.strange).toEqual([]);
  expect(load.errors.filter((error) => !CUT.test(error.code))).toEqual([]);
  expect(load.errors.length).toBeLessThanOrEqual(CLIENTS);
}

test('writes go to the primary and reads to the standby, whatever their order in the list', async () => {
  expect(await isOnStandby('writes')).toBe(false);
  expect(await isOnStandby('reads')).toBe(true);
});

test('a switchover without PAUSE: clients wait for the new primary, and are served within 2 s of it', async () => {
  const load = startWriting();
  await waitUntil(() => load.written.length > 200);
  await pair.primary.halt('fast');
  const promotedAt = await pair.promote();
  const first = await waitUntil(() => load.written.find(({ at }) => at > promotedAt), { everyMs: 2 });
  console.info(`switchover: followed ${Math.round(first.at - promotedAt)} ms behind the promotion`);
  expect(first.at - promotedAt).toBeLessThan(2_000);
  await waitUntil(() => load.written.length > 400);
  await load.stop();
  expectOnlyCuts(load);
  const [row] = await pair.on(pair.primary, 'SELECT count(DISTINCT n)::int AS count FROM marks');
  expect(row?.count).toBeGreaterThanOrEqual(load.written.length);
});

test('the old primary comes back as a standby, and reads move to it without an error', async () => {
  expect(await isOnStandby('reads')).toBe(false);
  await pair.follow();
  const startedAt = performance.now();
  await waitUntil(
    async () => {
      pooler.app.control.reconnect('reads');
      return isOnStandby('reads');
    },
    { timeoutMs: 15_000, everyMs: 200 },
  );
  expect(performance.now() - startedAt).toBeLessThan(12_000);
  expect(await isOnStandby('writes')).toBe(false);
});

test('kill -9 of the primary: the promoted standby is found within 2 s, and nobody is told more than that it was cut', async () => {
  await pair.caughtUp();
  const reader = await pooler.connect({ database: 'reads' });
  expect(await reader.rows('SELECT pg_is_in_recovery()')).toEqual([['t']]);
  const load = startWriting();
  await waitUntil(() => load.written.length > 200);
  const killedAt = performance.now();
  await pair.primary.kill();
  // Long enough for the backoff to reach its ceiling.
  await waitUntil(() => performance.now() - killedAt > 2_500);
  const promotedAt = await pair.promote();
  const first = await waitUntil(() => load.written.find(({ at }) => at > promotedAt), { everyMs: 2 });
  console.info(
    `failover: promoted ${Math.round(promotedAt - killedAt)} ms behind the kill, followed ${Math.round(first.at - promotedAt)} ms behind that`,
  );
  expect(first.at - promotedAt).toBeLessThan(2_000);
  const count = load.written.length;
  await waitUntil(() => load.written.length > count + 200);
  await load.stop();
  expectOnlyCuts(load);
  // The session of a reader survives the promotion: it is told by Postgres, and its server is replaced.
  expect(await reader.rows('SELECT pg_is_in_recovery()')).toEqual([['f']]);
  await waitUntil(() => pooler.log.some(({ msg, reason }) => msg === 'server closed' && reason === 'host_changed'));
  expect(await reader.rows('SELECT 1')).toEqual([['1']]);
  await reader.end();
});
