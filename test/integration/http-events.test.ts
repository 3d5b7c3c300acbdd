// GET /api/v1/events on a real Postgres: what it returns, what it refuses, and where it is not.
import { expect, test } from 'vitest';
import { usePooler } from '../support/pooler.ts';
import { useDatabase } from '../support/postgres.ts';
import { errorOf } from './settings/for-settings.ts';
import { freePort } from './settings/free-port.ts';

const db = useDatabase();
const ports = { main: await freePort(), health: await freePort() };
const pooler = usePooler(db, {
  http_listen_port: ports.main,
  health_listen_addr: '127.0.0.1',
  health_listen_port: ports.health,
});

interface Answer {
  last: number;
  events: { sequence: number; kind: string; [fact: string]: unknown }[];
}

const fetchFrom = (port: number, query = '') => fetch(`http://127.0.0.1:${port}/api/v1/events${query}`);

async function eventsOf(query = ''): Promise<Answer> {
  const response = await fetchFrom(ports.main, query);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toContain('application/json');
  return (await response.json()) as Answer;
}

test('it returns events newest last, with their time and what is known of them', async () => {
  await errorOf(pooler.current.connect({ database: 'nowhere', params: { application_name: 'lost app' } }));
  pooler.current.app.control.reconnect(db.current.database);
  const { last, events } = await eventsOf();
  expect(events.at(-2)).toMatchObject({
    kind: 'client_refused',
    cause: 'no_such_database',
    database: 'nowhere',
    user: db.current.user,
    applicationName: 'lost app',
    count: 1,
    text: 'no such database: nowhere',
  });
  expect(events.at(-1)).toEqual({
    sequence: last,
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    kind: 'reconnect',
    database: db.current.database,
    count: 1,
  });
});

test('limit, kind and since choose among them', async () => {
  const { last } = await eventsOf();
  pooler.current.app.control.pause(db.current.database);
  pooler.current.app.control.resume(db.current.database);
  pooler.current.app.control.reconnect(null);
  const kinds = async (query: string) => (await eventsOf(query)).events.map(({ kind }) => kind);
  expect(await kinds(`?since=${last}`)).toEqual(['pause', 'resume', 'reconnect']);
  expect(await kinds(`?since=${last}&limit=2`)).toEqual(['resume', 'reconnect']);
  expect(await kinds(`?since=${last}&kind=resume`)).toEqual(['resume']);
  expect(await kinds('?limit=1')).toEqual(['reconnect']);
  expect(await kinds(`?since=${last + 3}`)).toEqual([]);
  expect((await eventsOf(`?since=${last}&kind=stall`)).last).toBe(last + 3);
});

test.each([
  ['?limit=0', 'limit must be >= 1'],
  ['?limit=many', 'limit must be integer'],
  ['?limit=1&limit=2', 'limit must be integer'],
  ['?kind=nothing', 'kind must be equal to one of'],
  ['?since=-1', 'since must be >= 0'],
  ['?kinds=wait', 'there is no parameter kinds'],
])('%s is refused with a message that names every parameter', async (query, message) => {
  const response = await fetchFrom(ports.main, query);
  expect(response.status).toBe(400);
  const told = ((await response.json()) as { message: string }).message;
  expect(told).toContain(message);
  for (const word of ['limit: the newest', 'kind: one of bug, client_refused', 'since: only'])
    expect(told).toContain(word);
});

test('the address for probes does not have it: it names clients', async () => {
  expect((await fetchFrom(ports.health)).status).toBe(404);
  expect((await fetch(`http://127.0.0.1:${ports.health}/healthz`)).status).toBe(200);
});
