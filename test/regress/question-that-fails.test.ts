// Questions of pgsluice that do not end well. Postgres' last words behind the answer to one were written to the client that
// the server was being prepared for, which then went on with another server. And an inspection that failed (canceled, because
// its client had left) was taken for one that found nothing: what the client had set went to the next one.
import { afterEach, expect, test } from 'vitest';
import { type FakeServer, type FrontendMessage, startFakeServer } from '../support/fake-server.ts';
import { startPooler, type TestPooler } from '../support/pooler.ts';
import { isQuestion, noAnswer } from '../support/questions.ts';
import { backend } from '../support/wire-backend.ts';

let server: FakeServer | undefined;
let pooler: TestPooler | undefined;

afterEach(async () => {
  await pooler?.expectInvariants();
  await pooler?.stop();
  await server?.close();
});

async function start(answer: (text: string) => Buffer[] | null): Promise<TestPooler> {
  const done = [backend.commandComplete('OK'), backend.readyForQuery()];
  server = await startFakeServer({
    seesQuestions: true,
    onMessage: (connection, { type, text = '' }: FrontendMessage) => {
      if (type === 'Q') connection.send(...(answer(text) ?? (isQuestion(text) ? [noAnswer] : done)));
    },
  });
  const target = { host: server.host, port: server.port, user: 'app', password: 'secret', database: 'app' };
  pooler = await startPooler(target, { default_pool_size: 1, server_login_retry: '100ms' });
  return pooler;
}

test('last words behind the answer that prepares a session are not told to its client, who gets another server', async () => {
  let times = 0;
  const lastWords = backend.error({ S: 'FATAL', V: 'FATAL', C: '57P01', M: 'terminating connection' });
  const app = await start((text) => {
    if (!text.startsWith('SET "timezone"')) return null;
    times += 1;
    return times > 1 ? null : [backend.commandComplete('SET'), backend.readyForQuery(), lastWords];
  });
  const client = await app.connect({ params: { TimeZone: 'Asia/Tokyo' } });
  expect(client.unread).toEqual([]);
  expect((await client.query('SELECT 1')).map(({ type }) => type).join('')).toBe('CZ');
  expect(times).toBe(2);
  await client.end();
});

test('an inspection that fails is asked again before anybody else gets the server', async () => {
  let inspections = 0;
  const app = await start((text) => {
    if (!text.startsWith('BEGIN ISOLATION')) return null;
    inspections += 1;
    const canceled = backend.error({ S: 'ERROR', V: 'ERROR', C: '57014', M: 'canceling statement' });
    return inspections === 2 ? [canceled, backend.readyForQuery('E')] : null;
  });
  const [client, other] = [await app.connect(), await app.connect()];
  expect(inspections).toBeLessThan(2);
  inspections = 1;
  await client.query('SET work_mem TO 1000');
  expect((await client.readToEnd()).at(-1)?.fields).toMatchObject({ S: 'FATAL' });
  await other.query('SELECT 1');
  const sent = (await server!.connection(server!.connections.length - 1)).messages.map(({ text }) => text ?? '');
  const from = sent.indexOf('SET work_mem TO 1000');
  const kinds = sent.slice(from + 1).map((text) => text.split(' ').slice(0, 2).join(' '));
  expect(kinds).toEqual(['BEGIN ISOLATION', 'ROLLBACK', 'BEGIN ISOLATION', 'SELECT 1']);
});
