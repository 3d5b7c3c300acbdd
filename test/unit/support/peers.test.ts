// The misbehaving peers that script and integration tests use: they must misbehave as they say.
import { afterEach, expect, test } from 'vitest';
import { type FakeServer, startFakeServer } from '../../support/fake-server.ts';
import { startTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { connect, connectAndLogin, textValues, types } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';

const opened: (FakeServer | TcpProxy)[] = [];
afterEach(async () => {
  for (const peer of opened.splice(0)) await peer.close();
});

async function echoServer(): Promise<FakeServer> {
  const server = await startFakeServer({
    onMessage: (connection, message) => {
      if (message.type === 'Q') connection.reply('echo', [message.text ?? '']);
      if (message.type === 'X') connection.end();
    },
  });
  opened.push(server);
  return server;
}

async function proxyTo(server: FakeServer): Promise<TcpProxy> {
  const proxy = await startTcpProxy(server);
  opened.push(proxy);
  return proxy;
}

test('the scripted server logs a client in and answers what the test says', async () => {
  const server = await echoServer();
  const client = await connectAndLogin(server.port, { user: 'a', database: 'b', params: { application_name: 'c' } });
  expect((await server.connection()).startup?.parameters).toEqual({ user: 'a', database: 'b', application_name: 'c' });
  const messages = await client.query('hello');
  expect(types(messages)).toBe('TDCZ');
  expect(textValues(messages[1]!)).toEqual(['hello']);
  await client.end();
  await waitUntil(() => server.open.length === 0);
});

test('the scripted server notes cancel requests with keys of any length', async () => {
  const server = await echoServer();
  const client = await connect(server.port);
  client.send(build.cancelRequest(7, Buffer.alloc(256, 9)));
  await client.readToEnd();
  expect(server.cancels).toEqual([{ pid: 7, key: Buffer.alloc(256, 9) }]);
});

test('the scripted server can cut in the middle of a reply', async () => {
  const server = await startFakeServer({
    onMessage: (connection) => {
      connection.send(Buffer.from('T\0\0'));
      connection.end();
    },
  });
  opened.push(server);
  const client = await connectAndLogin(server.port, { user: 'a' });
  await expect(client.query('x')).rejects.toThrow('connection closed');
});

test('the proxy passes everything, in single bytes and late when told so', async () => {
  const proxy = await proxyTo(await echoServer());
  proxy.chunkSize = 1;
  proxy.delayMs = 20;
  const client = await connectAndLogin(proxy.port, { user: 'a' });
  const started = Date.now();
  expect(types(await client.query('x'))).toBe('TDCZ');
  expect(Date.now() - started).toBeGreaterThanOrEqual(38);
  await client.end();
});

test('a paused proxy lets nothing through until it is resumed', async () => {
  const server = await echoServer();
  const proxy = await proxyTo(server);
  const client = await connectAndLogin(proxy.port, { user: 'a' });
  proxy.pause();
  await expect(client.query('lost?', 100)).rejects.toThrow('in vain');
  expect(server.connections[0]?.messages).toHaveLength(0);
  proxy.resume();
  expect(types(await client.readUntil('Z'))).toBe('TDCZ');
});

test('cut and reset end both sides, refuse turns new ones away', async () => {
  const server = await echoServer();
  const proxy = await proxyTo(server);
  for (const how of ['cut', 'reset'] as const) {
    const client = await connectAndLogin(proxy.port, { user: 'a' });
    proxy[how]();
    await client.readToEnd();
    await waitUntil(() => server.open.length === 0 && proxy.connections === 0);
  }
  proxy.refuse = true;
  await expect(connectAndLogin(proxy.port, { user: 'a' })).rejects.toThrow();
});

test('waitUntil rejects with the last error when time is up', async () => {
  const failing = waitUntil(
    () => {
      throw new Error('not yet');
    },
    { timeoutMs: 30, what: 'never' },
  );
  await expect(failing).rejects.toMatchObject({
    message: 'waited 30 ms in vain for: never',
    cause: new Error('not yet'),
  });
});
