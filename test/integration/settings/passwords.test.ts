// Where passwords come from that stand in no file of ours: for users, and for the login to Postgres.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { startApp } from '../../../src/app.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { createRole, queryOn, useDatabase } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { errorOf, poolerFor, timed } from './for-settings.ts';

const db = useDatabase();
const role = `sourced_${process.pid}`;

/** Writes what the file holds. */
const cat = (file: string) => [
  process.execPath,
  '-p',
  `require('node:fs').readFileSync(${JSON.stringify(file)}, 'utf8')`,
];

/** Clients of `app` go to Postgres as the role, whose password is somewhere else. */
function forced(entry: Record<string, unknown>) {
  const { host, port, database, user, password } = db.current;
  return { databases: { [database]: { host, port, user: role, ...entry } }, users: { [user]: { password } } };
}

test('password_command: it gives the password of the forced user, and the secret of a user', async () => {
  await createRole(db.current, role, 'a token');
  const file = join(temporaryDirectory(), 'token');
  writeFileSync(file, 'a token');
  const pooler = await poolerFor(db.current, forced({ password_command: cat(file) }));
  expect(await (await pooler.connect()).rows('SELECT current_user')).toEqual([[role]]);
  const ofUser = await poolerFor(db.current, { users: { [role]: { password_command: cat(file) } } });
  await ofUser.connect({ user: role, password: 'a token' });
  expect((await errorOf(ofUser.connect({ user: role, password: 'another' }))).fields.C).toBe('28P01');
});

test('password_command_ttl: the command runs again after this time', async () => {
  await createRole(db.current, role, 'one');
  const file = join(temporaryDirectory(), 'token');
  writeFileSync(file, 'one');
  const users = { [role]: { password_command: cat(file) } };
  const [pooler, keeping] = [
    await poolerFor(db.current, { users, password_command_ttl: '1s' }),
    await poolerFor(db.current, { users, password_command_ttl: '1h' }),
  ];
  await createRole(db.current, role, 'two');
  writeFileSync(file, 'two');
  await waitUntil(() => pooler.app.config.secrets.get(role) === 'two');
  expect(keeping.app.config.secrets.get(role)).toBe('one');
  await pooler.connect({ user: role, password: 'two' });
});

test('password_command_timeout: a command that takes longer is ended, and the pooler starts without', async () => {
  const users = { [role]: { password_command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'] } };
  const { ms, value: pooler } = await timed(poolerFor(db.current, { users, password_command_timeout: '200ms' }));
  expect(ms).toBeGreaterThan(200);
  expect(ms).toBeLessThan(3000);
  expect(JSON.stringify(pooler.log)).toContain('it took longer than 200 ms');
  expect((await errorOf(pooler.connect({ user: role, password: 'x' }))).fields.C).toBe('28P01');
});

test('password_env: the variable holds the secret', async () => {
  const { host, port, database } = db.current;
  await createRole(db.current, role, 'from the environment');
  const tree = {
    listen_port: 0,
    http_listen_port: 0,
    databases: { [database]: { host, port } },
    users: { [role]: { password_env: 'APP_SECRET' } },
  };
  const without = parseConfig(stringify(tree), { env: {} });
  expect(without.ok ? [] : without.problems.map(({ message }) => message)).toEqual([
    'the variable APP_SECRET is not set, or empty',
  ]);
  const result = parseConfig(stringify(tree), { env: { APP_SECRET: 'from the environment' } });
  if (!result.ok) throw new Error('the configuration has problems');
  const app = await startApp(result.config, { quiet: true });
  onTestFinished(() => app.stop());
  const login = { host: '127.0.0.1', port: app.port, user: role, password: 'from the environment', database };
  expect(await queryOn(login, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});
