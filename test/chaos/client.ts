// A client of the chaos run: one random action after the other, each with tokens of its own.
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../../src/cli/demo/random.ts';
import * as build from '../support/wire-messages.ts';
import { type Address, ChaosConnection, ConnectionLost, cancel, type Expectation } from './connection.ts';
import type { Tally } from './tally.ts';

/** What is known of the transactions that wrote to the ledger. */
export interface Ledger {
  readonly committed: Set<string>;
  readonly refused: Set<string>;
}

const simple = (token: string, owner: string): [Buffer, Expectation] => [
  build.query(
    `SELECT '${token}', CASE WHEN now() = statement_timestamp() THEN coalesce(current_setting('app.owner', true), '') ELSE 'a transaction' END`,
  ),
  { token, state: owner },
];

/** Texts that clients share as named statements. */
const SHARED = Array.from({ length: 20 }, (_, i) => `SELECT $1::text, true /* ${i} */`);

const extended = (token: string): [Buffer, Expectation] => [build.extendedQuery('SELECT $1::text', [token]), { token }];

export class ChaosClient {
  readonly #id: number;
  readonly #random: Random;
  readonly #address: Address;
  readonly #tally: Tally;
  readonly #ledger: Ledger;
  #counter = 0;

  constructor(id: number, random: Random, address: Address, tally: Tally, ledger: Ledger) {
    this.#id = id;
    this.#random = random;
    this.#address = address;
    this.#tally = tally;
    this.#ledger = ledger;
  }

