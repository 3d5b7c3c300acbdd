// Clients that guess passwords: how long they wait, what they learn, and who is not kept waiting by them.
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import type { TestPooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { connect, connectAndLogin, WireError } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';
import { verifier } from '../unit/auth/scram-peer.ts';
import { poolerFor } from './settings/for-settings.ts';

const db = useDatabase();
/** Where the pooler derives the key and not the client: so many that it would be seen. */
const MANY_ITERATIONS = 150_000;
/** An address of this machine that is not one of loopback. */
const own = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address;

/** How long a wrong password takes to be refused. */
async function guess(pooler: TestPooler, user: string, host = pooler.host): Promise<number> {
  const { port, database } = pooler;
  const from = performance.now();
  const error = await connectAndLogin(port, { user, password: 'a guess', database }, host).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WireError);
  expect((error as WireError).fields).toMatchObject({
    C: '28P01',
    M: `password authentication failed for user "${user}"`,
  });
  return performance.now() - from;
}

async function comeIn(pooler: TestPooler, host = pooler.host): Promise<number> {
  const { port, user, password, database } = pooler;
  const from = performance.now();
  const client = await connectAndLogin(port, { user, password, database }, host);
  const took = performance.now() - from;
  await client.end();
  return took;
}

/** The code of the first authentication request, and what SCRAM offers; the salt of md5 is left out. */
async function question(pooler: TestPooler, user: string): Promise<string> {
  const client = await connect(pooler.port);
  client.send(build.startup({ user, database: pooler.database }));
  const [request] = await client.readUntil('R');
  client.destroy();
  const code = request!.body.readInt32BE(0);
  return code === 5 ? 'md5' : `${code} ${request!.body.toString('latin1', 4)}`;
}

/** How many are connected and have not been told anything yet. */
const inLogin = (pooler: TestPooler) => pooler.app.clients.lists.login.length;

test('each wrong password is refused later than the one before, and a right one comes in at once', async () => {
  const pooler = await poolerFor(db.current);
  const times: number[] = [];
  for (let i = 0; i < 4; i += 1) times.push(await guess(pooler, pooler.user));
  expect(times.map((ms, i) => ms >= 100 * 2 ** i - 2)).toEqual([true, true, true, true]);
  const held = Array.from({ length: 20 }, () => guess(pooler, pooler.user));
  await waitUntil(() => inLogin(pooler) === 20);
  await comeIn(pooler);
  expect(inLogin(pooler)).toBeGreaterThan(0);
  await Promise.all(held);
}, 20_000);

test('who hangs up instead of waiting leaves nothing behind', async () => {
  const pooler = await poolerFor(db.current);
  for (let i = 0; i < 3; i += 1) await guess(pooler, pooler.user);
  const refused = guess(pooler, pooler.user).catch((e: unknown) => e);
  await waitUntil(() => inLogin(pooler) === 1);
  for (const client of pooler.app.clients) client.close('eof', null);
  await refused;
  expect(pooler.app.clients.size).toBe(0);
  await comeIn(pooler);
});

describe.each(['plain', 'md5', 'scram-sha-256'])('by %s', (auth_type) => {
  test('a stranger is refused as a user is: by the same question, and after the same time', async () => {
    const { user, password } = db.current;
    const names = Array.from({ length: 15 }, (_, i) => i);
    const iterations = auth_type === 'plain' ? MANY_ITERATIONS : 4096;
    // A salt for each: a key that was derived once is remembered.
    const secretOf = (i: number) => verifier('pencil', Buffer.alloc(16, i).toString('base64'), iterations);
    const known = Object.fromEntries(names.map((i) => [`known${i}`, { password: secretOf(i) }]));
    const pooler = await poolerFor(db.current, { auth_type, users: { [user]: { password }, ...known } });
    expect(await question(pooler, 'known0')).toEqual(await question(pooler, 'unknown0'));
    await guess(pooler, 'somebody');
    const times = { known: [] as number[], unknown: [] as number[] };
    for (const i of names) {
      times.known.push(await guess(pooler, `known${i}`));
      times.unknown.push(await guess(pooler, `unknown${i}`));
    }
    // The quickest: what others do on this machine is not in there.
    const [quickest, ofStrangers] = [Math.min(...times.known), Math.min(...times.unknown)];
    expect(Math.min(quickest, ofStrangers)).toBeGreaterThanOrEqual(98);
    expect(Math.abs(quickest - ofStrangers)).toBeLessThan(8);
  });
});

describe.skipIf(own === undefined)('from elsewhere', () => {
  test('a few refusals are held at a time: the next password waits for its turn, and a right one gets in', async () => {
    const pooler = await poolerFor(db.current, { listen_addr: '0.0.0.0' });
    for (let i = 0; i < 2; i += 1) await guess(pooler, pooler.user, own);
    const held = Array.from({ length: 4 }, () => guess(pooler, pooler.user, own));
    await waitUntil(() => inLogin(pooler) === 4);
    const others = Promise.all([comeIn(pooler), comeIn(pooler)]);
    const [took, took2] = await Promise.all([comeIn(pooler, own), comeIn(pooler, own)]);
    // The first of the four is told after 0.4 s.
    expect(Math.min(took, took2)).toBeGreaterThan(300);
    expect(Math.max(took, took2)).toBeLessThan(10_000);
    // From this machine nobody has waited.
    expect(Math.max(...(await others))).toBeLessThan(Math.min(took, took2));
    await Promise.all(held);
  }, 30_000);
});
