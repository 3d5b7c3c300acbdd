// Is it well, and if not, who? Each thing that can be wrong, on a real Postgres.
import { expect, test } from 'vitest';
import type { Finding } from '../../src/observe/finding.ts';
import { Api } from '../support/http-api.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { begin, fakeFor, poolerFor, targetOf } from './settings/for-settings.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();

async function start(settings: Record<string, unknown> = {}, target: Parameters<typeof poolerFor>[0] = db.current) {
  const http_listen_port = await freePort();
  const pooler = await poolerFor(target, { http_listen_port, default_pool_size: 2, ...settings });
  const api = new Api(http_listen_port);
  const findings = async (): Promise<Finding[]> => (await api.get('/api/v1/overview')).body.findings;
  const find = (code: Finding['code']) =>
    waitUntil(async () => (await findings()).find((finding) => finding.code === code), { what: `a finding: ${code}` });
  const named = (application_name: string) => pooler.connect({ params: { application_name } });
  return { pooler, findings, find, named };
}

test('a Postgres that is away is critical, and nothing is left of it when it is back', async () => {
  const postgres = await fakeFor();
  await postgres.close();
  const { pooler, find, findings } = await start({ server_login_retry: '100ms' }, targetOf(postgres));
  const client = pooler.connect();
  // It logs in once Postgres is there.
  client.catch(() => {});
  expect(await find('postgres_away')).toMatchObject({
    severity: 'critical',
    title: 'Postgres is away for app/app',
    detail: expect.stringContaining('ECONNREFUSED'),
    database: 'app',
    user: 'app',
  });
  const other = await fakeFor();
  pooler.reload({ databases: { app: { host: other.host, port: other.port } } });
  await (await client).rows('SELECT 1');
  await waitUntil(async () => (await findings()).every(({ code }) => code !== 'postgres_away'));
});

test('clients that wait for long are told of with who holds the servers, and those refused are counted', async () => {
  const { find, named } = await start({ query_wait_timeout: '2s', guard: 'off' });
  const [one, two, waiter] = [await named('hog'), await named('hog'), await named('shop')];
  await Promise.all([begin(one), begin(two)]);
  const refused = waiter.rows('SELECT 1').catch((error: { code: string }) => error.code);
  const saturated = await find('saturated');
  expect(saturated).toMatchObject({
    severity: 'critical',
    title: expect.stringMatching(/^1 client of .* waits? for a server$/),
  });
  expect(saturated.detail).toContain('2 of 2 servers are held, 2 of them by hog');
  expect(saturated.advice).toContain('held by clients that send nothing inside a transaction');
  expect(await refused).toBe('53300');
  expect((await find('refusals')).title).toMatch(/^1 request of .* refused in the last minute$/);
  await Promise.all([one.rows('ROLLBACK'), two.rows('ROLLBACK')]);
});

test('a leak for which nobody waits is a warning, one that makes others wait is critical', async () => {
  const { find, named } = await start({
    default_pool_size: 1,
    leak_detection_threshold: '300ms',
    leak_reclaim_floor: '100ms',
    leak_reclaim: 'never',
  });
  const leaky = await named('leaky');
  await begin(leaky);
  expect(await find('leak')).toMatchObject({ severity: 'warning', applicationName: 'leaky', held: 1 });
  const waiting = (await named('shop')).rows('SELECT 1');
  await waitUntil(async () => (await find('leak')).severity === 'critical');
  await leaky.rows('ROLLBACK');
  await waiting;
  expect(await find('leak')).toMatchObject({ severity: 'warning', held: 0, leaks: 1 });
});

test('a pool whose servers are mostly pinned is told of with the reasons', async () => {
  const { find, named } = await start();
  const clients = [await named('one'), await named('two')];
  for (const client of clients) await client.rows('CREATE TEMP TABLE pinned (i int)');
  expect(await find('pinned')).toMatchObject({
    severity: 'warning',
    title: expect.stringMatching(/^2 of 2 servers of .* are pinned$/),
    detail: expect.stringMatching(/^temp\w* 2$/),
  });
  for (const client of clients) await client.rows('DROP TABLE pinned');
});

test('a pause, a bug and going down are told of', async () => {
  const { pooler, find, findings } = await start();
  await pooler.query('SELECT 1');
  void pooler.app.control.pause(null);
  expect(await find('paused')).toMatchObject({ title: 'Everything is paused' });
  pooler.app.control.resume(null);
  void pooler.app.control.pause(pooler.database);
  expect(await find('paused')).toMatchObject({ title: `Paused: ${pooler.database}`, database: pooler.database });
  pooler.app.control.resume(pooler.database);
  pooler.app.observer.events.add('bug', { text: 'not this time' });
  expect(await find('bug')).toMatchObject({ severity: 'critical', detail: 'not this time' });
  expect((await findings())[0]?.code).toBe('bug');
  const client = await pooler.connect();
  pooler.app.control.shutdown('wait_for_clients');
  expect(await find('closing')).toMatchObject({ detail: 'wait for clients' });
  await client.end();
});
