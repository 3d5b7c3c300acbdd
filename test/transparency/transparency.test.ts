// Every script straight to Postgres and through pgsluice: the replies have to be equal but for the table of differences.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connectAndLogin } from '../support/wire.ts';
import { level } from './differences.ts';
import { play } from './play.ts';
import { SCRIPTS, SETUP } from './scripts.ts';

// Two copies of one database: what the scripts change they change in both, and object ids are the same.
let direct: TestDatabase;
let pooled: TestDatabase;

beforeAll(async () => {
  direct = await createDatabase();
  await direct.query(SETUP);
  pooled = await createDatabase(direct, direct.database);
});

afterAll(async () => {
  await direct?.drop();
  await pooled?.drop();
});

const modes = [
  { name: 'transaction mode, one server', settings: { default_pool_size: 1 } },
  { name: 'transaction mode, several servers', settings: { default_pool_size: 3 } },
  { name: 'session mode', settings: { default_pool_size: 2, pool_mode: 'session' } },
];

describe.each(modes)('$name', ({ settings }) => {
  let pooler: TestPooler;
  beforeAll(async () => {
    pooler = await startPooler(pooled, settings);
  });
  afterAll(async () => {
    await pooler?.stop();
  });

  test.each(SCRIPTS)('$name', async (script) => {
    const straight = await connectAndLogin(direct.port, direct);
    const through = await pooler.connect();
    const expected = await play(straight, script);
    const actual = await play(through, script);
    expect(actual.map(level)).toEqual(expected.map(level));
    await pooler.expectInvariants();
  });

  test('the login says the same', async () => {
    const straight = await connectAndLogin(direct.port, direct);
    const through = await pooler.connect();
    expect(level(through.session.messages)).toEqual(level(straight.session.messages));
    await Promise.all([straight.end(), through.end()]);
  });
});