  /** Acts until the moment (performance.now()). Connections that are lost are made again. */
  async run(until: number): Promise<void> {
    while (performance.now() < until) {
      try {
        const connection = await ChaosConnection.open(this.#address, this.#tally);
        try {
          while (performance.now() < until) await this.#act(connection);
        } finally {
          connection.destroy();
        }
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await delay(20 + this.#random.below(100));
      }
    }
  }

  #token(): string {
    this.#counter += 1;
    return `t${this.#id}-${this.#counter}-`;
  }

  #act(connection: ChaosConnection): Promise<void> {
    const act = this.#random.weighted<(connection: ChaosConnection) => Promise<void>>([
      [30, this.#one],
      [30, this.#pipeline],
      [3, this.#set],
      [10, this.#transaction],
      [3, this.#failingPipeline],
      [2, this.#bigReply],
      [2, this.#halfMessage],
      [3, this.#canceled],
      [2, this.#copy],
      [1, this.#dieInReply],
      [1, this.#dieInMessage],
      [1, this.#dieInTransaction],
    ]);
    return act.call(this, connection);
  }

  async #one(connection: ChaosConnection): Promise<void> {
    const [bytes, expected] = this.#statement(connection);
    await connection.exchange(bytes, [expected]);
  }

  #statement(connection: ChaosConnection): [Buffer, Expectation] {
    const choice = this.#random.next();
    if (choice < 0.4) return simple(this.#token(), connection.owner);
    return choice < 0.7 ? extended(this.#token()) : this.#named(connection);
  }

  /** A named statement that others have too, parsed when the connection uses it for the first time. */
  #named({ prepared }: ChaosConnection): [Buffer, Expectation] {
    const token = this.#token();
    const index = this.#random.below(SHARED.length);
    const name = `s${index}`;
    // A batch of its own, so that an error before it does not take the Parse along.
    const parse = prepared.has(name) ? [] : [build.parse({ name, sql: SHARED[index]! })];
    prepared.add(name);
    const use = [build.bind({ statement: name, values: [token] }), build.describe('P'), build.execute(), build.sync()];
    return [Buffer.concat([...parse, ...use]), { token, state: 't' }];
  }

  /** A session of its own: from now on each simple statement looks whether it runs in it. */
  async #set(connection: ChaosConnection): Promise<void> {
    const owner = this.#token();
    const expected: Expectation = { token: null };
    await connection.exchange(build.query(`SET app.owner = '${owner}'`), [expected]);
    if (expected.outcome === 'SET') connection.owner = owner;
  }

  async #pipeline(connection: ChaosConnection): Promise<void> {
    const depth = 2 + this.#random.below(this.#random.next() < 0.1 ? 60 : 12);
    const all = Array.from({ length: depth }, () => this.#statement(connection));
    await connection.exchange(
      Buffer.concat(all.map(([bytes]) => bytes)),
      all.map(([, expected]) => expected),
    );
  }

  async #failingPipeline(connection: ChaosConnection): Promise<void> {
    const [before, expectedBefore] = this.#statement(connection);
    const [after, expectedAfter] = this.#statement(connection);
    const failing = build.extendedQuery('SELECT 1/$1::int', ['0']);
    await connection.exchange(Buffer.concat([before, failing, after]), [
      expectedBefore,
      { token: null },
      expectedAfter,
    ]);
  }

  /** A row in the ledger, committed or rolled back, statement by statement or as a pipeline. */
  async #transaction(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    const isKept = this.#random.next() < 0.7;
    const end = isKept ? 'COMMIT' : 'ROLLBACK';
    const steps: [Buffer, Expectation][] = [
      [build.query('BEGIN'), { token: null }],
      [build.query(`INSERT INTO ledger VALUES ('${token}') RETURNING token`), { token }],
      extended(token),
      [build.query(end), { token: null }],
    ];
    if (this.#random.next() < 0.3) {
      const bytes = Buffer.concat(steps.map(([part]) => part));
      await connection.exchange(
        bytes,
        steps.map(([, expected]) => expected),
      );
    } else {
      for (const [bytes, expected] of steps) {
        await connection.exchange(bytes, [expected]);
        // Without its BEGIN the rest would be no transaction.
        if (steps[0]?.[1].outcome !== 'BEGIN') return;
      }
    }
    this.#tally.transactions += 1;
    const outcomes = steps.map(([, expected]) => expected.outcome);
    if (outcomes[3] === 'COMMIT' && outcomes[1] === 'INSERT 0 1') this.#ledger.committed.add(token);
    else this.#ledger.refused.add(token);
  }

  async #bigReply(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    const rows = 1 + this.#random.below(20);
    const isSlow = this.#random.next() < 0.5;
    if (isSlow) connection.socket.pause();
    const answered = connection.exchange(
      build.query(`SELECT '${token}' || repeat('x', 20000) FROM generate_series(1, ${rows})`),
      [{ token }],
    );
    const resumed = isSlow ? delay(this.#random.below(50)).then(() => connection.socket.resume()) : null;
    await Promise.all([answered, resumed]);
  }

  async #halfMessage(connection: ChaosConnection): Promise<void> {
    const [bytes, expected] = this.#statement(connection);
    const at = 1 + this.#random.below(bytes.length - 1);
    await connection.exchange(bytes, [expected], { at, ms: this.#random.below(30) });
  }

  async #canceled(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    const expected: Expectation = { token, isCanceled: true };
    const seconds = this.#random.below(60) / 1000;
    const answered = connection.exchange(build.query(`SELECT '${token}' FROM pg_sleep(${seconds})`), [expected]);
    await Promise.all([answered, delay(this.#random.below(60)).then(() => cancel(this.#address, connection))]);
    this.#tally.cancels += 1;
  }

  async #copy(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    if (this.#random.next() < 0.5) {
      // Copy out has no rows to check: its answer must come, and nothing else.
      await connection.exchange(build.query(`COPY (SELECT '${token}' FROM generate_series(1, 100)) TO STDOUT`), [
        { token: null },
      ]);
      return;
    }
    const isGood = this.#random.next() < 0.7;
    const data = Buffer.concat(Array.from({ length: 20 }, () => build.copyData(isGood ? `${token}\n` : 'a\tb\n')));
    const all = Buffer.concat([build.query('COPY copied FROM STDIN'), data, build.copyDone()]);
    await connection.exchange(all, [{ token: null }]);
  }

  async #dieInReply(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    connection.onChunk = () => connection.destroy();
    const bytes = build.query(`SELECT '${token}' || repeat('x', 50000) FROM generate_series(1, 50)`);
    await this.#abandon(connection, bytes, [{ token }]);
  }

  async #dieInMessage(connection: ChaosConnection): Promise<void> {
    const bytes = build.query(`SELECT '${this.#token()}${'x'.repeat(2000)}'`);
    connection.socket.write(bytes.subarray(0, 1 + this.#random.below(bytes.length - 1)));
    await delay(this.#random.below(5));
    this.#lose(connection);
  }

  async #dieInTransaction(connection: ChaosConnection): Promise<void> {
    const token = this.#token();
    const begin: Expectation = { token: null };
    await connection.exchange(build.query('BEGIN'), [begin]);
    if (begin.outcome !== 'BEGIN') return;
    this.#ledger.refused.add(token);
    const insert = build.query(`INSERT INTO ledger VALUES ('${token}')`);
    if (this.#random.next() < 0.5) {
      await connection.exchange(insert, [{ token: null }]);
      this.#lose(connection);
    }
    const bytes = Buffer.concat([insert, build.query(`SELECT '${token}', pg_sleep(1)`)]);
    await this.#abandon(connection, bytes, [{ token: null }, { token }]);
  }

  /** Sends and goes, before, while or after the answer comes. */
  async #abandon(connection: ChaosConnection, bytes: Buffer, expected: Expectation[]): Promise<void> {
    const ended = connection.exchange(bytes, expected).catch(() => {});
    await Promise.race([ended, delay(this.#random.below(20))]);
    this.#lose(connection);
  }

  #lose(connection: ChaosConnection): never {
    this.#tally.abandoned += 1;
    connection.destroy();
    throw new ConnectionLost('left');
  }
}
