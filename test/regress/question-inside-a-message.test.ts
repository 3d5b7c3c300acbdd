// Statements of pgsluice's own on a server that a client holds: an empty query that settles what a failed COPY left open was
// written into the middle of the client's next message, and a SET that Postgres never answered held the client for ever.
import { afterEach, expect, test } from 'vitest';
import { type FakeServer, type FakeServerOptions, startFakeServer } from '../support/fake-server.ts';
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

test('what a failed COPY may have left is asked between two messages of the client', async () => {
  const app = await start({
    onMessage: (connection, { type, text }) => {
      if (type === 'S') connection.send(backend.error({ C: '23505', M: 'duplicate' }), backend.readyForQuery());
      else if (type !== 'Q') return;
      else if (text === 'copy') connection.send(backend.copyInResponse());
      else if (text === '') connection.send(backend.emptyQueryResponse(), backend.readyForQuery());
      else connection.reply('echo', [text ?? '']);
    },
  });
  const client = await app.connect();
  client.send(build.query('copy'));
  await client.next();
  const data = build.copyData('a line\n');
  // The COPY fails at the Sync; half a message is on its way by then.
  client.send(build.sync(), data.subarray(0, 7));
  expect(types(await client.readUntil('Z'))).toBe('EZ');
  client.send(data.subarray(7));
  await waitUntil(() => app.pool().servers.idle.length === 1);
  expect(await client.rows('next')).toEqual([['next']]);
  expect(server!.open[0]!.messages.map(({ type, text }) => text ?? type)).toEqual(['copy', 'S', 'd', '', 'next']);
  await client.end();
});

test('a parameter that Postgres never answers for costs that server, and the client gets another one', async () => {
  const app = await start(
    {
      onMessage: (connection, { type, text }) => {
        if (type !== 'Q') return;
        if (text?.startsWith('SET') && server!.connections.length === 1) return;
        if (text?.startsWith('SET')) connection.send(backend.commandComplete('SET'), backend.readyForQuery());
        else connection.reply('echo', [text ?? '']);
      },
    },
    { server_connect_timeout: '300ms' },
  );
  const plain = await app.connect();
  await plain.rows('one');
  const client = await app.connect({ params: { application_name: 'other' } });
  expect(await client.rows('two')).toEqual([['two']]);
  expect(server!.connections).toHaveLength(2);
  await Promise.all([plain.end(), client.end()]);
});
