// Clients that hold a server for long and are honest all the same: none of them may be called a leak.
import { setTimeout as delay } from 'node:timers/promises';
import { between } from '../../src/cli/demo/players.ts';
import type { Random } from '../../src/cli/demo/random.ts';
import type { Target } from '../support/command.ts';
import { connectAndLogin, type WireClient } from '../support/wire.ts';
import * as build from '../support/wire-messages.ts';

export interface CalmHost {
  readonly pooler: Target;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Every connection, so that the end finds it. */
  readonly clients: Set<WireClient>;
}

/** One thing that a client does, again and again until the end. */
export interface CalmClient {
  readonly name: string;
  readonly count: number;
  /** Default: the database in transaction mode. */
  readonly database?: string;
  turn(client: WireClient, host: CalmHost): Promise<void>;
}

/** Longer than the longest statement here. */
const PATIENCE_MS = 60_000;
/** Longer than leak_detection_threshold. */
const LONG_MS = 6_000;
const BIG = `SELECT repeat('x', 1000) FROM generate_series(1, 40000)`;

async function pause(host: CalmHost, milliseconds: number): Promise<void> {
  await delay(milliseconds, undefined, { signal: host.signal });
}

/** Reads nothing for a while, then all. */
async function readLate(client: WireClient, host: CalmHost, sql: string): Promise<void> {
  client.socket.pause();
  client.send(build.query(sql));
  await pause(host, LONG_MS);
  client.socket.resume();
  await client.readUntil('Z', PATIENCE_MS);
  await pause(host, 200);
}

export const CALM_CLIENTS: readonly CalmClient[] = [
  {
    name: 'long statement',
    count: 2,
    async turn(client, { random }) {
      await client.rows(`SELECT pg_sleep(${between(random, 6, 9).toFixed(2)})`, PATIENCE_MS);
    },
  },
  {
    name: 'COPY in, with pauses',
    count: 1,
    async turn(client, host) {
      client.send(build.query('COPY copied FROM STDIN'));
      await client.readUntil('G', PATIENCE_MS);
      client.send(build.copyData('one\n'));
      await pause(host, LONG_MS);
      client.send(build.copyData('two\n'), build.copyDone());
      await client.readUntil('Z', PATIENCE_MS);
    },
  },
  {
    name: 'COPY in inside a transaction, with pauses',
    count: 1,
    async turn(client, host) {
      await client.rows('BEGIN', PATIENCE_MS);
      client.send(build.query('COPY copied FROM STDIN'));
      await client.readUntil('G', PATIENCE_MS);
      await pause(host, LONG_MS);
      client.send(build.copyData('three\n'), build.copyDone());
      await client.readUntil('Z', PATIENCE_MS);
      await client.rows('COMMIT', PATIENCE_MS);
    },
  },
  {
    name: 'COPY out, read late',
    count: 1,
    turn: (client, host) => readLate(client, host, `COPY (${BIG}) TO STDOUT`),
  },
  { name: 'result, read late', count: 1, turn: (client, host) => readLate(client, host, BIG) },
  {
    name: 'result inside a transaction, read late',
    count: 1,
    async turn(client, host) {
      await client.rows('BEGIN', PATIENCE_MS);
      await readLate(client, host, BIG);
      await client.rows('COMMIT', PATIENCE_MS);
    },
  },
  {
    name: 'LISTEN',
    count: 2,
    async turn(client, host) {
      await client.rows('LISTEN news', PATIENCE_MS);
      await pause(host, 20_000);
      await client.rows(`NOTIFY news, 'still here'`, PATIENCE_MS);
    },
  },
  {
    name: 'transaction with time to think',
    count: 3,
    async turn(client, host) {
      await client.rows('BEGIN', PATIENCE_MS);
      await client.rows('SELECT sum(n) FROM thoughts', PATIENCE_MS);
      await pause(host, between(host.random, 2_000, 4_000));
      await client.rows('SELECT max(n) FROM thoughts', PATIENCE_MS);
      await client.rows('COMMIT', PATIENCE_MS);
    },
  },
  {
    name: 'cursor, fetched in a loop',
    count: 2,
    async turn(client, host) {
      await client.rows('BEGIN', PATIENCE_MS);
      await client.rows('DECLARE c CURSOR FOR SELECT n FROM thoughts ORDER BY n', PATIENCE_MS);
      while ((await client.rows('FETCH 20 FROM c', PATIENCE_MS)).length > 0)
        await pause(host, between(host.random, 500, 2_000));
      await client.rows('COMMIT', PATIENCE_MS);
    },
  },
  {
    name: 'session mode, idle',
    count: 3,
    database: 'sessions',
    async turn(client, host) {
      await client.rows(`SET application_name = 'idle'; SELECT 1`, PATIENCE_MS);
      await pause(host, 30_000);
    },
  },
];

/** Plays until the end of the run; rejects with what went wrong before it. */
export async function playCalm({ name, database, turn }: CalmClient, host: CalmHost): Promise<void> {
  const { pooler, signal, clients } = host;
  const login = { user: pooler.user, password: pooler.password, params: { application_name: name } };
  const client = await connectAndLogin(pooler.port, { ...login, database: database ?? pooler.database });
  clients.add(client);
  try {
    while (!signal.aborted) await turn(client, host);
  } catch (error) {
    if (!signal.aborted) throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
