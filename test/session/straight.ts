// The session matrix straight to Postgres: what a client sees that has a session of its own, and what a fresh session looks like.
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { connectAndLogin } from '../support/wire.ts';
import type { Change } from './change.ts';
import { databaseDefaults, ROLES, SETUP } from './changes.ts';
import type { Ending } from './endings.ts';
import { Player } from './player.ts';

/** What is compared. */
export interface Seen {
  /** Answers to the change and what stands around it. */
  readonly answers: readonly string[];
  /** How far the sessions of other clients are from a fresh one, before the client's next transaction. */
  readonly nextClients: readonly string[];
  /** What the probes say in the client's next transactions. */
  readonly state: readonly string[];
  /** What the client was told of its parameters. */
  readonly reported: Readonly<Record<string, string>>;
  /** As nextClients, when the client has left. */
  readonly afterwards: readonly string[];
}

export interface Expected {
  readonly seen: Seen;
  /** The client has what no other server has. */
  readonly isHeld: boolean;
}

/** Stands in the answers for whatever error a killed backend leaves its client with. */
export const ENDED = 'ended with an error';

export class Straight {
  database!: TestDatabase;
  /** Its session is never changed. */
  #reference!: Player;
  readonly #played = new Map<string, Expected>();
  readonly #pristine = new Map<Change, readonly string[]>();

  async start(): Promise<void> {
    this.database = await createDatabase();
    for (const sql of [ROLES, SETUP, databaseDefaults(this.database.database)]) await this.database.query(sql);
    this.#reference = await this.#connect();
  }

  async stop(): Promise<void> {
    await this.#reference?.client.end();
    await this.database?.drop();
  }

  /** Pools of different sizes are held to the same. */
  async play(change: Change, ending: Ending): Promise<Expected> {
    const cell = JSON.stringify([change.name, ending.name]);
    const expected = this.#played.get(cell) ?? (await this.#play(change, ending));
    this.#played.set(cell, expected);
    return expected;
  }

  /** What Player.look() sees in a fresh session. */
  async pristine(change: Change): Promise<readonly string[]> {
    let seen = this.#pristine.get(change);
    if (seen === undefined) {
      seen = await this.#reference.look(change);
      this.#pristine.set(change, seen);
      await this.#reference.ask('ROLLBACK');
    }
    return seen;
  }

  async kill(pid: string): Promise<void> {
    await this.#reference.column(`SELECT pg_terminate_backend(${pid})`);
  }

  async #connect(params: Change['login'] = {}): Promise<Player> {
    const client = await connectAndLogin(this.database.port, { ...this.database, params });
    return new Player(client, client.session.parameters);
  }

  async #play(change: Change, { batches, fate, isString, isAlone }: Ending): Promise<Expected> {
    const player = await this.#connect(change.login);
    await player.ask(...(change.before ?? []));
    const answers = await player.sayAll(batches(change) ?? []);
    if (fate === 'kill') answers.push(ENDED);
    const state = fate === undefined ? await player.probe(change) : [];
    const { reported } = player;
    // Its locks are gone when Postgres has closed the connection.
    await player.client.end();
    const isHeld = fate === undefined && (await this.#isHeld(change, { isString, isAlone }, state));
    return { seen: { answers, nextClients: [], state, reported, afterwards: [] }, isHeld };
  }

  async #isHeld(
    { holds, probe }: Change,
    { isString = false, isAlone = false }: { isString: boolean | undefined; isAlone: boolean | undefined },
    state: readonly string[],
  ): Promise<boolean> {
    if (holds === undefined || (holds === 'in a string' && !isString) || (holds === 'in a transaction' && isAlone))
      return false;
    if (holds === 'to the end') return true;
    const gone = await this.#reference.ask(...probe);
    return gone.some((line, i) => line !== state[i]);
  }
}
