// Five workloads of known demand: how transactions come, and what each does to its server.
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Cause } from '../../src/advisor/advice.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** Transactions a second at this moment, in seconds; null: each client begins the next one when the last one is over. */
  readonly rate: ((second: number) => number) | null;
  readonly clients: number;
  /** Needs the machine for itself. */
  readonly isAlone: boolean;
  /** random: from 0 to 1. */
  readonly run: (client: pg.Client, random: number) => Promise<unknown>;
  /** What the advisor should name when there are too few servers, and when there are too many. */
  readonly causes: { readonly few: Cause; readonly many: Cause };
}

const sleep = (client: pg.Client, ms: number) => client.query(`SELECT pg_sleep(${(ms / 1_000).toFixed(4)})`);

/** What is made before: run as one query. */
export const SETUP = 'CREATE TABLE IF NOT EXISTS hot (id int PRIMARY KEY, n int); INSERT INTO hot VALUES (1, 0)';

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'steady',
    title: 'Steady: 120 transactions/s of 20 to 60 ms',
    rate: () => 120,
    clients: 120,
    isAlone: false,
    run: (client, random) => sleep(client, 20 + 40 * random),
    causes: { few: 'too_small', many: 'too_large' },
  },
  {
    name: 'bursty',
    title: 'Bursts: 160 transactions/s of 30 ms for one second, 15/s for three',
    rate: (second) => (second % 4 < 1 ? 160 : 15),
    clients: 120,
    isAlone: false,
    run: (client) => sleep(client, 30),
    causes: { few: 'too_small', many: 'too_large' },
  },
  {
    name: 'idle-in-transaction',
    title: 'Idle in transaction: 60 transactions/s of 20 ms, and 60 ms of silence inside each',
    rate: () => 60,
    clients: 120,
    isAlone: false,
    run: async (client) => {
      await client.query('BEGIN');
      await sleep(client, 10);
      await delay(60);
      await sleep(client, 10);
      await client.query('COMMIT');
    },
    causes: { few: 'idle_in_transaction', many: 'idle_in_transaction' },
  },
  {
    name: 'lock-bound',
    title: 'One hot row: 24 clients, 15 ms without and 5 ms with its lock',
    rate: null,
    clients: 24,
    isAlone: false,
    run: (client) =>
      client.query(
        'BEGIN; SELECT pg_sleep(0.015); UPDATE hot SET n = n + 1 WHERE id = 1; SELECT pg_sleep(0.005); COMMIT',
      ),
    causes: { few: 'too_small', many: 'postgres_saturated' },
  },
  {
    name: 'cpu-bound',
    title: 'CPU: 16 clients with statements that only compute',
    rate: null,
    clients: 16,
    isAlone: true,
    run: (client) => client.query('SELECT sum(sqrt(i)) FROM generate_series(1, 100000) AS i'),
    causes: { few: 'too_small', many: 'postgres_saturated' },
  },
];
