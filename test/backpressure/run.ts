// Runs one heavy client beside light ones: how much memory the pooler takes, and how long the light ones wait.
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningCommand, Target } from '../support/command.ts';
import { connectAndLogin } from '../support/wire.ts';
import type { Heavy } from './heavy.ts';

export interface Figures {
  readonly bytes: number;
  readonly seconds: number;
  /** Of the light clients' queries, in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly queries: number;
}

export interface PoolerFigures extends Figures {
  readonly rssGrowth: number;
}

const LIGHT_CLIENTS = 8;
const PAUSE_MS = 5;

/** Queries every few milliseconds until told to stop; the time of each. */
async function light(target: Target, isOver: () => boolean, times: number[]): Promise<void> {
  const client = await connectAndLogin(target.port, target);
  while (!isOver()) {
    const started = performance.now();
    await client.query('SELECT 1', 60_000);
    times.push(performance.now() - started);
    await delay(PAUSE_MS);
  }
  await client.end();
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export async function measure(target: Target, heavy: Heavy, megabytes: number): Promise<Figures> {
  let isOver = false;
  const times: number[] = [];
  const crowd = Array.from({ length: LIGHT_CLIENTS }, () => light(target, () => isOver, times));
  await delay(500);
  times.length = 0;
  const started = performance.now();
  const bytes = await heavy.run(target, megabytes);
  const seconds = (performance.now() - started) / 1000;
  isOver = true;
  await Promise.all(crowd);
  const sorted = times.toSorted((a, b) => a - b);
  return { bytes, seconds, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), queries: times.length };
}

/** The same through the pooler, with its memory watched. */
export async function measurePooler(pooler: RunningCommand, heavy: Heavy, megabytes: number): Promise<PoolerFigures> {
  const before = pooler.rss();
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, pooler.rss());
  }, 20);
  try {
    return { ...(await measure(pooler, heavy, megabytes)), rssGrowth: highest - before };
  } finally {
    clearInterval(watch);
  }
}
