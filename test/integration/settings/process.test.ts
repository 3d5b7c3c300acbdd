// Settings of the end of the process, and of its files.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ConfigTree } from '../../support/pooler.ts';
import { skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { connectAndLogin, type WireClient } from '../../support/wire.ts';
import { begin, errorOf, expectNever, fakeFor, farewell, poolerFor, targetOf, timed } from './for-settings.ts';
import { freePort } from './free-port.ts';
import { commandWith } from './the-command.ts';

test('pidfile: it holds the process id while the pooler runs, and is gone when it has ended', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-pid-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const pidfile = join(directory, 'pgsluice.pid');
  const command = await commandWith({ pidfile });
  await command.line('pgsluice is up');
  expect(readFileSync(pidfile, 'utf8')).toBe(`${command.process.pid}\n`);
  command.signal('SIGQUIT');
  expect(await command.exit()).toBe(0);
  expect(existsSync(pidfile)).toBe(false);
});

function pidFileFor(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'pgsluice-pid-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const pidfile = join(directory, 'pgsluice.pid');
  writeFileSync(pidfile, text);
  return pidfile;
}

test('pidfile: a second pgsluice with the same file does not start, and leaves the file alone', async () => {
  const pidfile = pidFileFor('');
  const first = await commandWith({ pidfile });
  await first.line('pgsluice is up');
  const second = await commandWith({ pidfile });
  expect(await second.exit()).toBe(1);
  expect(second.output.join()).toContain(`a pgsluice runs already as process ${first.process.pid}`);
  expect(readFileSync(pidfile, 'utf8')).toBe(`${first.process.pid}\n`);
});

test('pidfile: one that was left behind is no obstacle, not even when its number was given again', async () => {
  // The number of this very process, which is no pgsluice.
  for (const text of ['4194304\n', 'nonsense', `${process.ppid}\n`]) {
    const pidfile = pidFileFor(text);
    const command = await commandWith({ pidfile });
    await command.line('pgsluice is up');
    expect(readFileSync(pidfile, 'utf8')).toBe(`${command.process.pid}\n`);
  }
});

test('user: root goes on as this user, with its groups', async (context) => {
  if (process.getuid?.() !== 0) skipBecause(context, 'root: only root can go on as another user');
  const command = await commandWith({ user: 'nobody' });
  await command.line('pgsluice is up');
  const status = readFileSync(`/proc/${command.process.pid}/status`, 'utf8');
  expect(status).toMatch(/^Uid:\s+65534\s+65534\s+65534\s+65534$/m);
  expect(status).toMatch(/^Gid:\s+65534\s+65534\s+65534\s+65534$/m);
  expect(status).toMatch(/^Groups:\s*65534\s*$/m);
  const stranger = await commandWith({ user: 'no such user' });
  expect(await stranger.exit()).toBe(1);
  expect(stranger.output.join()).toContain('user no such user: there is no such user');
});

