// `pgsluice demo --scenario leak`: an application leaks transactions beside a healthy one and honest reports, and what the guard makes of it.
import type { Client } from 'pg';
import { type Address, ask, newClient } from './demo-database.ts';
import { healthyClient, leakingApplication, reportClient, TABLES } from './players.ts';
import { Random } from './random.ts';
import { type Attempt, Stage } from './stage.ts';

export const SCENARIO_POOL_SIZE = 20;

const HEALTHY_CLIENTS = 12;
const REPORT_CLIENTS = 2;
const LEAKS_PER_SECOND = 4;
/** Without trouble, then with. */
const CALM_MS = 10_000;
const LEAKING_MS = 50_000;
const TELL_EVERY_MS = 5_000;

interface LeakRow {
  readonly id: number;
  readonly life: string;
  readonly application_name: string;
  readonly statement: string;
  readonly silent_ms: number;
}

/** What happened since it was asked last, in a line. */
class Narrator {
  readonly #stage: Stage;
  readonly #console: Client;
  readonly #say: (line: string) => void;
  readonly #started = Date.now();
  readonly #lives = new Map<number, string>();
  #leaked = 0;
  #done = 0;
  #killed = 0;

  constructor(stage: Stage, console: Client, say: (line: string) => void) {
    this.#stage = stage;
    this.#console = console;
    this.#say = say;
  }

  async tell(milliseconds: number): Promise<void> {
    await this.#look();
    const over = this.#take();
    const shop = over.filter(({ group, outcome }) => group === 'shop' && outcome === 'ok');
    const reports = over.filter(({ group }) => group === 'reports');
    this.#leaked += over.filter(({ outcome }) => outcome === 'left').length;
    this.#done += reports.filter(({ outcome }) => outcome === 'ok').length;
    this.#killed += reports.filter(({ outcome }) => outcome !== 'ok').length;
    const slowest = shop.reduce((most, { start, end }) => Math.max(most, end! - start), 0);
    const taken = [...this.#lives.values()].filter((life) => life === 'reclaimed').length;
    this.line(
      `shop ${((shop.length * 1_000) / milliseconds).toFixed(0)} transactions/s, slowest ${slowest.toFixed(0)} ms; ` +
        `so far ${this.#done} reports done and ${this.#killed} killed, ${this.#leaked} leaks and ${taken} servers taken back`,
    );
  }

  line(text: string): void {
    const seconds = Math.round((Date.now() - this.#started) / 1_000);
    this.#say(`${String(seconds).padStart(4)} s  ${text}`);
  }

  /** New rows of SHOW LEAKS; the first one is worth a line. */
  async #look(): Promise<void> {
    const { rows } = await this.#console.query<LeakRow>('SHOW LEAKS').catch(() => ({ rows: [] as LeakRow[] }));
    const [first] = rows;
    if (this.#lives.size === 0 && first !== undefined)
      this.line(
        `noticed: ${first.application_name} sends nothing inside a transaction, for ${first.silent_ms} ms behind: ${first.statement}`,
      );
    for (const { id, life } of rows) this.#lives.set(Number(id), life);
  }

  /** What is over is taken out: the play may last. */
  #take(): Attempt[] {
    const { attempts } = this.#stage;
    const over = attempts.filter(({ end }) => end !== null);
    const under = attempts.filter(({ end }) => end === null);
    attempts.splice(0, attempts.length, ...under);
    return over;
  }
}

/** What it is about, before it begins. */
const STORY = `
Playing: a pool of ${SCENARIO_POOL_SIZE} servers; "shop", ${HEALTHY_CLIENTS} clients with short transactions; "reports", ${REPORT_CLIENTS} clients that are honest and
pause for 2 to 4 s inside each transaction; and from ${CALM_MS / 1_000} s on "cart-worker", which begins ${LEAKS_PER_SECOND} transactions a second and never ends one.
`;

/** Plays for a minute, then without the leaking application, until `over` is resolved. `postgres`: where the tables are made. */
export async function playLeakScenario(
  address: Address,
  postgres: Address,
  over: Promise<unknown>,
  say: (line: string) => void = console.log,
): Promise<void> {
  await ask(postgres, TABLES);
  const stage = new Stage(address);
  void over.then(() => stage.end());
  const client = await newClient({ ...address, database: 'pgsluice', application_name: 'demo' });
  await client.connect();
  try {
    say(STORY);
    const narrator = new Narrator(stage, client, say);
    for (let i = 0; i < HEALTHY_CLIENTS; i += 1)
      void healthyClient(stage, stage.session('shop', 'shop'), i, new Random(i));
    for (let i = 0; i < REPORT_CLIENTS; i += 1)
      void reportClient(stage, stage.session('reports', 'reports'), new Random(100 + i));
    await tellFor(CALM_MS, stage, narrator);
    if (stage.isOver) return;
    narrator.line('now cart-worker begins to leak');
    let hasEnded = false;
    const player = { group: 'cart-worker', application: 'cart-worker', clients: 0, rate: LEAKS_PER_SECOND };
    void leakingApplication(stage, player, new Random(200), () => hasEnded);
    await tellFor(LEAKING_MS, stage, narrator);
    hasEnded = true;
    if (stage.isOver) return;
    narrator.line('cart-worker leaks no more; the others go on until Ctrl-C');
    while (!stage.isOver) await tellFor(6 * TELL_EVERY_MS, stage, narrator, 6 * TELL_EVERY_MS);
  } finally {
    stage.end();
    await client.end().catch(() => {});
  }
}

async function tellFor(milliseconds: number, stage: Stage, narrator: Narrator, every = TELL_EVERY_MS): Promise<void> {
  for (let told = 0; told < milliseconds && !stage.isOver; told += every) {
    await stage.pause(every);
    if (!stage.isOver) await narrator.tell(every);
  }
}
