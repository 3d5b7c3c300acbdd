// The console: what somebody types into psql when connected to the database pgsluice (or pgbouncer). PgBouncer: src/admin.c.

import type { ConsoleSession } from '../client/console-link.ts';
import type { ConsoleRole } from '../client/gatekeeper.ts';
import type { Control } from '../control.ts';
import type { EventRing } from '../observe/event-ring.ts';
import type { Sources } from '../observe/snapshot.ts';
import { errorResponse } from '../protocol/error-fields.ts';
import { Frontend, TxStatus } from '../protocol/message-types.ts';
import { commandComplete, readyForQuery } from '../protocol/writer.ts';
import { parseCommand, splitStatements } from './command.ts';
import { COMMANDS } from './commands.ts';
import { ConsoleError } from './console-error.ts';
import { SHOWS } from './show.ts';
import { PGBOUNCER_VERSION } from './show-version.ts';

export interface ConsoleOptions {
  readonly control: Control;
  readonly version: string;
  readonly events: EventRing;
  snapshot(): Sources;
}

const READY = readyForQuery(TxStatus.Idle);
const EMPTY_QUERY = Buffer.from([0x49, 0, 0, 0, 4]);

/** What a client of the console is told at login. Drivers look at most of these. */
const REPORT: ReadonlyMap<string, string> = new Map([
  ['client_encoding', 'UTF8'],
  ['DateStyle', 'ISO'],
  ['integer_datetimes', 'on'],
  ['is_superuser', 'on'],
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
    let isSkipping = false;
    return {
      report: REPORT,
      close: () => {},
      message: (type, body, reply) => {
        if (type === Frontend.Query) {
          const sql = body.toString('utf8', 0, Math.max(body.indexOf(0), 0));
          void this.#run(sql, role).then((parts) => reply(Buffer.concat([...parts, READY])));
        } else if (type === Frontend.Sync) {
          isSkipping = false;
          reply(READY);
        } else if (isSkipping || type === Frontend.Flush) {
          reply(Buffer.alloc(0));
        } else {
          isSkipping = true;
          reply(
            failure(
              new ConsoleError(
                '0A000',
                'extended query protocol not supported by admin console',
                'Use the simple query protocol.',
              ),
            ),
          );
        }
      },
    };
  }

  /** The replies of a query string, up to its first error. Never rejects. */
  async #run(sql: string, role: ConsoleRole): Promise<Buffer[]> {
    const statements = splitStatements(sql);
    if (statements.length === 0) return [EMPTY_QUERY];
    const parts: Buffer[] = [];
    try {
      for (const statement of statements) parts.push(...(await this.#execute(statement, role)));
    } catch (error) {
      parts.push(failure(error));
    }
    return parts;
  }

  async #execute(statement: string, role: ConsoleRole): Promise<Buffer[]> {
    const command = parseCommand(statement);
    const takesLimit = command?.verb === 'SHOW' && command.argument === 'events';
    if (command === null || (command.limit !== null && !takesLimit))
      throw new ConsoleError('42601', `invalid command '${statement.slice(0, 100)}', use SHOW HELP;`);
    const { control, version, events } = this.#options;
    if (command.verb === 'SHOW') {
      const show = SHOWS.get(command.argument ?? '');
      if (show === undefined) {
        throw new ConsoleError('42601', `invalid command '${statement.slice(0, 100)}', use SHOW HELP;`);
      }
      return show({ control, version, events, limit: command.limit, snapshot: this.#options.snapshot() });
    }
    const run = COMMANDS.get(command.verb);
    if (run === undefined)
      throw new ConsoleError('42601', `invalid command '${statement.slice(0, 100)}', use SHOW HELP;`);
    if (role !== 'admin') throw new ConsoleError('42501', 'admin access needed');
    await run(control, command.argument);
    return [commandComplete(command.verb)];
  }
}

function failure(error: unknown): Buffer {
  const message = error instanceof Error ? error.message : String(error);
  const known = error instanceof ConsoleError ? error : null;
  return errorResponse({
    severity: 'ERROR',
    sqlstate: known?.sqlstate ?? 'XX000',
    message,
    ...(known?.hint !== undefined && { hint: known.hint }),
  });
}
