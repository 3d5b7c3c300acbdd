// The extended protocol on the console: many drivers know no other. Differs from PgBouncer, which refuses it. One of these for each client.

import { Backend, Frontend, typeName } from '../protocol/message-types.ts';
import { commandComplete, dataRow, int16, int32, message, rowDescription } from '../protocol/writer.ts';
import { Turns } from '../util/turns.ts';
import type { Answer } from './answer.ts';
import { toBinary } from './binary.ts';
import { splitStatements } from './command.ts';
import { ConsoleError } from './console-error.ts';
import type { Statement } from './statement.ts';

/** A client has no reason to name more, and portals live until Sync. */
const MAX_STATEMENTS = 500;
const MAX_PORTALS = 500;

const EMPTY = Buffer.alloc(0);
const PARSE_COMPLETE = message(Backend.ParseComplete, EMPTY);
const BIND_COMPLETE = message(Backend.BindComplete, EMPTY);
const CLOSE_COMPLETE = message(Backend.CloseComplete, EMPTY);
const NO_DATA = message(Backend.NoData, EMPTY);
const EMPTY_QUERY = message(Backend.EmptyQueryResponse, EMPTY);
const PORTAL_SUSPENDED = message(Backend.PortalSuspended, EMPTY);

/** null: an empty query. */
interface Prepared {
  readonly statement: Statement | null;
  /** The types that the client gave to parameters, which no command has. */
  readonly types: readonly number[];
}

interface Portal {
  readonly statement: Statement | null;
  /** None: text; one: for all columns; else one each. */
  readonly formats: readonly number[];
  /** Null until it is executed. */
  answer: Answer | null;
  /** Rows that were sent. */
  sent: number;
}

export class ExtendedQuery {
  readonly #understand: (sql: string) => Statement;
  readonly #statements = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();

  /** understand: throws a ConsoleError. */
  constructor(understand: (sql: string) => Statement) {
    this.#understand = understand;
  }

  /** Postgres: portals end with the transaction. */
  endBatch(): void {
    this.#portals.clear();
  }

  /** The replies to a message other than Query and Sync. Rejects with a ConsoleError. */
  async answer(type: number, body: Buffer): Promise<Buffer> {
    const reader = new BodyReader(body);
    switch (type) {
      case Frontend.Parse:
        return this.#parse(reader);
      case Frontend.Bind:
        return this.#bind(reader);
      case Frontend.Describe:
        return this.#describe(reader);
      case Frontend.Execute:
        return this.#execute(reader);
      case Frontend.Close:
        return this.#close(reader);
      case Frontend.Flush:
      // Postgres: what belongs to a COPY is dropped when there is none.
      case Frontend.CopyData:
      case Frontend.CopyDone:
      case Frontend.CopyFail:
        return EMPTY;
      default:
        throw new ConsoleError('08P01', `unsupported packet type for admin console: ${typeName(type)}`);
    }
  }

  #parse(reader: BodyReader): Buffer {
    const name = reader.text();
    const sql = reader.text();
    const types = Array.from({ length: reader.count() }, () => reader.int32());
    const texts = splitStatements(sql);
    if (texts.length > 1) throw new ConsoleError('42601', 'cannot insert multiple commands into a prepared statement');
    if (name !== '' && this.#statements.has(name))
      throw new ConsoleError('42P05', `prepared statement "${name}" already exists`);
    if (this.#statements.size >= MAX_STATEMENTS)
      throw new ConsoleError('53400', `the console keeps at most ${MAX_STATEMENTS} prepared statements of a client`);
    this.#statements.set(name, { statement: texts.length === 0 ? null : this.#understand(sql), types });
    return PARSE_COMPLETE;
  }

  #bind(reader: BodyReader): Buffer {
    const portal = reader.text();
    const { statement, types } = this.#statement(reader.text());
    for (let count = reader.count(); count > 0; count -= 1) reader.int16();
    const values = reader.count();
    if (values !== types.length)
      throw new ConsoleError('08P01', `bind message supplies ${values} parameters, but the command takes none`);
    for (let index = 0; index < values; index += 1) reader.skipValue();
    const formats = Array.from({ length: reader.count() }, () => reader.int16());
    const columns = statement?.columns?.length ?? 0;
    if (formats.length > 1 && formats.length !== columns)
      throw new ConsoleError(
        '08P01',
        `bind message has ${formats.length} result formats but query has ${columns} columns`,
      );
    if (this.#portals.size >= MAX_PORTALS)
      throw new ConsoleError('53400', `the console keeps at most ${MAX_PORTALS} portals of a client`);
    this.#portals.set(portal, { statement, formats, answer: null, sent: 0 });
    return BIND_COMPLETE;
  }

  #describe(reader: BodyReader): Buffer {
    const isStatement = reader.byte() === STATEMENT;
    const name = reader.text();
    if (!isStatement) {
      const { statement, formats } = this.#portal(name);
      return statement?.columns ? rowDescription(statement.columns, formats) : NO_DATA;
    }
    const { statement, types } = this.#statement(name);
    const parameters = message(
      Backend.ParameterDescription,
      Buffer.concat([int16(types.length), ...types.map((type) => int32(type))]),
    );
    return Buffer.concat([parameters, statement?.columns ? rowDescription(statement.columns) : NO_DATA]);
  }