describe('shutdown_mode', () => {
  /** The command in front of a scripted Postgres, with one client that is idle and one in a transaction. */
  async function commandInUse(settings: ConfigTree) {
    const { host, port } = await fakeFor();
    const app = { databases: { app: { host, port } }, users: { app: { password: 'secret' } } };
    const command = await commandWith({ ...app, shutdown_idle: '100ms', ...settings });
    const at = await command.port();
    const connect = () => connectAndLogin(at, { user: 'app', password: 'secret', database: 'app' });
    const [idle, busy]: [WireClient, WireClient] = [await connect(), await connect()];
    await begin(busy);
    return { command, connect, idle, busy };
  }

  test('shutdown_mode: TERM with wait_for_clients goes on serving, new clients too, until none is left', async () => {
    const { command, connect, idle, busy } = await commandInUse({ shutdown_mode: 'wait_for_clients' });
    command.signal('SIGTERM');
    await command.line('shutdown');
    const late = await connect();
    for (const client of [idle, late]) expect(await client.rows('SELECT 1')).toHaveLength(1);
    await Promise.all([idle.end(), busy.end()]);
    await expectNever(() => command.hasExited, 400);
    await late.end();
    expect(await command.exit()).toBe(0);
  });

  test('shutdown_mode: TERM with wait_for_servers closes idle clients, refuses new ones and lets transactions end', async () => {
    const { command, connect, idle, busy } = await commandInUse({ shutdown_mode: 'wait_for_servers' });
    command.signal('SIGTERM');
    expect(await farewell(idle)).toMatchObject({ C: '57P01' });
    expect((await errorOf(connect())).code).toBe('57P01');
    await busy.rows('SELECT 1');
    expect(command.hasExited).toBe(false);
    await busy.rows('COMMIT');
    expect(await farewell(busy)).toMatchObject({ C: '57P01' });
    expect(await command.exit()).toBe(0);
  });

  test('shutdown_mode: TERM with immediate closes everything', async () => {
    const { command, idle, busy } = await commandInUse({ shutdown_mode: 'immediate' });
    command.signal('SIGTERM');
    for (const client of [idle, busy]) expect(await farewell(client)).toMatchObject({ C: '57P01' });
    expect(await command.exit()).toBe(0);
  });

  test('shutdown_mode: a reload changes what TERM does', async () => {
    const { command, busy } = await commandInUse({ shutdown_mode: 'wait_for_clients' });
    command.change({ shutdown_mode: 'immediate' });
    command.signal('SIGHUP');
    await command.line('reload: changed');
    command.signal('SIGTERM');
    await farewell(busy);
    expect(await command.exit()).toBe(0);
  });
});

describe('shutdown_mode drain', () => {
  async function draining(settings: ConfigTree = {}) {
    const pooler = await poolerFor(targetOf(await fakeFor()), { default_pool_size: 1, ...settings });
    const used = async () => {
      const client = await pooler.connect();
      await client.rows('SELECT 1');
      return client;
    };
    return { pooler, used, go: () => pooler.app.control.shutdown('drain') };
  }

  test('shutdown_mode: drain tells idle clients at once and the others behind their transaction; who waits is served first', async () => {
    const { pooler, used, go } = await draining();
    const [idle, busy, waiting] = [await used(), await used(), await used()];
    await begin(busy);
    const rows = waiting.rows('SELECT 1');
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    go();
    expect(await farewell(idle)).toMatchObject({ C: '57P01' });
    await expectNever(() => busy.closed || waiting.closed, 200);
    expect(await busy.rows('SELECT 1')).toHaveLength(1);
    await busy.rows('COMMIT');
    expect(await farewell(busy)).toMatchObject({ C: '57P01' });
    expect(await rows).toHaveLength(1);
    expect(await farewell(waiting)).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
  });

  test('shutdown_mode: drain refuses new clients, is not ready, and answers health and metrics to the end', async () => {
    const { pooler, used, go } = await draining({ http_listen_port: await freePort() });
    const busy = await used();
    await begin(busy);
    go();
    const get = (path: string) => fetch(`http://127.0.0.1:${pooler.app.httpPort}/${path}`);
    expect((await errorOf(pooler.connect())).code).toBe('57P01');
    expect([(await get('healthz')).status, (await get('readyz')).status]).toEqual([200, 503]);
    expect(await (await get('metrics')).text()).toContain('pgsluice_');
    await busy.rows('COMMIT');
    await pooler.app.stopped;
  });

  test('shutdown_mode: in session mode drain waits for the end of the transaction, not of the session', async () => {
    const { pooler, used, go } = await draining({ pool_mode: 'session' });
    const client = await used();
    await begin(client);
    go();
    await expectNever(() => client.closed, 200);
    await client.rows('COMMIT');
    expect(await farewell(client)).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
  });

  test('shutdown_min_wait: under drain nobody is told and new clients are let in meanwhile, but it is not ready', async () => {
    const { pooler, used, go } = await draining({ shutdown_min_wait: '500ms', shutdown_idle: '100ms' });
    const early = await used();
    go();
    expect(pooler.app.health.ready()).toMatchObject({ ready: false, reasons: ['shutting down'] });
    const late = await used();
    expect(await early.rows('SELECT 1')).toHaveLength(1);
    for (const client of [early, late]) expect(await farewell(client)).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
  });

  test('shutdown_idle: under drain a client that has just come has so long for its first transaction', async () => {
    const { pooler, used, go } = await draining({ shutdown_idle: '400ms' });
    await used();
    const [fresh, silent] = [await pooler.connect(), await pooler.connect()];
    go();
    await expectNever(() => fresh.closed || silent.closed, 150);
    expect(await fresh.rows('SELECT 1')).toHaveLength(1);
    for (const client of [fresh, silent]) expect(await farewell(client)).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
  });

  test('shutdown_timeout: a client whose wait for a server ended in vain does not keep drain waiting', async () => {
    const { pooler, used, go } = await draining({ query_wait_timeout: '300ms', shutdown_timeout: '20s' });
    const [busy, waiting] = [await used(), await used()];
    await begin(busy);
    const refused = errorOf(waiting.rows('SELECT 1'));
    await waitUntil(() => pooler.pool().clients.waiting.length === 1);
    go();
    await refused;
    await waiting.readToEnd();
    await busy.rows('COMMIT');
    await pooler.app.stopped;
  });

  test('shutdown_mode: a stricter mode may follow drain, a gentler one does not', async () => {
    const { pooler, used, go } = await draining();
    const busy = await used();
    await begin(busy);
    go();
    pooler.app.control.shutdown('wait_for_clients');
    expect(pooler.app.control.state).toBe('drain');
    pooler.app.control.shutdown('wait_for_servers');
    expect(pooler.app.control.state).toBe('wait_for_servers');
    await busy.rows('COMMIT');
    await pooler.app.stopped;
  });

  test('shutdown_mode: SHUTDOWN DRAIN on the console does the same', async () => {
    const { pooler, used } = await draining({ admin_users: ['app'] });
    const client = await used();
    await pooler.console('SHUTDOWN DRAIN');
    expect(await farewell(client)).toMatchObject({ C: '57P01' });
    await pooler.app.stopped;
  });
});

