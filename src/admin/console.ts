// The console: what somebody types into psql when connected to the database pgsluice (or pgbouncer). PgBouncer: src/admin.c.

import type { ConsoleSession } from '../client/console-link.ts';
import type { ConsoleRole } from '../client/gatekeeper.ts';
import type { DatabaseStats } from '../observe/database-stats.ts';
import type { Questions } from '../observe/team.ts';
import { errorResponse } from '../protocol/error-fields.ts';
import { Backend, Frontend, TxStatus } from '../protocol/message-types.ts';
import { commandComplete, dataRow, message, readyForQuery, rowDescription } from '../protocol/writer.ts';
import { Turns } from '../util/turns.ts';
import { splitStatements } from './command.ts';
import { ConsoleError } from './console-error.ts';
import { ExtendedQuery } from './extended-query.ts';
import { PGBOUNCER_VERSION } from './show-version.ts';
import { type House, toldShow, understand } from './statement.ts';

export interface ConsoleOptions extends House {
  readonly stats: DatabaseStats;
}

const READY = readyForQuery(TxStatus.Idle);
const EMPTY_QUERY = message(Backend.EmptyQueryResponse, Buffer.alloc(0));
const NOTHING = Buffer.alloc(0);
const NO_FUNCTIONS = new ConsoleError('0A000', 'function calls are not supported by admin console');

/** What a client of the console is told at login. Drivers look at most of these. */
const REPORT: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO'],
  ['integer_datetimes', 'on'],
  ['is_superuser', 'on'],
  ['pgbouncer.version', PGBOUNCER_VERSION],
  ['server_encoding', 'UTF8'],
  ['server_version', `${PGBOUNCER_VERSION}/pgsluice`],
  ['standard_conforming_strings', 'on'],
  ['TimeZone', 'GMT'],
]);

export class Console {
  readonly #options: ConsoleOptions;

  constructor(options: ConsoleOptions) {
    this.#options = options;
  }

  open(role: ConsoleRole): ConsoleSession {
    const { stats } = this.#options;
    stats.console.clientLoginCount += 1;
    const extended = new ExtendedQuery((sql) => understand(sql, role, this.#options));
    /** A batch has failed: what comes before its Sync is not looked at. */
    let isSkipping = false;
    const answer = async (type: number, body: Buffer): Promise<Buffer> => {
      if (type === Frontend.Query) {
        extended.endBatch();
        this.#count();
        return Buffer.concat([...(await this.#run(body, role)), READY]);
      }
      if (type === Frontend.Sync) {
        isSkipping = false;
        extended.endBatch();
        return READY;
      }
      if (isSkipping) return NOTHING;
      // No batch: Postgres answers it with ReadyForQuery by itself.
      if (type === Frontend.FunctionCall) return Buffer.concat([failure(NO_FUNCTIONS), READY]);
      try {
        if (type === Frontend.Execute) this.#count();
        return await extended.answer(type, body);
      } catch (error) {
        isSkipping = true;
        return failure(error);
      }
    };
    return {
      report: REPORT,
      close: () => {},
      message: (type, body, reply) => {
        void answer(type, body).then(reply, (error: unknown) => reply(Buffer.concat([failure(error), READY])));
      },
    };
  }

  /** What this worker says when another one is asked for a SHOW. */
  told(question: Questions['show']['argument']): Questions['show']['answer'] {
    return toldShow(question, this.#options);
  }

  /** PgBouncer: each command is a transaction. */
  #count(): void {
    const { console } = this.#options.stats;
    console.queryCount += 1;
    console.xactCount += 1;
  }

  /** The replies of a query string, up to its first error. */
  async #run(body: Buffer, role: ConsoleRole): Promise<Buffer[]> {
    const sql = body.toString('utf8', 0, Math.max(body.indexOf(0), 0));
    const statements = splitStatements(sql);
    if (statements.length === 0) return [EMPTY_QUERY];
    const parts: Buffer[] = [];
    try {
      // One that is alone is told back as it came.
      for (const text of statements.length === 1 ? [sql] : statements) {
        const { columns, run } = understand(text, role, this.#options);
        const { notices, rows, tag } = await run();
        parts.push(...notices);
        if (columns !== null) parts.push(rowDescription(columns));
        const turns = new Turns();
        for (const row of rows) {
          parts.push(dataRow(row));
          if (turns.isOver) await turns.giveWay();
        }
        parts.push(commandComplete(tag));
      }
    } catch (error) {
      parts.push(failure(error));
    }
    return parts;
  }
}

function failure(error: unknown): Buffer {
  const known = error instanceof ConsoleError ? error : null;
  return errorResponse({
    severity: 'ERROR',
    sqlstate: known?.sqlstate ?? 'XX000',
    message: error instanceof Error ? error.message : String(error),
    ...known?.more,
  });
}
