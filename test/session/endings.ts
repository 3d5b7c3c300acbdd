// The columns of the session matrix: what stands around a change, as the messages that a client sends.
import * as build from '../support/wire-messages.ts';
import type { Change, Step } from './change.ts';

/** Written at once, and answered by so many ReadyForQuery messages. */
export interface Batch {
  readonly send: Buffer;
  readonly replies: number;
}

export interface Ending {
  readonly name: string;
  /** null: this change can't be written so. */
  readonly batches: (change: Change) => Batch[] | null;
  /** Many statements in one message. */
  readonly isString?: true;
  /** Each statement is a transaction of its own. */
  readonly isAlone?: true;
  /** What becomes of the client while its transaction is open. */
  readonly fate?: 'disconnect' | 'kill';
}

export const simple = (sql: string): Batch => ({ send: build.query(sql), replies: 1 });

export function batch(step: Step): Batch {
  if (typeof step === 'string') return simple(step);
  const send = 'send' in step ? step.send : build.extendedQuery(step.sql, [...step.values]);
  return { send, replies: 1 };
}

function inBlock(begin: string[], end: string[]): Ending['batches'] {
  return (change) =>
    change.inTransaction === false ? null : [...begin.map(simple), ...change.make.map(batch), ...end.map(simple)];
}

/** The texts of a change that consists of texts. */
function texts(change: Change): string[] | null {
  const all = change.make.filter((step) => typeof step === 'string');
  return all.length === change.make.length ? all : null;
}

function asString(around: (sql: string) => string): Ending['batches'] {
  return (change) => {
    const statements = texts(change);
    if (statements === null || change.inTransaction === false) return null;
    // A comment at the end of a statement must not swallow what follows.
    return [simple(around(statements.join('\n;')))];
  };
}

function extendedParts(change: Change): Buffer[][] | null {
  if (change.make.some((step) => typeof step !== 'string' && 'send' in step)) return null;
  return change.make.map((step) => {
    const { sql, values } =
      typeof step === 'string' ? { sql: step, values: [] } : (step as { sql: string; values: [] });
    return [build.parse({ sql }), build.bind({ values }), build.execute()];
  });
}

const alone: Ending = { name: 'on its own', batches: (change) => change.make.map(batch), isAlone: true };

/** Every pool plays these. */
export const ENDINGS: readonly Ending[] = [
  alone,
  { name: 'then commit', batches: inBlock(['BEGIN'], ['COMMIT']) },
  { name: 'then rollback', batches: inBlock(['BEGIN'], ['ROLLBACK']) },
  { name: 'then an error', batches: inBlock(['BEGIN'], ['SELECT 1/0', 'ROLLBACK']) },
  { name: 'then the client is gone', batches: inBlock(['BEGIN'], []), fate: 'disconnect' },
  { name: 'then its backend is killed', batches: inBlock(['BEGIN'], []), fate: 'kill' },
];

/** Other ways to write the same. */
export const FORMS: readonly Ending[] = [
  {
    name: 'on its own, extended',
    isAlone: true,
    batches: (change) =>
      extendedParts(change)?.map((parts) => ({ send: Buffer.concat([...parts, build.sync()]), replies: 1 })) ?? null,
  },
  {
    name: 'extended with one Sync',
    batches: (change) => {
      const parts = change.inTransaction === false ? null : extendedParts(change);
      return parts && [{ send: Buffer.concat([...parts.flat(), build.sync()]), replies: 1 }];
    },
  },
  { name: 'in a string with others', batches: asString((sql) => `SELECT 1; ${sql}\n; SELECT 2`), isString: true },
  { name: 'in a string that fails', batches: asString((sql) => `${sql}\n; SELECT 1/0`), isString: true },
  {
    name: 'with BEGIN and COMMIT in one string',
    batches: asString((sql) => `BEGIN; ${sql}\n; COMMIT`),
    isString: true,
  },
  {
    name: 'with BEGIN and COMMIT in one write',
    batches: (change) => {
      const all = inBlock(['BEGIN'], ['COMMIT'])(change);
      return all && [{ send: Buffer.concat(all.map(({ send }) => send)), replies: all.length }];
    },
  },
  {
    name: 'in a savepoint that is rolled back, then commit',
    batches: inBlock(['BEGIN', 'SAVEPOINT s'], ['ROLLBACK TO s', 'COMMIT']),
  },
  {
    name: 'in a savepoint that is released, then commit',
    batches: inBlock(['BEGIN', 'SAVEPOINT s'], ['RELEASE s', 'COMMIT']),
  },
];
