// A run of honest clients over a pool that is a little too small now and then: how often a leak was cried, and who waited.
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../src/cli/demo/random.ts';
import { startCommand, type Target } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
import { connectAndLogin, type WireClient } from '../support/wire.ts';
import { CALM_CLIENTS, type CalmHost, playCalm } from './calm-clients.ts';
import { LeakWatch } from './leak-watch.ts';

export interface CalmOptions {
  readonly milliseconds: number;
  readonly seed: number;
  /** Nobody waits so long at first: what is usual can be learned. */
  readonly settleMs: number;
  readonly settings?: Readonly<Record<string, unknown>>;
}

export interface CalmFigures {
  /** Log lines of leaks, as `life kind application: statement`. */
  readonly alarms: readonly string[];
  /** The most rows of SHOW LEAKS at once. */
  readonly rows: number;
  readonly hasShow: boolean;
  /** What clients were told that should have been told nothing. */
  readonly errors: readonly string[];
  /** Turns of each kind of client. */
  readonly turns: Readonly<Record<string, number>>;
  /** Short statements, and those of them that had to wait for a server. */
  readonly short: number;
  readonly waited: number;
}

/** Those of the calm clients, and two: the crowd of short ones has to wait sometimes. */
const SPARE = 2;
const CROWD = 8;
const SHORT_MS = 200;
/** Beyond what the statement takes: it waited. */
const WAITED_MS = 100;

const SCHEMA = [
  'DROP TABLE IF EXISTS copied, thoughts',
  'CREATE TABLE copied (line text)',
  'CREATE TABLE thoughts AS SELECT n FROM generate_series(1, 100) n',
];

/** Short statements, all at once, every second or so. */
async function crowd(host: CalmHost, settleMs: number, counts: { short: number; waited: number }): Promise<void> {
  const { pooler, clients, signal, random } = host;
  const { user, password, database } = pooler;
  const login = { user, password, database, params: { application_name: 'short' } };
  const all = await Promise.all(Array.from({ length: CROWD }, () => connectAndLogin(pooler.port, login)));
  for (const client of all) clients.add(client);
  await delay(settleMs, undefined, { signal });
  while (!signal.aborted) {
    const ask = async (client: WireClient) => {
      const started = performance.now();
      await client.rows(`SELECT pg_sleep(${SHORT_MS / 1_000})`, 60_000);
      counts.short += 1;
      if (performance.now() - started > SHORT_MS + WAITED_MS) counts.waited += 1;
    };
    await Promise.all(all.map(ask));
    await delay(500 + random.below(500), undefined, { signal });
  }
}

/** Against the command in front of this Postgres. */
export async function runCalm(postgres: Target, options: CalmOptions): Promise<CalmFigures> {
  for (const sql of SCHEMA) await queryOn(postgres, sql);
  const pooled = CALM_CLIENTS.filter(({ database }) => database === undefined);
  const size = pooled.reduce((sum, { count }) => sum + count, 0) + SPARE;
  const { host, port } = postgres;
  const watch = new LeakWatch();
  const pooler = await startCommand(
    postgres,
    {
      databases: {
        [postgres.database]: { host, port, pool_size: size },
        sessions: { host, port, dbname: postgres.database, pool_mode: 'session', pool_size: 4 },
      },
      admin_users: [postgres.user],
      log_level: 'info',
      ...options.settings,
    },
    (line) => watch.line(line),
  );
  const end = new AbortController();
  const clients = new Set<WireClient>();
  const turns: Record<string, number> = {};
  const errors: string[] = [];
  const counts = { short: 0, waited: 0 };
  try {
    await watch.start(pooler);
    let seed = options.seed * 1_000;
    const hostOf = (): CalmHost => ({ pooler, clients, signal: end.signal, random: new Random(++seed) });
    const playing = CALM_CLIENTS.flatMap((one) =>
      Array.from({ length: one.count }, () => {
        const turn: typeof one.turn = async (client, on) => {
          await one.turn(client, on);
          turns[one.name] = (turns[one.name] ?? 0) + 1;
        };
        return playCalm({ ...one, turn }, hostOf());
      }),
    );
    playing.push(
      crowd(hostOf(), options.settleMs, counts).catch((error) => {
        if (!end.signal.aborted) throw error;
      }),
    );
    for (const one of playing) one.catch((error: Error) => errors.push(error.message));
    await delay(options.settleMs + options.milliseconds);
    end.abort();
    for (const client of clients) client.destroy();
    await Promise.allSettled(playing);
  } finally {
    await watch.stop();
    await pooler.stop();
  }
  const alarms = watch.lines.map((line) => `${line.life} ${line.kind} ${line.applicationName}: ${line.statement}`);
  return { alarms, rows: watch.rows, hasShow: watch.hasShow, errors, turns, ...counts };
}
