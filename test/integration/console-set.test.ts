// SET on the console: which settings take another value, until when, and what drivers set besides.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { types, type WireError } from '../support/wire.ts';

const db = useDatabase();
const pooler = usePooler(db, { default_pool_size: 2 });

async function withConsole<T>(use: (say: (command: string) => Promise<string>) => Promise<T>): Promise<T> {
  const console = await pooler.current.connect({ database: 'pgbouncer' });
  const result = await use(async (command) => {
    const messages = await console.query(command);
    const [first] = messages;
    return first?.tag ?? `${types(messages)} ${first?.fields?.M} ${first?.fields?.D ?? ''}`.trim();
  });
  await console.end();
  return result;
}

const settings = () => pooler.current.app.config.settings;

test('SET changes a setting at once, and RELOAD brings back what the file says', async () => {
  const client = await pooler.current.connect();
  await client.rows('SELECT 1');
  await withConsole(async (say) => {
    expect(await say('SET default_pool_size = 1')).toBe('SET default_pool_size=1');
    expect(await say("SET query_timeout TO '500ms';")).toBe('SET query_timeout=500ms');
    expect(pooler.current.pool().settings.pool_size).toBe(1);
    const [shown] = (await pooler.current.console('SHOW CONFIG')).filter(({ key }) => key === 'query_timeout');
    expect(shown).toEqual({ key: 'query_timeout', value: '0.5', default: '0', changeable: 'yes' });
    const slow = await client.query('SELECT pg_sleep(5)').catch((error: WireError) => error.messages);
    expect(slow.at(-1)?.fields?.M ?? slow[0]?.fields?.M).toContain('query_timeout');
    expect(await say('RELOAD')).toBe('RELOAD');
    expect(settings()).toMatchObject({ default_pool_size: 2, query_timeout: 0 });
  });
  client.destroy();
});

test('a SET that can not be is refused with the reason and changes nothing', async () => {
  const before = settings();
  await withConsole(async (say) => {
    expect(await say('SET nothing = 1')).toBe('EZ SET failed nothing: there is no such setting');
    expect(await say('SET defualt_pool_size = 1')).toContain('default_pool_size');
    expect(await say("SET pool_mode = 'foo'")).toMatch(/^EZ SET failed pool_mode: the value is not one of/);
    expect(await say('SET default_pool_size = 99999999999')).toMatch(/^EZ SET failed .* above the maximum/);
    expect(await say('SET listen_port = 33')).toBe('EZ SET failed listen_port: only a restart changes it');
    expect(await say("SET auth_file = 'x'")).toMatch(/^EZ SET failed auth_file/);
    // Contradicts another one, as it would in a file.
    expect(await say('SET min_pool_size = 50')).toMatch(/^EZ SET failed/);
  });
  expect(settings()).toBe(before);
});

test('nobody opens a door by SET that a file could not open', async () => {
  const before = settings();
  pooler.current.app.control.set('auth_type', 'trust');
  // On 127.0.0.1 that is allowed; on an address of the network it is not.
  expect(settings().auth_type).toBe('trust');
  expect(pooler.current.app.control.reload().ok).toBe(true);
  expect(settings().auth_type).toBe(before.auth_type);
});

test('what drivers set of Postgres is let pass with a notice, for stats_users too', async () => {
  await withConsole(async (say) => {
    for (const sql of [
      'SET extra_float_digits = 3',
      "SET DateStyle = 'ISO'",
      "SET client_encoding TO 'UTF8'",
      'SET standard_conforming_strings = on',
      "SET timezone = 'UTC'",
    ])
      expect(await say(sql)).toBe('NCZ SET ignored');
  });
});

test('a driver whose startup packet has settings of Postgres is let in', async () => {
  const params = { extra_float_digits: '2', options: '-c datestyle=ISO', application_name: 'x' };
  const console = await pooler.current.connect({ database: 'pgbouncer', params });
  expect(await console.rows('SHOW extra_float_digits')).toEqual([['2']]);
  await console.end();
});
