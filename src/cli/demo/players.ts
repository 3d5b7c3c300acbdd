// The applications of the leak scenario: a healthy one, honest reports that pause inside their transactions, and one that forgets to commit.
import type { Random } from './random.ts';
import type { Session, Stage, Step } from './stage.ts';

/** One application of a scenario. */
export interface Player {
  /** The scenario's name for it. */
  readonly group: string;
  readonly application: string;
  /** Connections, for those that have a fixed number. */
  readonly clients: number;
  /** Transactions a second, for those that begin them by the clock. */
  readonly rate: number;
}

/** Rows of each table; a client of the healthy application has some of its own, so that nobody waits for a row lock. */
const ROWS = 1_000;
const ROWS_EACH = 80;

/** Tables as every run begins with them. */
export const TABLES = [
  'DROP TABLE IF EXISTS accounts, carts',
  'CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50)',
  'CREATE TABLE carts (id int PRIMARY KEY, items int NOT NULL)',
  `INSERT INTO accounts SELECT n, 100 FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO carts SELECT n, 1 FROM generate_series(1, ${ROWS}) n`,
  'ANALYZE accounts, carts',
];

/** Every statement of the leaking application has it, and nobody else's. */
export const LEAKED_TABLE = 'carts';

const BEGIN: Step = { sql: 'BEGIN' };
const COMMIT: Step = { sql: 'COMMIT' };

export function between(random: Random, from: number, to: number): number {
  return from + random.next() * (to - from);
}

/** Two statements by primary key. */
function order(id: number): Step[] {
  const values = [id];
  return [
    BEGIN,
    { sql: 'SELECT balance FROM accounts WHERE id = $1', values },
    { sql: 'UPDATE accounts SET balance = balance + 1 WHERE id = $1', values },
    COMMIT,
  ];
}

/** Short transactions with a little time to think between them, each after the other. */
export async function healthyClient(stage: Stage, session: Session, index: number, random: Random): Promise<void> {
  while (!stage.isOver) {
    await session.run(order(1 + ((index * ROWS_EACH + random.below(ROWS_EACH)) % ROWS)));
    await stage.pause(between(random, 15, 25));
  }
}

/** Honest: it computes for 2 to 4 seconds between two statements of a transaction. */
export async function reportClient(stage: Stage, session: Session, random: Random): Promise<void> {
  const sum: Step = { sql: 'SELECT sum(balance) FROM accounts' };
  while (!stage.isOver) {
    await session.run([BEGIN, sum, between(random, 2_000, 4_000), sum, COMMIT]);
    await stage.pause(between(random, 200, 500));
  }
}

/** The way back of the leaking application, for the few that come back. */
export const RETURNED = 'returned';

/** Opens a connection, begins a transaction and forgets it. One of eight comes back much later. */
async function leakOnce(stage: Stage, player: Player, id: number, random: Random): Promise<void> {
  const session = stage.session(player.group, player.application);
  const values = [id];
  const touch: Step =
    random.next() < 0.5
      ? { sql: `UPDATE ${LEAKED_TABLE} SET items = items + 1 WHERE id = $1`, values }
      : { sql: `SELECT items FROM ${LEAKED_TABLE} WHERE id = $1 FOR UPDATE`, values };
  const later = random.next() < 0.125 ? between(random, 8_000, 14_000) : 0;
  const left = await session.run([BEGIN, touch], { leave: true });
  if (later === 0 || left.outcome !== 'left') return;
  await stage.pause(later);
  if (!stage.isOver) await session.as(RETURNED).run([touch, COMMIT], { goOn: true });
}

/** Leaks `rate` transactions a second until told to stop. */
export async function leakingApplication(
  stage: Stage,
  player: Player,
  random: Random,
  hasEnded: () => boolean,
): Promise<void> {
  const every = 1_000 / player.rate;
  const started = Date.now();
  for (let i = 0; !hasEnded() && !stage.isOver; i += 1) {
    void leakOnce(stage, player, 1 + (i % ROWS), random);
    await stage.pause(Math.max(0, started + (i + 1) * every - Date.now()));
  }
}
