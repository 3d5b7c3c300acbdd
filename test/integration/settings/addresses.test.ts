// Settings of the addresses where pgsluice answers.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { endianness, networkInterfaces } from 'node:os';
import { expect, test } from 'vitest';
import { needTool, skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { connectAndLogin } from '../../support/wire.ts';
import { errorOf, fakeFor, poolerFor, targetOf } from './for-settings.ts';
import { freePort } from './free-port.ts';

const login = { user: 'app', password: 'secret', database: 'app' };

/** Whether this process listens there: a connection could be taken by a test beside it, which has the same port on another address. */
function isListening(address: string, port: number): boolean {
  const inodes = new Set<string | undefined>();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      inodes.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]);
    } catch {
      // the descriptor of the folder itself
    }
  }
  // Addresses are written in the order of the machine's bytes. 0A: LISTEN.
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  const hex = (endianness() === 'LE' ? bytes.reverse() : bytes).join('').toUpperCase();
  const end = `${hex}:${port.toString(16).padStart(4, '0').toUpperCase()}`;
  const rows = readFileSync('/proc/self/net/tcp', 'utf8').split('\n');
  return rows
    .map((row) => row.trim().split(/\s+/))
    .some((row) => row[1] === end && row[3] === '0A' && inodes.has(row[9]));
}

test('listen_addr: clients are served on each of the addresses, and on no other', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { listen_addr: ['127.0.0.1', '127.0.0.3'] });
  for (const host of ['127.0.0.1', '127.0.0.3']) {
    const client = await connectAndLogin(pooler.port, login, host);
    expect(await client.rows('SELECT 1')).toHaveLength(1);
    await client.end();
  }
  expect(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((address) => isListening(address, pooler.port))).toEqual([
    true,
    false,
    true,
  ]);
});

test('listen_addr: "*" is every address of the machine', async (context) => {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const outside = addresses.find(({ internal, family }) => !internal && family === 'IPv4');
  if (outside === undefined) skipBecause(context, 'network: the machine has no address but loopback');
  const pooler = await poolerFor(targetOf(await fakeFor()), { listen_addr: '*' });
  for (const host of ['127.0.0.1', outside.address]) {
    const client = await connectAndLogin(pooler.port, login, host);
    await client.end();
  }
});

