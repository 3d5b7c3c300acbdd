// What each role of a scenario does. Those of the leak scenario are the demo's; here are the slow, the impatient and the noisy.
import { between, healthyClient, leakingApplication, reportClient } from '../../src/cli/demo/players.ts';
import { Random } from '../../src/cli/demo/random.ts';
import type { Session, Stage } from '../../src/cli/demo/stage.ts';
import type { Part, Role } from './scenarios.ts';

/** Plays a part; `hasEnded` turns true when the window is over. */
type Act = (stage: Stage, part: Part, random: () => Random, hasEnded: () => boolean) => Promise<void>;

/** More connections than this an application does not open, however slow its statements are. */
const FLOOD_CONNECTIONS = 200;
const IMPATIENCE_MS = 300;

/** A random number generator for each client, so that what one does does not depend on when another does it. */
export function seeds(seed: number): () => Random {
  let made = 0;
  return () => {
    made += 1;
    return new Random(seed * 1_000 + made);
  };
}

type Play = (stage: Stage, session: Session, index: number, random: Random) => Promise<void>;

function crowd(play: Play): Act {
  return async (stage, part, random) => {
    const all = Array.from({ length: part.clients }, async (_, index) => {
      const own = random();
      const session = stage.session(part.group, part.application);
      await session.warm().catch(() => {});
      await play(stage, session, index, own);
    });
    await Promise.all(all);
  };
}

/** Slow statements by the clock, on connections that are used again, like a driver's pool with a high limit. */
const flood: Act = async (stage, part, random, hasEnded) => {
  const own = random();
  const idle: Session[] = [];
  let made = 0;
  const started = Date.now();
  for (let i = 1; !hasEnded() && !stage.isOver; i += 1) {
    const seconds = between(own, 0.5, 1.5).toFixed(3);
    let session = idle.pop();
    if (session === undefined && made < FLOOD_CONNECTIONS) {
      made += 1;
      session = stage.session(part.group, part.application);
    }
    const free = session;
    if (free !== undefined) void free.run([{ sql: `SELECT pg_sleep(${seconds})` }]).then(() => idle.push(free));
    await stage.pause(Math.max(0, started + (i * 1_000) / part.rate - Date.now()));
  }
};

/** Leaves when the answer takes too long, and is back at once. */
function impatient(hasEnded: () => boolean): Play {
  return async (stage, session, _index, random) => {
    while (!hasEnded() && !stage.isOver) {
      const seconds = between(random, 0.2, 0.4).toFixed(3);
      const timer = setTimeout(() => session.drop(), IMPATIENCE_MS);
      await session.run([{ sql: `SELECT pg_sleep(${seconds})` }], { retryMs: 0 });
      clearTimeout(timer);
    }
  };
}

/** No pause between its transactions, which keep a server busy rather than a processor. */
function noisy(hasEnded: () => boolean): Play {
  const steps = [{ sql: 'BEGIN' }, { sql: 'SELECT pg_sleep(0.03)' }, { sql: 'COMMIT' }];
  return async (stage, session) => {
    while (!hasEnded() && !stage.isOver) await session.run(steps);
  };
}

export const ACTS: Readonly<Record<Role, Act>> = {
  healthy: crowd(healthyClient),
  report: crowd((stage, session, _index, random) => reportClient(stage, session, random)),
  leak: (stage, part, random, hasEnded) => leakingApplication(stage, part, random(), hasEnded),
  flood,
  impatient: (stage, part, random, hasEnded) => crowd(impatient(hasEnded))(stage, part, random, hasEnded),
  noisy: (stage, part, random, hasEnded) => crowd(noisy(hasEnded))(stage, part, random, hasEnded),
};
