// The settings of TCP keepalive, seen in the kernel's timers.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { needTool, skipBecause } from '../../support/tools.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { expectNever, fakeFor, poolerFor, targetOf } from './for-settings.ts';

const TIMER = /timer:\((\w+),(?:(\d+)min)?(?:([\d.]+)(ms|sec))?,/;

/**
 * Seconds until the kernel's keepalive timer of the one connection that the filter finds; null: it has none. While something sent is
 * not acknowledged the kernel tells another timer: then it is asked again.
 */
function keepaliveTimer(context: TestContext, filter: string): Promise<{ seconds: number | null }> {
  const ss = needTool(context, 'ss');
  return waitUntil(() => {
    const lines = execFileSync(ss, ['-tnoH', 'state', 'established', filter], { encoding: 'utf8' }).trim().split('\n');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('127.0.0.1');
    const timer = TIMER.exec(lines[0]!);
    if (timer === null) return { seconds: null };
    const [, kind, minutes = '0', rest = '0', unit] = timer;
    if (kind !== 'keepalive') return null;
    return { seconds: Number(minutes) * 60 + Number(rest) / (unit === 'ms' ? 1000 : 1) };
  });
}

/** A pooler, a client that had an answer, and how to find the pooler's two connections. */
async function connected(settings: Record<string, unknown>) {
  const postgres = await fakeFor();
  const pooler = await poolerFor(targetOf(postgres), settings);
  const client = await pooler.connect();
  await client.rows('SELECT 1');
  return { client, pooler, sides: [`sport = :${pooler.port}`, `dport = :${postgres.port}`] };
}

test('tcp_keepalive: connections of clients and to Postgres have a keepalive timer, and none when it is off', async (context) => {
  for (const side of (await connected({})).sides) {
    expect((await keepaliveTimer(context, side)).seconds).toBeGreaterThan(0);
  }
  for (const side of (await connected({ tcp_keepalive: false })).sides) {
    expect((await keepaliveTimer(context, side)).seconds).toBe(null);
  }
});

test('tcp_keepidle: the first probe is due after it, on both sides', async (context) => {
  for (const side of (await connected({ tcp_keepidle: '321s' })).sides) {
    const { seconds } = await keepaliveTimer(context, side);
    expect(seconds).toBeGreaterThan(240); // from 5 min on it is told in minutes
    expect(seconds).toBeLessThanOrEqual(321);
  }
});

test('tcp_keepidle: 0 leaves it to the system, on both sides', async (context) => {
  const system = Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8'));
  for (const side of (await connected({})).sides) {
    const { seconds } = await keepaliveTimer(context, side);
    expect(seconds).toBeGreaterThan(system - 120); // told in minutes
    expect(seconds).toBeLessThanOrEqual(system);
  }
});

test('tcp_keepintvl: behind the first probe the next one is due after it, on both sides', async (context) => {
  for (const side of (await connected({ tcp_keepidle: '1s', tcp_keepintvl: '40s' })).sides) {
    const seconds = await waitUntil(async () => {
      const timer = (await keepaliveTimer(context, side)).seconds ?? 0;
      return timer > 1 && timer;
    });
    expect(seconds).toBeGreaterThan(35);
    expect(seconds).toBeLessThanOrEqual(40);
  }
});

/** Runs a pooler in a network of its own, takes the network away, and tells when each connection counts as dead. */
function deaths(context: TestContext, settings: Record<string, unknown>): Map<string, number> {
  const unshare = needTool(context, 'unshare');
  for (const name of ['ip', 'ss']) needTool(context, name);
  if (spawnSync(unshare, ['-rn', 'true']).status !== 0) skipBecause(context, 'unshare: no network namespaces here');
  const script = join(import.meta.dirname, 'dead-network.ts');
  const child = spawn(unshare, ['-rn', process.execPath, script, JSON.stringify(settings)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const seen = new Map<string, number>();
  createInterface({ input: child.stdout }).on('line', (line) => seen.set(line, performance.now()));
  return seen;
}

test('tcp_keepcnt: a connection is dead after so many probes without an answer, on both sides', async (context) => {
  const soon = deaths(context, { tcp_keepidle: '1s', tcp_keepintvl: '1s', tcp_keepcnt: 2 });
  const later = deaths(context, { tcp_keepidle: '1s', tcp_keepintvl: '1s', tcp_keepcnt: 60 });
  const dead = ['client closed: read ETIMEDOUT', 'server closed: read ETIMEDOUT'];
  await waitUntil(() => dead.every((line) => soon.has(line)), { timeoutMs: 10_000 });
  await waitUntil(() => later.has('network down'));
  expect([...later.keys()]).toEqual(['network down']);
  await expectNever(() => later.size > 1, 500);
});