  async #execute(reader: BodyReader): Promise<Buffer> {
    const portal = this.#portal(reader.text());
    const limit = reader.int32();
    const { statement, formats } = portal;
    if (statement === null) return EMPTY_QUERY;
    const parts: Buffer[] = [];
    if (portal.answer === null) {
      portal.answer = await statement.run();
      parts.push(...portal.answer.notices);
    }
    const { rows, tag } = portal.answer;
    const columns = statement.columns ?? [];
    const before = portal.sent;
    const until = limit > 0 ? Math.min(portal.sent + limit, rows.length) : rows.length;
    const turns = new Turns();
    for (; portal.sent < until; portal.sent += 1) {
      if (turns.isOver) await turns.giveWay();
      const row = rows[portal.sent]!;
      parts.push(
        dataRow(
          row.map((value, index) => {
            const isText = (formats.length > 1 ? formats[index] : (formats[0] ?? 0)) === 0;
            return value === null || isText ? value : toBinary(columns[index]!, value);
          }),
        ),
      );
    }
    // Postgres: whoever asked for as many rows as there are is not told yet that there are no more.
    const isSuspended = limit > 0 && until - before === limit;
    parts.push(isSuspended ? PORTAL_SUSPENDED : commandComplete(tag));
    return Buffer.concat(parts);
  }

  #close(reader: BodyReader): Buffer {
    const isStatement = reader.byte() === STATEMENT;
    (isStatement ? this.#statements : this.#portals).delete(reader.text());
    return CLOSE_COMPLETE;
  }

  #statement(name: string): Prepared {
    const found = this.#statements.get(name);
    if (found === undefined) throw new ConsoleError('26000', `prepared statement "${name}" does not exist`);
    return found;
  }

  #portal(name: string): Portal {
    const found = this.#portals.get(name);
    if (found === undefined) throw new ConsoleError('34000', `portal "${name}" does not exist`);
    return found;
  }
}

/** Describe and Close: a statement, and no portal. */
const STATEMENT = 0x53;

/** A message body. What it does not have is a violation, which is told. */
class BodyReader {
  readonly #body: Buffer;
  #at = 0;

  constructor(body: Buffer) {
    this.#body = body;
  }

  text(): string {
    const end = this.#body.indexOf(0, this.#at);
    if (end < 0) throw tooShort();
    const text = this.#body.toString('utf8', this.#at, end);
    this.#at = end + 1;
    return text;
  }

  byte(): number {
    return this.#body[this.#move(1)]!;
  }

  int16(): number {
    return this.#body.readInt16BE(this.#move(2));
  }

  /** Postgres: counts are unsigned. */
  count(): number {
    const count = this.#body.readUInt16BE(this.#move(2));
    if (count * 2 > this.#body.length) throw tooShort();
    return count;
  }

  int32(): number {
    return this.#body.readInt32BE(this.#move(4));
  }

  skipValue(): void {
    const length = this.int32();
    if (length > 0) this.#move(length);
  }

  #move(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#body.length) throw tooShort();
    this.#at = at + bytes;
    return at;
  }
}

function tooShort(): ConsoleError {
  return new ConsoleError('08P01', 'insufficient data left in message');
}
