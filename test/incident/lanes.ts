// What a scenario is played through: PgBouncer as people set it, and pgsluice with its defaults.

import { startCommand, type Target } from '../support/command.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { LeakWatch } from './leak-watch.ts';

export const LANE_KEYS = ['a', 'b', 'c', 'd'] as const;
export type LaneKey = (typeof LANE_KEYS)[number];

export interface RunningLane extends Target {
  /** Leaks that it told of; null where nothing does. */
  readonly watch: LeakWatch | null;
  stop(): Promise<void>;
}

export interface Lane {
  readonly key: LaneKey;
  readonly label: string;
  start(postgres: Target, poolSize: number): Promise<RunningLane>;
}

export interface LaneOptions {
  /** Of PgBouncer, by lane. */
  readonly pgbouncer?: Partial<Record<'a' | 'b' | 'c', Readonly<Record<string, number>>>>;
  /** Of pgsluice, beyond its pool size. */
  readonly pgsluice?: Readonly<Record<string, unknown>>;
}

/** More clients than its default of 100 come, and whom it would refuse at the door is not the question. */
const MAX_CLIENTS = 2_000;

const SETTINGS = {
  a: {},
  b: { idle_transaction_timeout: 5, query_wait_timeout: 10 },
  c: { idle_transaction_timeout: 1 },
} as const;

const LABELS = {
  a: 'PgBouncer, defaults',
  b: 'PgBouncer, idle_transaction_timeout 5 s, query_wait_timeout 10 s',
  c: 'PgBouncer, idle_transaction_timeout 1 s',
  d: 'pgsluice, defaults',
} as const;

function pgbouncerLane(path: string, key: 'a' | 'b' | 'c', options: LaneOptions): Lane {
  return {
    key,
    label: LABELS[key],
    async start(postgres, poolSize) {
      const settings = { default_pool_size: poolSize, max_client_conn: MAX_CLIENTS, ...SETTINGS[key] };
      const running = await startPgbouncer(path, postgres, { ...settings, ...options.pgbouncer?.[key] });
      return { ...running, watch: null, stop: () => running.stop() };
    },
  };
}

function pgsluiceLane(options: LaneOptions): Lane {
  return {
    key: 'd',
    label: LABELS.d,
    async start(postgres, poolSize) {
      const watch = new LeakWatch();
      const settings = { default_pool_size: poolSize, admin_users: [postgres.user], log_level: 'info' };
      const running = await startCommand(postgres, { ...settings, ...options.pgsluice }, (line) => watch.line(line));
      await watch.start(running);
      return {
        ...running,
        watch,
        stop: async () => {
          await watch.stop();
          await running.stop();
        },
      };
    },
  };
}

/** The lanes that were asked for and can be had; says which cannot. */
export function findLanes(
  keys: readonly LaneKey[],
  options: LaneOptions = {},
  say: (line: string) => void = console.log,
): Lane[] {
  const path = findPgbouncer();
  const peers = keys.filter((key) => key !== 'd');
  if (path === null && peers.length > 0)
    say(`PgBouncer: neither in PGBOUNCER= nor on PATH, so ${peers.join(', ')} are left out`);
  return keys.flatMap((key) => {
    if (key === 'd') return [pgsluiceLane(options)];
    return path === null ? [] : [pgbouncerLane(path, key, options)];
  });
}
