// Settings of what a client may send, from its first byte on.
import { expect, test } from 'vitest';
import { useDatabase } from '../../support/postgres.ts';
import { connect, types } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';
import { errorOf, fakeFor, farewell, poolerFor, show, targetOf, timed } from './for-settings.ts';

const db = useDatabase();

test('client_login_timeout: a client that has not finished its login is told and disconnected', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { client_login_timeout: '300ms' });
  const silent = await connect(pooler.port);
  const halfway = await connect(pooler.port);
  halfway.send(build.startup({ user: 'app', database: 'app' }));
  const loggedIn = await pooler.connect();
  const { ms, value } = await timed(Promise.all([farewell(silent), farewell(halfway)]));
  for (const error of value) expect(error?.M).toContain('client_login_timeout');
  expect(ms).toBeGreaterThan(200);
  expect(ms).toBeLessThan(1500);
  expect(await loggedIn.rows('SELECT 1')).toHaveLength(1);
});

test('client_login_timeout: it also ends a login that waits for Postgres', async () => {
  const postgres = await fakeFor({ onStartup: () => {} });
  const pooler = await poolerFor(targetOf(postgres), { client_login_timeout: '300ms' });
  const { ms, value } = await timed(errorOf(pooler.connect()));
  expect(value.fields.M).toContain('client_login_timeout');
  expect(ms).toBeGreaterThan(200);
  expect(ms).toBeLessThan(1500);
});

test('disable_pqexec: a simple query ends the connection, an extended one is served', async () => {
  const pooler = await poolerFor(db.current, { disable_pqexec: true });
  const client = await pooler.connect();
  client.send(build.extendedQuery('SELECT 1'));
  expect(types(await client.readUntil('Z'))).toBe('12TDCZ');
  client.send(build.query('SELECT 1; SELECT 2'));
  expect(await farewell(client)).toMatchObject({ C: '42501', M: expect.stringContaining('disable_pqexec') });
  expect(await (await (await poolerFor(db.current)).connect()).rows('SELECT 1')).toEqual([['1']]);
});

test('ignore_startup_parameters: they never reach Postgres, alone or inside options', async () => {
  const settings = { ignore_startup_parameters: ['no_such_parameter', 'extra_float_digits'] };
  const params = { no_such_parameter: '1', options: '-c extra_float_digits=3 -c work_mem=77MB' };
  const client = await (await poolerFor(db.current, settings)).connect({ params });
  expect(await show(client, 'extra_float_digits')).toBe('1');
  expect(await show(client, 'work_mem')).toBe('77MB');
  const strict = await poolerFor(db.current);
  await expect(strict.connect({ params })).rejects.toMatchObject({ code: '42704' });
  const kept = await strict.connect({ params: { extra_float_digits: '3' } });
  expect(await show(kept, 'extra_float_digits')).toBe('3');
});

test('max_packet_size: a longer message ends the connection of the client that sent it', async () => {
  const pooler = await poolerFor(db.current, { max_packet_size: '2kB' });
  const client = await pooler.connect();
  const fits = `SELECT length('${'x'.repeat(1900)}')`;
  expect(await client.rows(fits)).toEqual([['1900']]);
  client.send(build.query(`SELECT length('${'x'.repeat(2100)}')`));
  expect(await farewell(client)).toMatchObject({ C: '08P01' });
  expect(pooler.pool().serverCount).toBe(1);
});

test('max_packet_size: a longer message ends the connection of the server that sent it', async () => {
  const pooler = await poolerFor(db.current, { max_packet_size: '2kB' });
  const client = await pooler.connect();
  expect(await client.rows(`SELECT repeat('x', 1900)`)).toHaveLength(1);
  client.send(build.query(`SELECT repeat('x', 2100)`));
  await client.readToEnd();
  expect(pooler.app.observer.serverCloses.of('protocol_violation')).toBe(1);
});
