// What a Postgres, or somebody in its place, might send to confuse a pooler: one client's bytes must never become another one's.
import { afterEach, expect, test } from 'vitest';
import {
  type FakeConnection,
  type FakeServer,
  type FakeServerOptions,
  startFakeServer,
} from '../support/fake-server.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { waitUntil } from '../support/wait-until.ts';
import { types } from '../support/wire.ts';
import { backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';

let server: FakeServer | undefined;
let pooler: TestPooler | undefined;

afterEach(async () => {
  await pooler?.expectInvariants();
  await pooler?.stop();
  await server?.close();
});

async function start(options: FakeServerOptions, settings: Record<string, unknown> = {}): Promise<TestPooler> {
  server = await startFakeServer(options);
  const target = { host: server.host, port: server.port, user: 'app', password: 'secret', database: 'app' };
  pooler = await startPooler(target, { default_pool_size: 1, server_login_retry: '100ms', ...settings });
  return pooler;
}

/** Answers every query with its own text. */
function echo(connection: FakeConnection, text: string | undefined): void {
  connection.reply('echo', [text ?? '']);
}

const echoing: FakeServerOptions = {
  onMessage: (connection, { type, text }) => type === 'Q' && echo(connection, text),
};

test.each([
  ['ParameterStatus', backend.parameterStatus('application_name', 'x')],
  ['NoticeResponse', backend.notice({ M: 'hello' })],
  ['NotificationResponse', backend.notification(1, 'channel', 'payload')],
])('an unasked %s on an idle server is consumed, and nobody gets it', async (_name, bytes) => {
  const app = await start(echoing);
  const first = await app.connect();
  await first.rows('one');
  server!.open[0]!.send(bytes);
  const second = await app.connect();
  expect(types(await second.query('two'))).toBe('TDCZ');
  expect(server!.connections).toHaveLength(1);
  await Promise.all([first.end(), second.end()]);
});

test.each([
  ['a row', backend.dataRow(['stolen'])],
  ['ReadyForQuery', backend.readyForQuery()],
  ['CommandComplete', backend.commandComplete('SELECT 1')],
  ['an unknown type', Buffer.from([0x21, 0, 0, 0, 4])],
  ['a length that is none', Buffer.from([0x44, 0, 0, 0, 1])],
])('%s on an idle server closes it, and the next client gets another one', async (_name, bytes) => {
  const app = await start(echoing);
  const first = await app.connect();
  await first.rows('one');
  server!.open[0]!.send(bytes);
  await waitUntil(() => server!.open.length === 0);
  expect(await first.rows('two')).toEqual([['two']]);
  expect(server!.connections).toHaveLength(2);
  await first.end();
});

test('response-queue poisoning: replies beyond what was asked close the server and reach nobody else', async () => {
  const app = await start({
    onMessage: (connection, { type, text }) => {
      if (type !== 'Q') return;
      if (text !== 'poison') return echo(connection, text);
      const reply = [backend.rowDescription(['a']), backend.dataRow(['x']), backend.commandComplete('SELECT 1')];
      connection.send(...reply, backend.readyForQuery(), ...reply, backend.readyForQuery());
    },
  });
  const attacker = await app.connect();
  const other = await app.connect();
  await attacker.query('poison').catch(() => []);
  expect(await other.rows('mine')).toEqual([['mine']]);
  expect(server!.connections.length).toBeGreaterThan(1);
  await other.end();
  attacker.destroy();
});

test('CVE-2026-6666: an ErrorResponse without SQLSTATE, or without any field, is passed on and harms nothing', async () => {
  const app = await start({
    onMessage: (connection, { type, text }) => {
      if (type !== 'Q') return;
      if (text === 'no code') connection.send(Buffer.from('E\0\0\0\x08Mx\0\0', 'latin1'), backend.readyForQuery());
      else if (text === 'nothing') connection.send(Buffer.from('E\0\0\0\x04', 'latin1'), backend.readyForQuery());
      else echo(connection, text);
    },
  });
  const broken = await app.connect();
  // Read as bytes: what comes is no message that a decoder would take.
  let received = '';
  broken.socket.removeAllListeners('data');
  broken.socket.on('data', (chunk: Buffer) => {
    received += chunk.toString('latin1');
  });
  broken.send(build.query('no code'));
  await waitUntil(() => received.endsWith('Z\0\0\0\x05I'));
  expect(received).toContain('Mx');
  received = '';
  broken.send(build.query('nothing'));
  await waitUntil(() => received.endsWith('Z\0\0\0\x05I'));
  broken.destroy();
  const client = await app.connect();
  expect(await client.rows('still here')).toEqual([['still here']]);
  await client.end();
});

test.each([
  ['as the first byte of a chunk', [5]],
  ['split from its length', [4]],
  ['split from its status byte', [1]],
  ['in single bytes', [6, 5, 4, 3, 2, 1]],
])('ReadyForQuery %s ends the transaction at the right place', async (_name, cutsFromEnd) => {
  const app = await start({
    onMessage: (connection, { type, text }) => {
      if (type !== 'Q') return;
      const all = Buffer.concat([
        backend.rowDescription(['a']),
        backend.dataRow([text ?? '']),
        backend.commandComplete('SELECT 1'),
        backend.readyForQuery(),
      ]);
      const cuts = [0, ...cutsFromEnd.map((fromEnd) => all.length - fromEnd), all.length];
      const pieces = cuts.slice(1).map((end, i) => all.subarray(cuts[i], end));
      const next = () => {
        const piece = pieces.shift();
        if (piece === undefined) return;
        connection.send(piece);
        setTimeout(next, 3);
      };
      next();
    },
  });
  const clients = await Promise.all([app.connect(), app.connect()]);
  const replies = await Promise.all(clients.flatMap((client, i) => [client.rows(`a${i}`)]));
  expect(replies).toEqual([[['a0']], [['a1']]]);
  expect(server!.connections).toHaveLength(1);
  await Promise.all(clients.map((client) => client.end()));
});

test.each(['4294967295', '2147483648', '0', '-1', '99999999999999999999', 'many'])(
  'an iteration count of %s from a server is refused and costs no time',
  async (iterations) => {
    const app = await start(
      {
        onStartup: (connection) => connection.send(backend.authenticationSasl('SCRAM-SHA-256')),
        onMessage: (connection, { type, body }) => {
          if (type !== 'p') return;
          const nonce = /r=([^,\0]+)/.exec(body.toString('latin1'))?.[1] ?? '';
          connection.send(backend.authenticationSaslContinue(`r=${nonce}x,s=c2FsdA==,i=${iterations}`));
        },
      },
      { query_wait_timeout: '2s' },
    );
    const started = performance.now();
    await expect(app.connect()).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(1_500);
  },
);

test('a server that lets us in without proving that it knows the password is refused', async () => {
  const app = await start({
    onStartup: (connection) => connection.send(backend.authenticationSasl('SCRAM-SHA-256')),
    onMessage: (connection, { type }) => type === 'p' && connection.acceptLogin(),
  });
  await expect(app.connect()).rejects.toThrow();
});

test('bytes behind the end of a login are no reply to anybody', async () => {
  const app = await start({
    onStartup: (connection) => {
      const key = backend.backendKeyData(7, Buffer.alloc(4));
      connection.send(
        backend.authenticationOk(),
        key,
        backend.readyForQuery(),
        backend.dataRow(['early']),
        backend.readyForQuery(),
      );
    },
    onMessage: (connection, { type, text }) => type === 'Q' && echo(connection, text),
  });
  const client = app.connect().catch(() => {});
  // It is tried again, but less and less often: a peer must not make us loop.
  await waitUntil(() => server!.connections.length >= 3);
  const before = server!.connections.length;
  await waitUntil(() => server!.connections.length >= before + 2, { timeoutMs: 3_000 });
  expect(app.app.pools.find('app', 'app')?.outage.failures).toBeGreaterThanOrEqual(4);
  await app.stop();
  await client;
});
