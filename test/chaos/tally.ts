// What a chaos run counts. The first group has to be zero.

export interface Tally {
  /** Rows or messages that the client did not ask for. */
  foreignReplies: number;
  /** Statements canceled that nobody of this client had canceled. */
  foreignCancels: number;
  /** Statements without an answer in time. */
  unanswered: number;
  /** Statements outside a transaction that ran inside one: the server was handed on dirty. */
  dirtyServers: number;
  /** Transactions that were acknowledged and are not in the table. */
  lostTransactions: number;
  /** Transactions that were refused or rolled back and are in the table all the same. */
  ghostTransactions: number;

  /** Statements that were answered and checked. */
  replies: number;
  transactions: number;
  connections: number;
  abandoned: number;
  cancels: number;
  canceled: number;
  killedBackends: number;
  restarts: number;
  /** Errors by SQLSTATE. */
  errors: Record<string, number>;
  /** The first few things that should not have been. */
  problems: string[];
}

const MAX_PROBLEMS = 20;

export function newTally(): Tally {
  return {
    foreignReplies: 0,
    foreignCancels: 0,
    unanswered: 0,
    dirtyServers: 0,
    lostTransactions: 0,
    ghostTransactions: 0,
    replies: 0,
    transactions: 0,
    connections: 0,
    abandoned: 0,
    cancels: 0,
    canceled: 0,
    killedBackends: 0,
    restarts: 0,
    errors: {},
    problems: [],
  };
}

/** What must be zero. */
export const FORBIDDEN = [
  'foreignReplies',
  'foreignCancels',
  'unanswered',
  'dirtyServers',
  'lostTransactions',
  'ghostTransactions',
] as const satisfies readonly (keyof Tally)[];

export function report(tally: Tally, what: (typeof FORBIDDEN)[number], detail: string): void {
  tally[what] += 1;
  if (tally.problems.length < MAX_PROBLEMS) tally.problems.push(`${what}: ${detail}`);
}

/** Nothing that must not be was seen. */
export function isClean(tally: Tally): boolean {
  return FORBIDDEN.every((key) => tally[key] === 0);
}
