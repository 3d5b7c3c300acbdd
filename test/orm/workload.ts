// What each library has to offer: the same statements, in the library's own words and with its own defaults.

/** Where a library connects. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A row of the table `items`, without its id. */
export interface Item {
  readonly token: string;
  readonly note: string;
  readonly amount: number;
}

/** Every method may be called by many workers at once. Rows come back as the library read them; errors as it threw them. */
export interface Workload {
  /** A value sent as a parameter and returned by the server. */
  echo(value: string): Promise<string>;
  select(token: string): Promise<Item | null>;
  /** INSERT ... RETURNING, amount 0. */
  insert(token: string, note: string): Promise<Item>;
  /** UPDATE ... RETURNING of the note, and one more on the amount. */
  update(token: string, note: string): Promise<Item>;
  /** Several rows by the library's way to send many; what came back of each. */
  batch(tokens: string[]): Promise<string[]>;
  /** In a transaction: inserts `token`, adds one to the amount of `own`, reads `token` back. Commits. */
  commit(own: string, token: string): Promise<Item | null>;
  /** In a transaction that is rolled back: inserts `token`, reads it back. */
  rollback(token: string): Promise<Item | null>;
  /** In a transaction: inserts `token`, then `taken`, whose error leaves the transaction. Rejects. */
  conflictInTransaction(token: string, taken: string): Promise<unknown>;
  /** What a transaction at SERIALIZABLE says of its isolation. */
  isolation(): Promise<string>;
  /** The value of SETTINGS_SQL. */
  settings(): Promise<string>;
  /** `select` by a named prepared statement, of columns that no change touches: amount is 0. */
  named?(token: string): Promise<Item | null>;
  /** The same of `*`: changes of the table change its answer. */
  namedStar?(token: string): Promise<Item | null>;
  close(): Promise<void>;
}

/** What each file in workloads/ exports. */
export interface WorkloadModule {
  /** `connections` is the size of the library's own pool, and the only thing that is not its default. */
  open(target: Target, connections: number): Promise<Workload>;
  /** Where statements take long even when all is well. */
  readonly maxStepMs?: number;
}

export function urlOf(target: Target): string {
  const { host, port, user, password, database } = target;
  return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}

/** Numbers differ between libraries: an amount is an int or a bigint, by what the last change made of it. */
export function toItem(row: { token: string; note: string; amount?: unknown } | null | undefined): Item | null {
  return row ? { token: row.token, note: row.note, amount: Number(row.amount ?? 0) } : null;
}

export function must<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new Error('no row came back');
  return value;
}

/** Ends a transaction that is meant to be rolled back, in libraries that roll back what throws. */
export class Rollback extends Error {
  readonly seen: Item | null;

  constructor(seen: Item | null) {
    super('rolled back on purpose');
    this.seen = seen;
  }
}

/** What the transaction of `rollback` had seen. */
export async function seenBefore(rolledBack: Promise<unknown>): Promise<Item | null> {
  try {
    await rolledBack;
  } catch (error) {
    if (error instanceof Rollback) return error.seen;
    throw error;
  }
  throw new Error('a transaction that threw was not rolled back');
}

const SETTINGS = [
  'application_name',
  'client_encoding',
  'client_min_messages',
  'datestyle',
  'default_transaction_isolation',
  'extra_float_digits',
  'idle_in_transaction_session_timeout',
  'intervalstyle',
  'lock_timeout',
  'search_path',
  'standard_conforming_strings',
  'statement_timeout',
  'timezone',
];

export const SETTINGS_SEPARATOR = '; ';
const values = SETTINGS.map((name) => `'${name}=' || current_setting('${name}')`);

/** One row with one column `settings`: what libraries set for their sessions. */
export const SETTINGS_SQL = `SELECT concat_ws('${SETTINGS_SEPARATOR}', ${values.join(', ')}) AS settings`;
