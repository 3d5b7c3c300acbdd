// The process behind a client, found through /proc: with real processes and sockets.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { hexAddress } from '../../../src/guard/proc-sockets.ts';
import { ProcessIds } from '../../../src/guard/process-id.ts';
import { waitUntil } from '../../support/wait-until.ts';

const children: ChildProcess[] = [];
const servers: Server[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill();
  for (const server of servers.splice(0)) server.close();
});

/** A child process that connects from there to here. */
async function connected(listen: string, connect: string): Promise<{ pid: number; socket: Socket }> {
  const server = createServer().listen(0, listen);
  servers.push(server);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const code = `const s = require('node:net').connect(${port}, '${connect}'); s.on('close', () => process.exit())`;
  const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
  children.push(child);
  const [socket] = (await once(server, 'connection')) as [Socket];
  return { pid: child.pid!, socket };
}

function ends(socket: Socket) {
  return [
    { host: socket.remoteAddress!, port: socket.remotePort! },
    { host: socket.localAddress!, port: socket.localPort! },
  ] as const;
}

describe.runIf(process.platform === 'linux')('on Linux', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['::', '::ffff:127.0.0.1'],
  ])('finds the process of a client (listening on %s, connected to %s)', async (listen, connect) => {
    const { pid, socket } = await connected(listen, connect);
    const [client, own] = ends(socket);
    expect(new ProcessIds(1000, 5000).of(client, own)).toBe(pid);
    socket.destroy();
  });

  it('tells two clients of one port apart, from one look', async () => {
    const first = await connected('127.0.0.1', '127.0.0.1');
    const [client, own] = ends(first.socket);
    const code = `require('node:net').connect(${own.port}, '127.0.0.1')`;
    const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' });
    children.push(child);
    const [socket] = (await once(servers[0]!, 'connection')) as [Socket];
    const ids = new ProcessIds(60_000, 5000);
    expect(ids.of(client, own)).toBe(first.pid);
    expect(ids.of(...ends(socket))).toBe(child.pid);
    first.socket.destroy();
    socket.destroy();
  });

  it('goes on where it stopped when its time is over', async () => {
    const { pid, socket } = await connected('127.0.0.1', '127.0.0.1');
    const ids = new ProcessIds(0, 0.5);
    expect(await waitUntil(() => ids.of(...ends(socket)), { timeoutMs: 25_000 })).toBe(pid);
    socket.destroy();
  }, 30_000);

  it('does not look again within its interval', async () => {
    const { pid, socket } = await connected('127.0.0.1', '127.0.0.1');
    const [client, own] = ends(socket);
    const ids = new ProcessIds(60_000, 5000);
    expect(ids.of({ host: client.host, port: 1 }, own)).toBe(null);
    children[0]!.kill();
    await once(children[0]!, 'exit');
    expect(ids.of(client, own)).toBe(pid);
    socket.destroy();
  });
});

it('knows nothing of other machines, of sockets without an address, or of nonsense', () => {
  const ids = new ProcessIds();
  const own = { host: '127.0.0.1', port: 6432 };
  expect(ids.of({ host: '192.0.2.1', port: 50_000 }, own)).toBe(null);
  expect(ids.of({ host: '', port: 0 }, own)).toBe(null);
  expect(ids.of({ host: ':::::', port: -1 }, own)).toBe(null);
  expect(ids.of({ host: 'fe80::1%eth0', port: 50_000 }, own)).toBe(null);
});

it('writes addresses as the kernel lists them', () => {
  expect(hexAddress({ host: '127.0.0.1', port: 5432 })).toBe('0100007F:1538');
  expect(hexAddress({ host: '::ffff:127.0.0.1', port: 80 })).toBe('0100007F:0050');
  expect(hexAddress({ host: '::1', port: 6432 })).toBe('00000000000000000000000001000000:1920');
  expect(hexAddress({ host: '2001:db8::2:1', port: 1 })).toBe('B80D0120000000000000000001000200:0001');
  expect(hexAddress({ host: 'localhost', port: 1 })).toBe('');
});