test('listen_port: clients are served on it, and only one pooler can have it', async () => {
  const postgres = await fakeFor();
  const port = await freePort();
  const pooler = await poolerFor(targetOf(postgres), { listen_port: port });
  expect(pooler.port).toBe(port);
  const client = await connectAndLogin(port, login);
  await client.end();
  await expect(poolerFor(targetOf(postgres), { listen_port: port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('listen_port: 0 is one free port on every address, which the log names', async () => {
  const listen_addr = ['127.0.0.1', '127.0.0.2'];
  const pooler = await poolerFor(targetOf(await fakeFor()), { listen_port: 0, listen_addr });
  const up = pooler.log.find((line) => line.msg === 'pgsluice is up');
  expect(up?.addresses).toEqual(listen_addr.map((address) => `${address}:${pooler.port}`));
  for (const host of listen_addr) await (await connectAndLogin(pooler.port, login, host)).end();
});

test('listen_backlog: it is the length of the queue that the kernel keeps', async (context) => {
  const ss = needTool(context, 'ss');
  const postgres = await fakeFor();
  for (const backlog of [7, 21]) {
    const pooler = await poolerFor(targetOf(postgres), { listen_backlog: backlog });
    const line = execFileSync(ss, ['-ltnH', `sport = :${pooler.port}`], { encoding: 'utf8' });
    expect(line.trim().split(/\s+/)[2]).toBe(String(backlog));
  }
});

test('so_reuseport: two poolers share one port, and both get clients', async (context) => {
  if (process.platform !== 'linux') skipBecause(context, 'linux: the kernel spreads connections over listeners there');
  const postgres = await fakeFor();
  const first = await poolerFor(targetOf(postgres), { so_reuseport: true });
  const second = await poolerFor(targetOf(postgres), { so_reuseport: true, listen_port: first.port });
  // Which one gets a connection is the kernel's choice, by its port.
  for (let i = 0; i < 200 && !(first.app.observer.clientLogins > 0 && second.app.observer.clientLogins > 0); i += 1) {
    await (await connectAndLogin(first.port, login)).end();
  }
  expect(first.app.observer.clientLogins).toBeGreaterThan(0);
  expect(second.app.observer.clientLogins).toBeGreaterThan(0);
  const blocked = poolerFor(targetOf(postgres), { listen_port: first.port });
  await expect(blocked).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('so_reuseport: a process that is told to go takes no new clients, and ends when its own have left', async (context) => {
  if (process.platform !== 'linux') skipBecause(context, 'linux: the kernel spreads connections over listeners there');
  const postgres = await fakeFor();
  const old = await poolerFor(targetOf(postgres), { so_reuseport: true, shutdown_idle: '50ms' });
  const client = await old.connect();
  const next = await poolerFor(targetOf(postgres), { so_reuseport: true, listen_port: old.port });
  old.app.control.shutdown('wait_for_clients');
  await waitUntil(() => !old.app.doors.isOpen);
  const before = old.app.observer.clientLogins;
  for (let i = 0; i < 50; i += 1) await (await connectAndLogin(old.port, login)).end();
  expect(next.app.observer.clientLogins).toBe(50);
  expect(old.app.observer.clientLogins).toBe(before);
  expect(await client.rows('SELECT 1')).toHaveLength(1);
  await client.end();
  await old.app.stopped;
});

test('so_reuseport: health and metrics share their port as well', async () => {
  const postgres = await fakeFor();
  const port = await freePort();
  const settings = { so_reuseport: true, http_listen_port: port };
  await poolerFor(targetOf(postgres), settings);
  const second = await poolerFor(targetOf(postgres), settings);
  expect(second.app.httpPort).toBe(port);
});

test('http_listen_port: health and metrics are served on it, and nowhere when it is 0', async () => {
  const postgres = await fakeFor();
  const port = await freePort();
  const pooler = await poolerFor(targetOf(postgres), { http_listen_port: port });
  const reply = await fetch(`http://127.0.0.1:${port}/readyz`);
  expect([reply.status, await reply.json()]).toMatchObject([200, { ready: true }]);
  expect(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).toContain('pgsluice_');
  await pooler.stop();
  const without = await poolerFor(targetOf(postgres), { http_listen_port: 0 });
  expect(without.app.httpPort).toBe(0);
  expect(isListening('127.0.0.1', port)).toBe(false);
});

test('http_listen_addr: HTTP is served on this address only', async () => {
  const port = await freePort();
  await poolerFor(targetOf(await fakeFor()), { http_listen_addr: '127.0.0.2', http_listen_port: port });
  expect((await fetch(`http://127.0.0.2:${port}/healthz`)).status).toBe(200);
  expect(isListening('127.0.0.1', port)).toBe(false);
});

test('health_listen_addr: the probes and the metrics are served on this address too, and nothing else is', async () => {
  const [http_listen_port, health_listen_port] = [await freePort(), await freePort()];
  const health = { health_listen_addr: '127.0.0.2', health_listen_port };
  await poolerFor(targetOf(await fakeFor()), { http_listen_port, ...health });
  for (const path of ['healthz', 'readyz', 'startupz', 'metrics']) {
    expect((await fetch(`http://127.0.0.2:${health_listen_port}/${path}`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${http_listen_port}/${path}`)).status).toBe(200);
  }
  expect((await fetch(`http://127.0.0.2:${health_listen_port}/`)).status).toBe(404);
  expect(isListening('127.0.0.1', health_listen_port)).toBe(false);
});

test('health_listen_port: the probes are served on it without the HTTP server, and an address without a port is refused', async () => {
  const postgres = await fakeFor();
  const port = await freePort();
  await poolerFor(targetOf(postgres), { health_listen_addr: '127.0.0.1', health_listen_port: port });
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  const error = await errorOf(poolerFor(targetOf(postgres), { health_listen_addr: '127.0.0.1' }));
  expect(error.message).toContain('needs health_listen_port');
});
