// Settings of what is logged, and how.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { TestPooler } from '../../support/pooler.ts';
import { needTool } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { begin, errorOf, fakeFor, poolerFor, targetOf } from './for-settings.ts';
import { commandWith } from './the-command.ts';

const logged = (pooler: TestPooler, msg: string) => pooler.log.filter((line) => line.msg === msg);

test('log_connections: each login of a client and of a server is logged, and none when it is off', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()));
  await (await pooler.connect()).rows('SELECT 1');
  expect(logged(pooler, 'client login')).toMatchObject([{ user: 'app', database: 'app' }]);
  expect(logged(pooler, 'server login')).toMatchObject([{ backendPid: 1000 }]);
  pooler.reload({ log_connections: false });
  const held = await pooler.connect();
  await begin(held);
  await (await pooler.connect()).rows('SELECT 1');
  expect([logged(pooler, 'client login'), logged(pooler, 'server login')].map(({ length }) => length)).toEqual([1, 1]);
});

test('log_disconnections: each end of a connection is logged with its reason; when it is off only trouble with Postgres is', async () => {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), { server_lifetime: 0 });
  const first = await pooler.connect();
  await first.rows('SELECT 1');
  await first.end();
  await waitUntil(() => logged(pooler, 'client closed').length === 1);
  expect(logged(pooler, 'client closed')).toMatchObject([{ reason: 'client_terminated', user: 'app' }]);
  expect(logged(pooler, 'server closed').map(({ reason }) => reason)).toContain('server_lifetime');
  pooler.reload({ log_disconnections: false });
  const before = logged(pooler, 'server closed').length;
  const second = await pooler.connect();
  await second.rows('SELECT 1');
  await second.end();
  await waitUntil(() => pooler.app.clients.size === 0);
  expect(logged(pooler, 'client closed')).toHaveLength(1);
  expect(logged(pooler, 'server closed')).toHaveLength(before);
  await postgres.close();
  void pooler.connect({ params: { application_name: 'new' } }).catch(() => {});
  await waitUntil(() => logged(pooler, 'server closed').length > before);
  expect(logged(pooler, 'server closed').at(-1)).toMatchObject({ level: 'warn', reason: 'connect_failed' });
});

test('log_pooler_errors: the errors that pgsluice itself sends are logged, and not when it is off', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()));
  await errorOf(pooler.connect({ database: 'nowhere' }));
  expect(logged(pooler, 'pooler error')).toMatchObject([
    { level: 'warn', cause: 'no_such_database', sqlstate: '3D000' },
  ]);
  pooler.reload({ log_pooler_errors: false });
  await errorOf(pooler.connect({ database: 'nowhere' }));
  expect(logged(pooler, 'pooler error')).toHaveLength(1);
});

describe('log_level', () => {
  test('log_level: less important lines are not logged, from the start on', async () => {
    const command = await commandWith({ log_level: 'warn' });
    await command.line('no database is defined');
    command.signal('SIGQUIT');
    await command.exit();
    expect([...new Set(command.log.map(({ level }) => level))]).toEqual(['warn']);
  });

  test('log_level: a reload changes it', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()));
    for (const [log_level, count] of [
      ['error', 0],
      ['info', 1],
    ] as const) {
      pooler.reload({ log_level });
      await pooler.connect();
      expect(logged(pooler, 'client login')).toHaveLength(count);
    }
  });
});

describe('log_format', () => {
  test('log_format: json is one object a line', async () => {
    const command = await commandWith({ log_format: 'json' });
    await command.line('pgsluice is up');
    for (const line of command.output)
      expect(JSON.parse(line)).toMatchObject({ level: expect.any(String), msg: expect.any(String) });
  });

  test('log_format: pretty is for people', async () => {
    const command = await commandWith({ log_format: 'pretty' });
    const line = await waitUntil(() => command.output.find((text) => text.includes('pgsluice is up')));
    expect(line).toMatch(/INFO.*pgsluice is up/);
    expect(command.log).toEqual([]);
  });

  test('log_format: auto is json into a pipe and pretty on a terminal', async (context) => {
    const script = needTool(context, 'script');
    await (await commandWith({ log_format: 'auto' })).line('pgsluice is up');
    const onTerminal = await commandWith({ log_format: 'auto' }, { terminal: script });
    const line = await waitUntil(() => onTerminal.output.find((text) => text.includes('pgsluice is up')));
    expect(line).toContain('INFO');
    expect(line).not.toMatch(/^\{/);
  });
});

test('logfile: it gets the log besides standard output, and a reload opens it again after a rotation', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-log-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const logfile = join(directory, 'pgsluice.log');
  const command = await commandWith({ logfile });
  await command.line('pgsluice is up');
  // Standard output comes first: the file has its line in the next moment.
  await waitUntil(() => readFileSync(logfile, 'utf8').includes('pgsluice is up'));
  expect(readFileSync(logfile, 'utf8')).toBe(`${command.output.join('\n')}\n`);
  renameSync(logfile, `${logfile}.1`);
  command.signal('SIGHUP');
  await waitUntil(() => existsSync(logfile));
  command.signal('SIGQUIT');
  expect(await command.exit()).toBe(0);
  expect(readFileSync(logfile, 'utf8')).toContain('"msg":"pgsluice is down"');
  expect(readFileSync(`${logfile}.1`, 'utf8')).not.toContain('pgsluice is down');
});

test('logfile: one that can not be opened keeps the pooler from starting', async () => {
  const command = await commandWith({ logfile: '/nonexistent/pgsluice.log' });
  expect(await command.exit()).toBe(1);
  expect(command.output.join()).toContain('/nonexistent/pgsluice.log');
});
