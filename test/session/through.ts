// The session matrix through pgsluice: a client between others, who take the servers in turn and look at the sessions that they get.
import { startPooler, type TestPooler } from '../support/pooler.ts';
import type { Change } from './change.ts';
import { type Ending, simple } from './endings.ts';
import { differences } from './fingerprint.ts';
import { Player } from './player.ts';
import { ENDED, type Expected, type Seen, type Straight } from './straight.ts';

export interface PoolKind {
  readonly name: string;
  readonly size: number;
  /** Nobody comes between a client's transactions. */
  readonly isSessionMode?: true;
  /** Over everything that is kept. */
  readonly policy?: Readonly<Record<string, string>>;
}

export class Through {
  readonly #straight: Straight;
  readonly #kind: PoolKind;
  #pooler!: TestPooler;
  /** As many as the pool has servers; none in session mode. */
  #others: Player[] = [];

  constructor(straight: Straight, kind: PoolKind) {
    this.#straight = straight;
    this.#kind = kind;
  }

  async start(): Promise<void> {
    const { size, isSessionMode = false, policy = {} } = this.#kind;
    this.#pooler = await startPooler(this.#straight.database, {
      default_pool_size: size,
      pool_mode: isSessionMode ? 'session' : 'transaction',
      query_wait_timeout: '3s',
      session_policy: { sequence: 'pin', ...policy },
    });
    for (let i = 0; i < size && !isSessionMode; i += 1) this.#others.push(await this.#connect());
  }

  async stop(): Promise<void> {
    for (const { client } of this.#others.splice(0)) client.destroy();
    await this.#pooler?.stop();
  }

  async #connect(params: Change['login'] = {}): Promise<Player> {
    const client = await this.#pooler.connect({ params });
    return new Player(client, client.session.parameters);
  }

  async play(change: Change, ending: Ending, { isHeld }: Expected): Promise<Seen> {
    const player = await this.#connect(change.login);
    try {
      const nextClients: string[] = [];
      for (const sql of change.before ?? []) {
        await player.ask(sql);
        nextClients.push(
          ...(await this.#letOthers(
            change,
            change.holds !== undefined && change.holds !== 'in a string' && change.holds !== 'in a transaction',
          )),
        );
      }
      const answers = await player.sayAll(ending.batches(change) ?? []);
      let state: string[] = [];
      if (ending.fate === undefined) {
        const ask = async () => {
          state = await player.probe(change);
        };
        nextClients.push(...(await this.#letOthers(change, isHeld, ask)));
      }
      if (ending.fate === 'kill') answers.push(await this.#kill(player));
      if (ending.fate === 'disconnect') player.client.destroy();
      else await player.client.end();
      const afterwards = await this.#lookAfterwards(change);
      await this.#pooler.expectInvariants();
      return { answers, nextClients, state, reported: player.reported, afterwards };
    } finally {
      player.client.destroy();
    }
  }

  async #kill(player: Player): Promise<string> {
    const [pid = ''] = await player.column('SELECT pg_backend_pid()');
    await this.#straight.kill(pid);
    const rest = await player.say(simple('SELECT 1'));
    return rest.some((line) => /^(ERROR|FATAL) /.test(line)) ? ENDED : rest.join('; ');
  }

  /**
   * Others take all servers that nobody holds, look around, and give them back. `meanwhile` runs when all are given back but the one that was
   * used last: of a larger pool the client gets another server than the one that it had.
   */
  async #letOthers(change: Change, isHeld: boolean, meanwhile = async () => {}): Promise<string[]> {
    const mustLeave = change.probeHolds === true;
    const guests = isHeld ? this.#others.slice(1) : [...this.#others];
    if (mustLeave) for (const i of guests.keys()) guests[i] = await this.#connect();
    const release = (guest: Player) => (mustLeave ? guest.client.end() : guest.ask('ROLLBACK'));
    const found = await this.#look(guests, change);
    const last = this.#kind.size > 1 ? guests.shift() : undefined;
    for (const guest of guests) await release(guest);
    await meanwhile();
    if (last !== undefined) await release(last);
    return found;
  }

  async #lookAfterwards(change: Change): Promise<string[]> {
    if (this.#others.length > 0) return this.#letOthers(change, false);
    const guest = await this.#connect();
    const found = await this.#look([guest], change);
    await guest.client.end();
    return found;
  }

  async #look(guests: readonly Player[], change: Change): Promise<string[]> {
    const pristine = await this.#straight.pristine(change);
    const found: string[] = [];
    for (const guest of guests) found.push(...differences(await guest.look(change), pristine));
    return found;
  }
}
