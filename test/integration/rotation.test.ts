// Passwords change while clients log in: not one login is lost.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createRole, useDatabase } from '../support/postgres.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitUntil } from '../support/wait-until.ts';
import { errorOf, poolerFor, timed } from './settings/for-settings.ts';

const db = useDatabase();
const role = `rotated_${process.pid}`;
/** `npm run rotations` plays 20. */
const ROTATIONS = Number(process.env.ROTATIONS ?? 5);

/** As an operator of Kubernetes does it: the new file takes the place of the old one. */
function replace(file: string, secret: string): void {
  writeFileSync(`${file}.new`, secret);
  renameSync(`${file}.new`, file);
}

/** Clients that log in one after the other, each on a server that has to log in too. */
async function underLoad(login: () => Promise<unknown>, body: () => Promise<void>): Promise<number> {
  let isOver = false;
  let logins = 0;
  const client = async () => {
    while (!isOver) {
      await login();
      logins += 1;
    }
  };
  const clients = [client(), client(), client(), client()];
  try {
    await Promise.race([body(), ...clients]);
  } finally {
    isOver = true;
  }
  await Promise.all(clients);
  return logins;
}

describe.each(['Postgres first', 'the file first'])('%s', (order) => {
  test(`${ROTATIONS} rotations of the password that servers log in with lose no login`, async () => {
    const file = join(temporaryDirectory(), 'password');
    const { host, port, database, user, password } = db.current;
    await createRole(db.current, role, 'p0');
    replace(file, 'p0');
    const pooler = await poolerFor(db.current, {
      databases: { [database]: { host, port, user: role, password_file: file, pool_size: 4 } },
      users: { [user]: { password } },
      max_user_connections: 4,
    });
    const login = async () => {
      const client = await pooler.connect();
      expect(await client.rows('SELECT current_user')).toEqual([[role]]);
      await client.end();
    };
    const logins = await underLoad(login, async () => {
      await login();
      const { stats } = pooler.pool(database, role);
      for (let turn = 1; turn <= ROTATIONS; turn += 1) {
        const steps = [() => createRole(db.current, role, `p${turn}`), async () => replace(file, `p${turn}`)];
        if (order === 'the file first') steps.reverse();
        const { serverLoginFailureCount: failures } = stats;
        await steps[0]!();
        if (order === 'the file first')
          await waitUntil(() => pooler.app.config.databases.get(database)?.password === `p${turn}`);
        // Servers have to log in anew in the middle of it, and are refused.
        pooler.app.control.reconnect(null);
        await waitUntil(() => stats.serverLoginFailureCount > failures);
        const { serverLoginCount: before } = stats;
        await steps[1]!();
        await waitUntil(() => stats.serverLoginCount > before);
      }
    });
    expect(logins).toBeGreaterThan(ROTATIONS);
  }, 120_000);
});

test(`${ROTATIONS} rotations of a secret that clients log in with lose no login, and leave no old one in force`, async () => {
  const file = join(temporaryDirectory(), 'secret');
  replace(file, 'p0');
  await createRole(db.current, role, 'p0');
  const pooler = await poolerFor(db.current, { users: { [role]: { password_file: file } } });
  for (let turn = 1; turn <= ROTATIONS; turn += 1) {
    await createRole(db.current, role, `p${turn}`);
    replace(file, `p${turn}`);
    const clients = Array.from({ length: 5 }, () => pooler.connect({ user: role, password: `p${turn}` }));
    for (const client of await Promise.all(clients)) await client.end();
    const old = await errorOf(pooler.connect({ user: role, password: `p${turn - 1}` }));
    expect(old.fields.C).toBe('28P01');
    pooler.app.control.reconnect(null);
  }
}, 60_000);

test('a password that is wrong for good is told after a few seconds, and not before', async () => {
  const file = join(temporaryDirectory(), 'password');
  replace(file, 'wrong');
  const { host, port, database, user, password } = db.current;
  await createRole(db.current, role, 'right');
  const pooler = await poolerFor(db.current, {
    databases: { [database]: { host, port, user: role, password_file: file } },
    users: { [user]: { password } },
  });
  const { ms, value } = await timed(pooler.query('SELECT 1').catch((error: unknown) => error));
  expect(value).toMatchObject({ code: '28P01', message: expect.stringContaining('password authentication failed') });
  expect(ms).toBeGreaterThan(4_000);
  replace(file, 'right');
  await waitUntil(async () => (await pooler.connect().catch(() => null))?.rows('SELECT 1'));
}, 30_000);
