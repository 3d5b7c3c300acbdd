// The load of the overload run, in a process of its own: arrivals that do not wait for answers (open loop, Poisson), or a crowd that does.
import type { Address } from '../../src/cli/demo/demo-database.ts';
import { between } from '../../src/cli/demo/players.ts';
import { Random } from '../../src/cli/demo/random.ts';
import { now, type Session, Stage } from '../../src/cli/demo/stage.ts';
import { type LoadDone, type LoadPart, type LoadPhase, type LoadRequest, SERVICE_MS } from './overload-plan.ts';

/** Connections of an application; more requests than this under way are turned away by the application itself. */
const CONNECTIONS = 1_500;

class Application {
  readonly name: string;
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #idle: Session[] = [];
  #made = 0;

  constructor(stage: Stage, name: string, random: Random) {
    this.#stage = stage;
    this.name = name;
    this.#random = random;
  }

  async warm(count: number): Promise<void> {
    for (let at = 0; at < count; at += 50) {
      const some = Array.from({ length: Math.min(50, count - at) }, () => this.#make());
      await Promise.all(some.map((session) => session.warm()));
      this.#idle.push(...some);
    }
  }

  /** One request that was due at `due`. */
  async request(due: number): Promise<LoadRequest> {
    const session = this.#idle.pop() ?? (this.#made < CONNECTIONS ? this.#make() : null);
    if (session === null) return [this.name, due, now(), 'no_connection'];
    const seconds = (between(this.#random, SERVICE_MS.least, SERVICE_MS.most) / 1_000).toFixed(4);
    const attempt = await session.run([{ sql: `SELECT pg_sleep(${seconds})` }], { retryMs: 0 });
    this.#idle.push(session);
    const word = /^(query_wait_timeout|queue_full|shed)\b/.exec(attempt.message ?? '')?.[1];
    return [this.name, due, attempt.end ?? now(), word ?? attempt.outcome ?? 'unfinished'];
  }

  /** Each request when the one before it was answered. */
  async closedLoop(clients: number, until: number): Promise<LoadRequest[]> {
    const done: LoadRequest[] = [];
    const client = async () => {
      while (now() < until) done.push(await this.request(now()));
    };
    await Promise.all(Array.from({ length: clients }, client));
    return done;
  }

  /** Requests at random times, `rate` a second on average, whatever became of those before. */
  async openLoop(rate: number, until: number): Promise<LoadRequest[]> {
    const under: Promise<LoadRequest>[] = [];
    let due = now();
    while (due < until) {
      due += (-Math.log(1 - this.#random.next()) * 1_000) / rate;
      const early = due - now();
      if (early > 0) await this.#stage.pause(early);
      under.push(this.request(due));
    }
    return Promise.all(under);
  }

  #make(): Session {
    this.#made += 1;
    return this.#stage.session(this.name, this.name);
  }
}

/** One phase at a time, as they come in; connections stay for the next. */
function serve(address: Address, seed: number): void {
  const stage = new Stage(address);
  const applications = new Map<string, Application>();
  const named = async ({ application, connections }: LoadPart) => {
    const known = applications.get(application);
    if (known !== undefined) return known;
    const made = new Application(stage, application, new Random(seed * 1_000 + applications.size));
    applications.set(application, made);
    await made.warm(connections);
    return made;
  };
  process.on('message', async ({ loop, milliseconds, parts }: LoadPhase) => {
    const all = await Promise.all(parts.map(async (part) => ({ application: await named(part), rate: part.rate })));
    const before = process.cpuUsage();
    const started = now();
    const until = started + milliseconds;
    const requests = await Promise.all(
      all.map(({ application, rate }) =>
        loop === 'closed' ? application.closedLoop(rate, until) : application.openLoop(rate, until),
      ),
    );
    const { user, system } = process.cpuUsage(before);
    const busy = (user + system) / 1_000 / (now() - started);
    stage.attempts.length = 0;
    process.send?.({ started, requests: requests.flat(), busy } satisfies LoadDone);
  });
}

process.once('message', (first: { address: Address; seed: number }) => serve(first.address, first.seed));
process.once('disconnect', () => process.exit(0));
