// workers: several processes are one pooler. Real processes before a real Postgres, looked at from outside.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { workerOf } from '../../src/util/worker-number.ts';
import { type Crew, startCrew } from '../support/crew.ts';
import { queryOn, useDatabase } from '../support/postgres.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { waitUntil } from '../support/wait-until.ts';
import { cancel, type WireClient } from '../support/wire.ts';

const db = useDatabase();

type Client = Awaited<ReturnType<Crew['connect']>>;

/** Whose client it is. */
const workerOfClient = (client: Client) => workerOf(client.session.pid);

async function clients(crew: Crew, count: number): Promise<Client[]> {
  const all: Client[] = [];
  for (let i = 0; i < count; i += 1) all.push(await crew.connect());
  return all;
}

/** One client of each of the two workers. */
async function pair(crew: Crew): Promise<[Client, Client]> {
  const one = await crew.connect();
  // That others have left is told within a moment.
  const other = await waitUntil(async () => {
    const client = await crew.connect();
    if (workerOfClient(client) !== workerOfClient(one)) return client;
    await client.end();
    return null;
  });
  return [one, other];
}

/** Counts the connections to Postgres until the work is done; the most that it saw. */
async function mostServersDuring(crew: Crew, work: Promise<unknown>): Promise<number> {
  let most = 0;
  let isOver = false;
  const done = work.finally(() => {
    isOver = true;
  });
  while (!isOver) most = Math.max(most, await crew.servers());
  await done;
  return most;
}

const burst = async (client: WireClient, ms: number, sql = 'SELECT pg_sleep(0.002)') => {
  const until = Date.now() + ms;
  while (Date.now() < until) await client.rows(sql);
};

test('workers serve, share the connections evenly, and stop when they are told to', async () => {
  const crew = await startCrew(db.current);
  expect(crew.workers()).toHaveLength(2);
  const all = await clients(crew, 32);
  const counts = [1, 2].map((worker) => all.filter((client) => workerOfClient(client) === worker).length);
  expect(counts).toEqual([16, 16]);
  for (const client of all) expect(await client.rows('SELECT 1')).toEqual([['1']]);
  // Those that leave make room where they were.
  await Promise.all(all.filter((client) => workerOfClient(client) === 1).map((client) => client.end()));
  const next = await waitUntil(async () => {
    const client = await crew.connect();
    const worker = workerOfClient(client);
    if (worker === 1) return client;
    await client.end();
    return null;
  });
  expect(await next.rows('SELECT 1')).toEqual([['1']]);
  crew.signal('SIGQUIT');
  expect(await crew.exited).toBe(0);
  expect(crew.log.filter(({ level }) => level === 'error')).toEqual([]);
  expect(crew.lines('worker is up').map(({ worker }) => worker)).toContain(2);
});

