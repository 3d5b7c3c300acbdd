// `pgsluice wait`: what it takes for ready, over HTTP and by a login, and that the probes answer while clients queue.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LoginWish } from '../../src/cli/wait/try-login.ts';
import { wait } from '../../src/cli/wait.ts';
import { freePort } from '../support/command.ts';
import { useDatabase } from '../support/postgres.ts';
import { waitUntil } from '../support/wait-until.ts';
import { begin, errorOf, fakeFor, poolerFor, targetOf, timed } from './settings/for-settings.ts';

const db = useDatabase();

interface Tried {
  readonly code: number;
  readonly err: string;
}

async function tried(options: { url?: string; login?: LoginWish; timeoutMs?: number }): Promise<Tried> {
  let err = '';
  const { url = '', login = null, timeoutMs = 0 } = options;
  const code = await wait({ url, login, timeoutMs }, { write: (text: string) => (err += text) });
  return { code, err };
}

describe('over HTTP', () => {
  test('it returns as soon as the pooler is ready, which was not there when it began', async () => {
    const port = await freePort();
    const waiting = tried({ url: `http://127.0.0.1:${port}/readyz`, timeoutMs: 10_000 });
    await poolerFor(targetOf(await fakeFor()), { http_listen_port: port });
    expect(await waiting).toEqual({ code: 0, err: '' });
  });

  test('a pooler that is paused is alive and started, but not ready, and says why', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), { http_listen_port: await freePort() });
    void pooler.app.control.pause(null);
    const url = (path: string) => `http://127.0.0.1:${pooler.app.httpPort}/${path}`;
    expect(await tried({ url: url('readyz') })).toEqual({ code: 1, err: 'pgsluice: not ready: paused\n' });
    for (const path of ['healthz', 'startupz']) expect((await tried({ url: url(path) })).code).toBe(0);
    pooler.app.control.resume(null);
  });

  test('where nothing listens, it gives up when the time is over', async () => {
    const url = `http://127.0.0.1:${await freePort()}/readyz`;
    const { ms, value } = await timed(tried({ url, timeoutMs: 700 }));
    expect(value.code).toBe(1);
    expect(value.err).toContain('ECONNREFUSED');
    expect(ms).toBeGreaterThan(400);
    expect(ms).toBeLessThan(3_000);
  });

  test('/readyz is not queued behind clients that wait for servers', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), {
      http_listen_port: await freePort(),
      default_pool_size: 1,
      query_wait_timeout: '20s',
    });
    const holder = await pooler.connect();
    await begin(holder);
    const crowd = await Promise.all(Array.from({ length: 100 }, () => pooler.connect()));
    const answers = crowd.map((client) => client.rows('SELECT 1', 20_000));
    await waitUntil(() => pooler.pool().clients.waiting.length === 100);
    const { ms, value } = await timed(fetch(`http://127.0.0.1:${pooler.app.httpPort}/readyz`));
    expect(value.status).toBe(200);
    expect(ms).toBeLessThan(1_000);
    expect(pooler.pool().clients.waiting.length).toBe(100);
    await holder.rows('COMMIT');
    await Promise.all(answers);
  });
});

describe('by a login', () => {
  const wish = (port: number, more: Partial<LoginWish> = {}): LoginWish => {
    const { user, password, database } = db.current;
    return { host: '127.0.0.1', port, user, password, database, ...more };
  };

  test('with a password it goes all the way to Postgres, over TCP and a Unix socket', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pgs-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const { port } = await poolerFor(db.current, { unix_socket_dir: dir });
    expect(await tried({ login: wish(port) })).toEqual({ code: 0, err: '' });
    expect(await tried({ login: wish(port, { host: dir }) })).toEqual({ code: 0, err: '' });
    expect((await tried({ login: wish(port, { password: 'wrong' }) })).err).toContain('28P01');
  });

  test('a Postgres that is away makes it wait; without a password nobody notices that', async () => {
    const away = { ...db.current, host: '127.0.0.1', port: await freePort() };
    const { port } = await poolerFor(away, { query_wait_timeout: '300ms' });
    const { code, err } = await tried({ login: wish(port), timeoutMs: 1_000 });
    expect(code).toBe(1);
    expect(err).toContain('not ready: ');
    expect((await tried({ login: wish(port, { password: null }) })).code).toBe(0);
  });

  test('one that goes down is not ready, not even for who has no password', async () => {
    const pooler = await poolerFor(targetOf(await fakeFor()), {});
    const client = await pooler.connect();
    await begin(client);
    pooler.app.control.shutdown('drain');
    await waitUntil(async () => (await errorOf(pooler.connect())).code === '57P01');
    const { code, err } = await tried({ login: wish(pooler.port, { database: 'app', password: null }) });
    expect([code, err]).toEqual([1, expect.stringContaining('57P01')]);
    await client.rows('COMMIT');
  });

  test('something that is no Postgres is told', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as { port: number };
    expect((await tried({ login: wish(port) })).err).toContain('is no Postgres');
  });
});

test('the command says it by its exit code', async () => {
  const pooler = await poolerFor(targetOf(await fakeFor()), { http_listen_port: await freePort() });
  const command = join(import.meta.dirname, '../../src/cli/pgsluice.ts');
  const run = (...args: string[]) =>
    new Promise<{ code: number | string; err: string }>((done) => {
      execFile(process.execPath, [command, 'wait', '-t', '0', ...args], (error, _out, err) =>
        done({ code: error === null ? 0 : (error.code ?? 'none'), err }),
      );
    });
  const url = `http://127.0.0.1:${pooler.app.httpPort}`;
  expect(await run('--url', url)).toEqual({ code: 0, err: '' });
  expect(await run('--host', '127.0.0.1', '--port', String(pooler.port))).toEqual({ code: 0, err: '' });
  void pooler.app.control.pause(null);
  expect(await run('--url', url)).toEqual({ code: 1, err: 'pgsluice: not ready: paused\n' });
  expect((await run('--url', 'ftp://x')).code).toBe(1);
  pooler.app.control.resume(null);
});