describe('how long it takes', () => {
  const shutDown = async (settings: ConfigTree) => {
    const pooler = await poolerFor(targetOf(await fakeFor()), settings);
    let isDown = false;
    const stopped = pooler.app.stopped.then(() => {
      isDown = true;
    });
    return { pooler, stopped, isDown: () => isDown, go: () => pooler.app.control.shutdown('wait_for_clients') };
  };

  test('shutdown_idle: it ends when there was no client for this time, and a client that comes meanwhile is served', async () => {
    const { pooler, stopped, isDown, go } = await shutDown({ shutdown_idle: '500ms' });
    const first = await pooler.connect();
    go();
    await first.end();
    await expectNever(isDown, 300);
    const second = await pooler.connect();
    await expectNever(isDown, 600);
    await second.end();
    const { ms } = await timed(stopped);
    expect(ms).toBeGreaterThan(400);
    expect(ms).toBeLessThan(1500);
  });

  test('shutdown_min_wait: it goes on accepting clients for at least this time', async () => {
    const { pooler, stopped, isDown, go } = await shutDown({ shutdown_idle: '50ms', shutdown_min_wait: '600ms' });
    go();
    const over = timed(stopped);
    await expectNever(isDown, 300);
    await (await pooler.connect()).end();
    expect((await over).ms).toBeGreaterThan(550);
    expect((await over).ms).toBeLessThan(1500);
  });

  test('shutdown_timeout: it ends at latest after this time, whoever is connected', async () => {
    const { pooler, stopped, go } = await shutDown({ shutdown_timeout: '500ms' });
    const client = await pooler.connect();
    await begin(client);
    go();
    const over = timed(stopped);
    // A stricter request does not begin the time again.
    await waitUntil(() => pooler.log.some(({ msg }) => msg === 'shutdown'));
    pooler.app.control.shutdown('wait_for_servers');
    expect(await farewell(client)).toMatchObject({ C: '57P01' });
    expect((await over).ms).toBeGreaterThan(450);
    expect((await over).ms).toBeLessThan(1500);
    expect(pooler.log).toContainEqual(expect.objectContaining({ level: 'warn', clients: 1 }));
  });

  test('shutdown_timeout: 0 is no limit', async () => {
    const { pooler, stopped, isDown, go } = await shutDown({ shutdown_timeout: 0, shutdown_idle: '50ms' });
    const client = await pooler.connect();
    go();
    await expectNever(isDown, 600);
    await client.end();
    await stopped;
  });
});