describe('limits', () => {
  test('pool_size holds for all workers together, and each that has clients gets a share', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 4 });
    const all = await clients(crew, 16);
    const most = await mostServersDuring(crew, Promise.all(all.map((client) => burst(client, 2_000))));
    expect(most).toBe(4);
    const rows = await crew.console<{ sv_active: string }>('SHOW POOLS');
    expect(rows.length).toBeGreaterThan(0);
  });

  test('max_db_connections holds over pools of several users and workers', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 10, max_db_connections: 3 });
    const all = await clients(crew, 8);
    expect(await mostServersDuring(crew, Promise.all(all.map((client) => burst(client, 1_500))))).toBe(3);
  });

  test('an idle server of one worker makes room for a client of the other', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 1 });
    const [one, other] = await pair(crew);
    for (let i = 0; i < 5; i += 1) {
      expect(await one.rows('SELECT 1')).toEqual([['1']]);
      expect(await other.rows('SELECT 2')).toEqual([['2']]);
    }
    expect(await crew.servers()).toBe(1);
  });

  test('where both workers are busy all the time with one server between them, both are served', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 1, query_wait_timeout: '5s' });
    const all = await clients(crew, 4);
    const counts = new Map<number, number>();
    const until = Date.now() + 3_000;
    const work = all.map(async (client) => {
      while (Date.now() < until) {
        await client.rows('SELECT 1');
        counts.set(workerOfClient(client), (counts.get(workerOfClient(client)) ?? 0) + 1);
      }
    });
    expect(await mostServersDuring(crew, Promise.all(work))).toBe(1);
    expect(Math.min(counts.get(1) ?? 0, counts.get(2) ?? 0)).toBeGreaterThan(50);
  });

  test('an idle server makes room for replication, whichever worker has it', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 2 });
    for (const client of await pair(crew)) await client.rows('SELECT 1');
    for (let i = 0; i < 3; i += 1) {
      const walsender = await crew.connect({ params: { replication: 'database' } });
      expect(await walsender.rows('IDENTIFY_SYSTEM')).toHaveLength(1);
      expect(await crew.servers()).toBeLessThanOrEqual(2);
      await walsender.end();
      for (const client of await pair(crew)) await client.rows('SELECT 1');
    }
  });

  test('one worker gets nearly everything while the other has no use for it', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 6 });
    const all = await clients(crew, 12);
    const mine = all.filter((client) => workerOfClient(client) === 1);
    for (const client of all) await client.rows('SELECT 1');
    await Promise.all(mine.map((client) => client.query('BEGIN')));
    expect(await crew.servers()).toBe(6);
    await Promise.all(mine.map((client) => client.query('COMMIT')));
  });

  test('min_pool_size is kept by the workers that have clients, together', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 10, min_pool_size: 5 });
    const [one, other] = await pair(crew);
    await one.rows('SELECT 1');
    await other.rows('SELECT 1');
    await waitUntil(async () => (await crew.servers()) >= 5);
    const until = Date.now() + 1_000;
    await waitUntil(async () => {
      expect(await crew.servers()).toBe(5);
      return Date.now() >= until;
    });
  });

  test('a client that listens hears what clients of other workers notify', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 2, max_db_connections: 3 });
    const [one, other] = await pair(crew);
    const heard = new Map([one, other].map((client): [Client, string[]] => [client, []]));
    const hear = (client: Client, messages: readonly { type: string; body: Buffer }[]) => {
      for (const { type, body } of messages)
        if (type === 'A') heard.get(client)!.push(body.toString('latin1', 4).split('\0')[1]!);
    };
    for (const client of [one, other]) await client.query('LISTEN news');
    hear(one, await one.query("NOTIFY news, 'a'"));
    hear(other, await other.query("NOTIFY news, 'b'"));
    for (const client of [one, other]) {
      while (heard.get(client)!.length < 2) hear(client, [await client.next()]);
      expect(heard.get(client)).toEqual(['a', 'b']);
    }
    expect(await crew.servers()).toBeLessThanOrEqual(3);
  });

  test('a server that is held and not used is taken back for a client of another worker', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 1, leak_detection_threshold: '500ms' });
    const [one, other] = await pair(crew);
    await one.query('BEGIN');
    expect(await other.rows('SELECT 1')).toEqual([['1']]);
    expect((await one.query('SELECT 1')).map(({ fields }) => fields?.C)).toContain('25P03');
  });

  test('max_client_conn holds for all workers together', async () => {
    const crew = await startCrew(db.current, { max_client_conn: 5 });
    const all = await clients(crew, 5);
    await expect(crew.connect()).rejects.toMatchObject({ code: '53300' });
    await all[0]!.end();
    const again = await waitUntil(() => crew.connect());
    expect(await again.rows('SELECT 1')).toEqual([['1']]);
  });

  test('max_db_client_connections and max_user_client_connections hold for all workers together', async () => {
    for (const limit of ['max_db_client_connections', 'max_user_client_connections']) {
      const crew = await startCrew(db.current, { [limit]: 3 });
      const all = await clients(crew, 3);
      await expect(crew.connect()).rejects.toMatchObject({ code: '53300' });
      await all[0]!.end();
      await waitUntil(() => crew.connect());
      await crew.stop();
    }
  });
});

