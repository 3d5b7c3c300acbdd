// tcp_user_timeout: who takes nothing of what is written for too long, and a Postgres that acknowledges nothing.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { useDatabase } from '../../support/postgres.ts';
import { needTool, skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { types } from '../../support/wire.ts';
import * as build from '../../support/wire-messages.ts';
import { answerPid, expectNever, fakeFor, poolerFor, targetOf, timed } from './for-settings.ts';

const db = useDatabase();
/** More than the system takes on its own: 16 MB of statement, and of result. */
const LARGE = 16 * 1024 * 1024;

describe('a Postgres that reads nothing', () => {
  /** A client whose large statement is stuck half way. */
  async function stuck(tcp_user_timeout: number) {
    const postgres = await fakeFor();
    const pooler = await poolerFor(targetOf(postgres), { tcp_user_timeout });
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    const connection = await postgres.connection();
    connection.pause();
    client.send(build.query(`SELECT '${'x'.repeat(LARGE)}'`));
    const [server] = pooler.pool().servers.active;
    await waitUntil(() => pooler.pool().servers.active.head?.stream.isFull);
    return { postgres, pooler, client, connection, server };
  }

  test('tcp_user_timeout: the server is closed, and its client is told', async () => {
    const { pooler, client } = await stuck(400);
    const { ms, value } = await timed(client.readToEnd());
    expect(types(value)).toBe('E');
    expect(value[0]?.fields).toMatchObject({ C: '08006', M: expect.stringContaining('nothing was taken for 400 ms') });
    expect(ms).toBeGreaterThan(300);
    expect(ms).toBeLessThan(2_000);
    expect(pooler.app.observer.serverCloses.of('tcp_user_timeout')).toBe(1);
    expect(pooler.log.find(({ reason }) => reason === 'tcp_user_timeout')).toMatchObject({ level: 'warn' });
  });

  test('tcp_user_timeout: 0 waits for as long as it takes', async () => {
    const { postgres, client, connection } = await stuck(0);
    await expectNever(() => postgres.open.length === 0, 900);
    postgres.options.onMessage = (on) => answerPid(on, { type: 'Q', text: 'SELECT' });
    connection.resume();
    expect(types(await client.readUntil('Z'))).toBe('TDCZ');
  });
});

describe('a client that reads nothing', () => {
  async function reading(tcp_user_timeout: number) {
    const pooler = await poolerFor(db.current, { tcp_user_timeout, default_pool_size: 1 });
    const client = await pooler.connect();
    await client.rows('SELECT 1');
    client.socket.pause();
    client.send(build.query(`SELECT repeat('x', 1024 * 1024) FROM generate_series(1, ${LARGE / 1024 / 1024})`));
    await waitUntil(() => pooler.pool().servers.active.head?.stream.isReadingPaused);
    return { pooler, client };
  }

  test('tcp_user_timeout: it is closed, and its server goes to the next one without a new login', async () => {
    const { pooler, client } = await reading(400);
    const next = await pooler.connect();
    const { ms, value } = await timed(next.rows('SELECT 2'));
    expect(value).toEqual([['2']]);
    expect(ms).toBeLessThan(2_500);
    expect(pooler.app.observer.clientCloses.of('tcp_user_timeout')).toBe(1);
    expect(pooler.pool().stats.serverLoginCount).toBe(1);
    client.destroy();
    await next.end();
  });

  test('tcp_user_timeout: one that reads slowly is left alone, and without it one that reads nothing, too', async () => {
    const slow = await reading(1_000);
    let received = 0;
    slow.client.socket.removeAllListeners('data');
    slow.client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const ticks = setInterval(() => {
      slow.client.socket.resume();
      setTimeout(() => slow.client.socket.pause(), 1);
    }, 20);
    onTestFinished(() => clearInterval(ticks));
    const still = await reading(0);
    await expectNever(() => still.client.closed || slow.client.closed, 2_500);
    expect(received).toBeGreaterThan(0);
    clearInterval(ticks);
    for (const { client } of [slow, still]) client.destroy();
  });
});

describe('a Postgres that is silently gone', () => {
  /** Runs a pooler in a network of its own, and tells when what was seen. */
  function seen(context: TestContext, settings: Record<string, unknown>, how: 'away' | 'slow'): Map<string, number> {
    const unshare = needTool(context, 'unshare');
    needTool(context, 'ip');
    if (spawnSync(unshare, ['-rn', 'true']).status !== 0) skipBecause(context, 'unshare: no network namespaces here');
    const script = join(import.meta.dirname, 'dead-postgres.ts');
    const child = spawn(unshare, ['-rn', process.execPath, script, JSON.stringify(settings), how], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const lines = new Map<string, number>();
    createInterface({ input: child.stdout }).on('line', (line) => lines.set(line, performance.now()));
    return lines;
  }

  test('tcp_user_timeout: a statement that is not acknowledged ends in time; one that only takes long, or without it, does not', async (context) => {
    const away = seen(context, { tcp_user_timeout: 1_500 }, 'away');
    const slow = seen(context, { tcp_user_timeout: 1_500 }, 'slow');
    const off = seen(context, {}, 'away');
    await waitUntil(() => away.has('server closed: tcp_user_timeout'), { timeoutMs: 10_000 });
    const ms = away.get('server closed: tcp_user_timeout')! - away.get('statement sent')!;
    expect(ms).toBeGreaterThan(1_300);
    expect(ms).toBeLessThan(4_500);
    await waitUntil(() => away.has('client closed: tcp_user_timeout: nothing was acknowledged for tcp_user_timeout'));
    await waitUntil(() => slow.has('statement sent') && off.has('statement sent'));
    await expectNever(() => slow.size > 1 || off.size > 1, 2_500);
  });
});
