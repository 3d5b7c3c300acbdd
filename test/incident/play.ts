// Plays one scenario through one lane: fresh tables, the pooler, the load in its own process, Postgres killed where the scenario says so.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { EmbeddedPostgres } from '../../src/cli/demo/embedded-postgres.ts';
import { TABLES } from '../../src/cli/demo/players.ts';
import type { Attempt } from '../../src/cli/demo/stage.ts';
import type { Target } from '../support/command.ts';
import { queryOn } from '../support/postgres.ts';
import type { GeneratorMessage, Marks, Phases, Plan } from './generator.ts';
import type { Lane } from './lanes.ts';
import type { LeakWatch } from './leak-watch.ts';
import type { Scenario } from './scenarios.ts';

const GENERATOR = fileURLToPath(new URL('generator.ts', import.meta.url));
/** How long Postgres stays away when it was killed. */
const AWAY_MS = 1_000;

export interface Played {
  readonly scenario: Scenario;
  readonly label: string;
  readonly key: string;
  readonly marks: Marks;
  readonly attempts: readonly Attempt[];
  readonly watch: LeakWatch | null;
  /** When Postgres answered again behind each kill, ms since 1970. */
  readonly backAt: readonly number[];
  /** Logins at Postgres while the window lasted and behind it. */
  readonly logins: number;
  /** Share of a processor that the generator used: near 1 it would be what limits. */
  readonly generatorBusy: number;
}

export interface PlayOptions {
  readonly poolSize: number;
  readonly phases: Phases;
  readonly seed: number;
}

async function logins(server: Target): Promise<number> {
  const sql = 'SELECT sessions::int AS n FROM pg_stat_database WHERE datname = current_database()';
  return (await queryOn<{ n: number }>(server, sql))[0]?.n ?? 0;
}

/** The seconds of the window at which Postgres is killed; resolves with when it was back. */
async function disturb(server: EmbeddedPostgres, scenario: Scenario, marks: Marks): Promise<number[]> {
  const backAt: number[] = [];
  for (const share of scenario.kills) {
    await delay(Math.max(0, marks.window + share * (marks.after - marks.window) - Date.now()));
    await server.kill();
    await delay(AWAY_MS);
    await server.restart();
    backAt.push(Date.now());
  }
  return backAt;
}

export async function play(
  server: EmbeddedPostgres,
  lane: Lane,
  scenario: Scenario,
  options: PlayOptions,
): Promise<Played> {
  const { host, port, user, password } = server;
  const postgres = { host, port, user, password, database: 'postgres' };
  for (const sql of TABLES) await queryOn(postgres, sql);
  const running = await lane.start(postgres, options.poolSize);
  try {
    const generator = fork(GENERATOR, { serialization: 'advanced' });
    const { seed, phases } = options;
    const address = { ...postgres, host: running.host, port: running.port };
    const died = once(generator, 'exit').then(([code]) =>
      Promise.reject(new Error(`the load ended with code ${code}`)),
    );
    died.catch(() => {});
    const message = async () => (await Promise.race([once(generator, 'message'), died]))[0] as GeneratorMessage;
    generator.send({ address, scenario, seed, phases } satisfies Plan);
    const started = await message();
    if (started.kind !== 'started') throw new Error('the load did not say when it began');
    const { marks } = started;
    const disturbed = disturb(server, scenario, marks);
    disturbed.catch(() => {});
    const before = delay(Math.max(0, marks.window - Date.now() - 100)).then(() => logins(postgres));
    before.catch(() => {});
    const done = await message();
    if (done.kind !== 'done') throw new Error('the load did not say what came of it');
    const { watch } = running;
    const backAt = await disturbed;
    const seconds = Object.values(phases).reduce((sum, ms) => sum + ms, 0) / 1_000;
    return {
      scenario,
      key: lane.key,
      label: lane.label,
      marks,
      attempts: done.attempts,
      watch,
      backAt,
      // A kill sets the counter back to what was written last.
      logins: scenario.kills.length > 0 ? Number.NaN : (await logins(postgres)) - (await before) - 1,
      generatorBusy: done.userSeconds / seconds,
    };
  } finally {
    await running.stop();
  }
}