test('a Unix socket belongs to the primary, and every worker serves it', async () => {
  const directory = temporaryDirectory();
  const crew = await startCrew(db.current, { unix_socket_dir: directory });
  const { user, password, database } = db.current;
  const socket = { host: directory, port: crew.port, user, password, database };
  expect(readFileSync(join(directory, `.s.PGSQL.${crew.port}.lock`), 'utf8')).toContain(String(crew.pid));
  for (let i = 0; i < 4; i += 1) expect(await queryOn(socket, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await crew.stop()).toBe(0);
  expect(readdirSync(directory)).toEqual([]);
});

test('where one thing can not be had, nothing starts, and the reason is told', async () => {
  const first = await startCrew(db.current);
  await expect(startCrew(db.current, { listen_port: first.port })).rejects.toThrow('EADDRINUSE');
  const blocker = createServer();
  await new Promise<void>((done) => blocker.listen(0, '127.0.0.1', done));
  const { port } = blocker.address() as AddressInfo;
  await expect(startCrew(db.current, { http_listen_port: port })).rejects.toThrow('EADDRINUSE');
  blocker.close();
});

test('a primary that is killed takes its workers with it', async () => {
  const crew = await startCrew(db.current);
  const workers = crew.workers();
  const client = await crew.connect();
  crew.signal('SIGKILL');
  await client.readToEnd();
  await waitUntil(() => workers.every((pid) => !existsSync(`/proc/${pid}`)));
});

describe('a worker that dies', () => {
  test('is replaced at once; only its clients notice, and its permits return', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 2 });
    const [one, other] = await pair(crew);
    for (const client of [one, other]) await client.query('BEGIN');
    const [first] = crew.workers() as [number, number];
    const pids = (crew.lines('pgsluice is up')[0]!.workers as number[]).indexOf(first) + 1;
    const [killed, survivor] = workerOfClient(one) === pids ? [one, other] : [other, one];
    process.kill(first, 'SIGKILL');
    await killed.readToEnd();
    expect(await survivor.rows('SELECT 1')).toEqual([['1']]);
    await waitUntil(() => crew.lines('worker is up').length === 3);
    expect(crew.lines('a worker died: it is replaced')).toMatchObject([{ signal: 'SIGKILL', pid: first }]);
    const [a, b] = await pair(crew);
    for (const client of [a, b]) expect(await client.rows('SELECT 1')).toEqual([['1']]);
    await survivor.query('COMMIT');
    expect(await mostServersDuring(crew, Promise.all([a, b].map((client) => burst(client, 500))))).toBeLessThanOrEqual(
      2,
    );
  });

  test('costs no connection that comes at that moment', async () => {
    const crew = await startCrew(db.current);
    let failures = 0;
    let isOver = false;
    let logins = 0;
    const knock = async () => {
      while (!isOver) {
        try {
          const client = await crew.connect();
          logins += 1;
          await client.end();
        } catch {
          failures += 1;
        }
      }
    };
    const knocking = Promise.all([knock(), knock(), knock()]);
    for (let i = 0; i < 3; i += 1) {
      const before = logins;
      await waitUntil(() => logins > before + 20);
      process.kill(crew.workers()[0]!, 'SIGKILL');
      await waitUntil(() => crew.lines('worker is up').length === 3 + i, { timeoutMs: 15_000 });
    }
    isOver = true;
    await knocking;
    // Those that it was serving at that moment are lost: one for each of three that knock, at most.
    expect(failures).toBeLessThanOrEqual(9);
    expect(logins).toBeGreaterThan(60);
  });
});

test('a cancel request reaches its client in whichever worker it comes in', async () => {
  const crew = await startCrew(db.current);
  const all = await clients(crew, 2);
  for (let i = 0; i < 6; i += 1) {
    const client = all[i % 2]!;
    const running = client.query('SELECT pg_sleep(30)');
    await waitUntil(
      async () =>
        (
          await db.current.query(
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND state = 'active' AND pid <> pg_backend_pid()",
          )
        ).length === 1,
    );
    await cancel(crew.port, client.session.pid, client.session.key);
    expect((await running).map(({ fields }) => fields?.C)).toContain('57014');
    expect(await client.rows('SELECT 1')).toEqual([['1']]);
  }
});

test('a worker that hangs is told of and left alone, and new clients go to the other one', {
  timeout: 60_000,
}, async () => {
  const crew = await startCrew(db.current);
  const [one] = await pair(crew);
  const hung = (crew.lines('pgsluice is up')[0]!.workers as number[])[workerOfClient(one) - 1]!;
  process.kill(hung, 'SIGSTOP');
  await waitUntil(() => crew.lines('a worker does not answer').length === 1, { timeoutMs: 20_000 });
  for (let i = 0; i < 5; i += 1) expect(workerOfClient(await crew.connect())).not.toBe(workerOfClient(one));
  process.kill(hung, 'SIGCONT');
  await waitUntil(() => crew.lines('the worker answers again').length === 1);
  expect(await one.rows('SELECT 1')).toEqual([['1']]);
  expect(crew.lines('a worker died: it is replaced')).toEqual([]);
});

