// Builds the messages that pgsluice itself sends, to clients and to Postgres. Allocates; never used to relay.

import { Backend, Frontend, type TxStatus } from './message-types.ts';

/** A message from its type byte and body. */
export function message(type: number, body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(5 + body.length);
  out[0] = type;
  out.writeInt32BE(4 + body.length, 1);
  body.copy(out, 5);
  return out;
}

/** A text as the protocol's String: its bytes and a NUL. A NUL inside would end it early, so it becomes a space. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text.replaceAll('\0', ' ')}\0`, 'utf8');
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value, 0);
  return out;
}

/** Client side. ---------------------------------------------------------------------------------------------------- */

/** AuthenticationXXX: code as in "Message Formats" (0 Ok, 3 cleartext, 5 md5, 10 SASL, 11 continue, 12 final). */
export function authentication(code: number, data: Buffer): Buffer {
  return message(Backend.Authentication, Buffer.concat([int32(code), data]));
}

export function parameterStatus(name: string, value: string): Buffer {
  return message(Backend.ParameterStatus, Buffer.concat([cstring(name), cstring(value)]));
}

/** ParameterStatus for each. */
export function parameterStatuses(report: ReadonlyMap<string, string>): Buffer {
  return Buffer.concat([...report].map(([name, value]) => parameterStatus(name, value)));
}

/** key: 4 bytes in protocol 3.0, up to 256 from 3.2 on. */
export function backendKeyData(processId: number, key: Buffer): Buffer {
  return message(Backend.BackendKeyData, Buffer.concat([int32(processId), key]));
}

export function readyForQuery(status: TxStatus): Buffer {
  return message(Backend.ReadyForQuery, Buffer.from([status]));
}

export function commandComplete(tag: string): Buffer {
  return message(Backend.CommandComplete, cstring(tag));
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** Postgres: pg_type.dat. */
export const ColumnType = { Bytea: 17, Int8: 20, Int4: 23, Text: 25, Numeric: 1700 } as const;
export type ColumnType = (typeof ColumnType)[keyof typeof ColumnType];

const TYPE_LENGTH: Readonly<Record<ColumnType, number>> = { 17: -1, 20: 8, 23: 4, 25: -1, 1700: -1 };

export function int16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeInt16BE(value, 0);
  return out;
}

/** formats: as in a Bind: none is text, one is for all columns, else one each. */
export function rowDescription(columns: readonly Column[], formats: readonly number[] = []): Buffer {
  const fields = columns.map(({ name, type }, index) => {
    const format = (formats.length > 1 ? formats[index] : formats[0]) ?? 0;
    const typed = [int32(type), int16(TYPE_LENGTH[type]), int32(-1), int16(format)];
    return Buffer.concat([cstring(name), int32(0), int16(0), ...typed]);
  });
  return message(Backend.RowDescription, Buffer.concat([int16(columns.length), ...fields]));
}

/** A Buffer is a value in the binary format. */
export function dataRow(values: readonly (string | Buffer | null)[]): Buffer {
  const fields = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
    return [int32(bytes.length), bytes];
  });
  return message(Backend.DataRow, Buffer.concat([int16(values.length), ...fields]));
}

/**
 * The answer to a client whose minor version or options are not known. version: the one in force from here on. Postgres:
 * SendNegotiateProtocolVersion writes the whole version, whatever the documentation said before 18.
 */
export function negotiateProtocolVersion(version: number, unknownOptions: readonly string[]): Buffer {
  return message(
    Backend.NegotiateProtocolVersion,
    Buffer.concat([int32(version), int32(unknownOptions.length), ...unknownOptions.map(cstring)]),
  );
}

/** Server side. ---------------------------------------------------------------------------------------------------- */

export function query(sql: string): Buffer {
  return message(Frontend.Query, cstring(sql));
}

/** Without parameter types. */
export function parse(statement: string, sql: string): Buffer {
  return message(Frontend.Parse, Buffer.concat([cstring(statement), cstring(sql), int16(0)]));
}

/** Parse up to its text: the name with its NUL, and how long the rest of the body is. */
export function parseHead(name: Buffer, restLength: number): Buffer {
  const out = Buffer.allocUnsafe(5 + name.length);
  out[0] = Frontend.Parse;
  out.writeInt32BE(4 + name.length + restLength, 1);
  name.copy(out, 5);
  return out;
}

/** Close of a prepared statement: the name with its NUL. */
export function closeStatement(name: Buffer): Buffer {
  return message(Frontend.Close, Buffer.concat([Buffer.from('S'), name]));
}

/** Describe of a prepared statement: the name with its NUL. */
export function describeStatement(name: Buffer): Buffer {
  return message(Frontend.Describe, Buffer.concat([Buffer.from('S'), name]));
}

export function flush(): Buffer {
  return message(Frontend.Flush, Buffer.alloc(0));
}

/** A statement's name, from buffer[nameStart] up to the NUL at nameEnd, in another name with its NUL: the message up to there. */
export function renamed(reader: MessageHead, nameStart: number, nameEnd: number, name: Buffer): Buffer {
  const before = nameStart - reader.start;
  const out = Buffer.allocUnsafe(before + name.length);
  reader.buffer.copy(out, 0, reader.start, nameStart);
  name.copy(out, before);
  out.writeInt32BE(reader.messageLength - 1 + name.length - (nameEnd + 1 - nameStart), 1);
  return out;
}

/** A message whose head lies at buffer[start]. */
interface MessageHead {
  readonly buffer: Buffer;
  readonly start: number;
  readonly messageLength: number;
}

export function password(body: Buffer): Buffer {
  return message(Frontend.Password, body);
}

export function sync(): Buffer {
  return message(Frontend.Sync, Buffer.alloc(0));
}

export function terminate(): Buffer {
  return message(Frontend.Terminate, Buffer.alloc(0));
}

/** The startup packet, which has no type byte. version as in `PROTOCOL_3_0`. */
export function startupMessage(version: number, parameters: Iterable<readonly [string, string]>): Buffer {
  const parts = [int32(version)];
  for (const [name, value] of parameters) parts.push(cstring(name), cstring(value));
  parts.push(Buffer.from([0]));
  const body = Buffer.concat(parts);
  return Buffer.concat([int32(4 + body.length), body]);
}

/** CancelRequest. Postgres: CANCEL_REQUEST_CODE in src/include/libpq/pqcomm.h. */
export function cancelRequest(processId: number, key: Buffer): Buffer {
  return Buffer.concat([int32(12 + key.length), int32(80877102), int32(processId), key]);
}