describe('orders', () => {
  test('PAUSE holds every worker, a worker that comes later too, until RESUME', async () => {
    const crew = await startCrew(db.current);
    const [one, other] = await pair(crew);
    for (const client of [one, other]) await client.rows('SELECT 1');
    await crew.console('PAUSE');
    expect(await crew.servers()).toBe(0);
    process.kill(crew.workers()[0]!, 'SIGKILL');
    await waitUntil(() => crew.lines('worker is up').length === 3);
    const late = Promise.all([crew.query('SELECT 1'), crew.query('SELECT 1'), crew.query('SELECT 1')]);
    let isServed = false;
    void late.then(() => {
      isServed = true;
    });
    await waitUntil(async () => {
      const rows = await crew.console<{ cl_waiting: number }>('SHOW POOLS');
      return rows.reduce((sum, { cl_waiting }) => sum + Number(cl_waiting), 0) >= 3;
    });
    expect(isServed).toBe(false);
    await crew.console('RESUME');
    await late;
  });

  test('DISABLE and SET hold in every worker', async () => {
    const crew = await startCrew(db.current);
    await crew.console(`DISABLE ${db.current.database}`);
    for (let i = 0; i < 2; i += 1) await expect(crew.connect()).rejects.toThrow();
    await crew.console(`ENABLE ${db.current.database}`);
    await pair(crew);
    await crew.console('SET query_wait_timeout = 7');
    for (let i = 0; i < 2; i += 1) {
      const rows = await crew.console<{ key: string; value: string }>('SHOW CONFIG');
      expect(rows.find(({ key }) => key === 'query_wait_timeout')?.value).toBe('7');
    }
    await expect(crew.console('SET query_wait_timeout = banana')).rejects.toThrow('SET failed');
  });

  test('KILL_CLIENT finds the worker of its client', async () => {
    const crew = await startCrew(db.current);
    const all = await clients(crew, 4);
    const rows = await crew.console<{ id: string; user: string }>('SHOW CLIENTS');
    const ids = rows.filter(({ user }) => user === db.current.user).map(({ id }) => Number(id));
    expect(new Set(ids.map(workerOf))).toEqual(new Set([1, 2]));
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) await crew.console(`KILL_CLIENT ${id}`).catch(() => {});
    await Promise.all(all.map((client) => client.readToEnd()));
    await expect(crew.console('KILL_CLIENT 64000001')).rejects.toThrow('client not found');
  });

  test('a reload takes hold in all of them, or in none', async () => {
    const crew = await startCrew(db.current, { default_pool_size: 4 });
    const all = await clients(crew, 8);
    crew.write({ default_pool_size: 2 });
    crew.signal('SIGHUP');
    await waitUntil(() => crew.lines('reload').length === 2);
    await Promise.all(all.map((client) => burst(client, 300)));
    expect(await mostServersDuring(crew, Promise.all(all.map((client) => burst(client, 700))))).toBe(2);
    crew.write({ default_pool_size: 'many' });
    await expect(crew.console('RELOAD')).rejects.toThrow('RELOAD failed');
    expect(await crew.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('shutdown_mode drain: whoever has nothing under way is told to go, a transaction may end', async () => {
    const crew = await startCrew(db.current, { shutdown_mode: 'drain', shutdown_min_wait: 0 });
    const [one, other] = await pair(crew);
    await one.query('BEGIN');
    crew.signal('SIGTERM');
    await other.readToEnd();
    expect(await one.rows('SELECT 1')).toEqual([['1']]);
    await one.query('COMMIT');
    expect(await crew.exited).toBe(0);
  });

  test('shutdown_mode wait_for_clients: no worker goes before the last client', async () => {
    const crew = await startCrew(db.current, { shutdown_idle: '100ms', shutdown_min_wait: 0 });
    const [one, other] = await pair(crew);
    crew.signal('SIGTERM');
    await waitUntil(() => crew.lines('shutdown').length === 2);
    await one.end();
    expect(await (await crew.connect()).rows('SELECT 1')).toEqual([['1']]);
    expect(await other.rows('SELECT 1')).toEqual([['1']]);
    expect(crew.isRunning).toBe(true);
    other.destroy();
    crew.signal('SIGINT');
    expect(await crew.exited).toBe(0);
  });
});

test('so_reuseport: a second pooler takes over without a gap, and the first ends with its last client', async () => {
  const settings = { so_reuseport: true, shutdown_mode: 'drain', shutdown_min_wait: 0 };
  const old = await startCrew(db.current, settings);
  const client = await old.connect();
  await client.query('BEGIN');
  const next = await startCrew(db.current, { ...settings, listen_port: old.port });
  old.signal('SIGTERM');
  await waitUntil(() => old.lines('shutdown').length === 2);
  for (let i = 0; i < 30; i += 1) expect(await next.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(old.isRunning).toBe(true);
  await client.query('COMMIT');
  expect(await old.exited).toBe(0);
  expect(await next.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

describe('one picture', () => {
  test('SHOW sums what the workers have', async () => {
    const crew = await startCrew(db.current);
    const all = await clients(crew, 6);
    await Promise.all(all.map((client) => client.query('BEGIN')));
    const pool = async () =>
      (await crew.console<Record<string, string>>('SHOW POOLS')).find(
        ({ database, user }) => database === db.current.database && user === db.current.user,
      );
    expect(await pool()).toMatchObject({ cl_active: 6, sv_active: 6 });
    await Promise.all(all.map((client) => client.query('COMMIT')));
  });
});
