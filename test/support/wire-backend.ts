// Backend messages for tests: builders for a scripted Postgres, and a decoder that names the fields of what a server sent.
import { cstring, int16, int32, message } from './wire-messages.ts';

/** One message as it came; the named fields are those that its type has. */
export interface BackendMessage {
  type: string;
  body: Buffer;
  /** `Z` */
  txStatus?: string;
  /** `C` */
  tag?: string;
  /** `E` and `N`: the fields by their letters. */
  fields?: Record<string, string>;
  /** `S` */
  name?: string;
  value?: string;
  /** `K` */
  pid?: number;
  key?: Buffer;
  /** `D`: null for NULL. */
  values?: (Buffer | null)[];
  /** `T` */
  columns?: { name: string; typeOid: number; format: number }[];
  /** `A` */
  channel?: string;
  payload?: string;
  /** `R` */
  authType?: number;
  /** `v`. Postgres: the whole version (0x30002), though the documentation speaks of the minor one. */
  version?: number;
  unknownOptions?: string[];
  /** `t` */
  typeOids?: number[];
}

class Reader {
  at = 0;
  readonly body: Buffer;
  constructor(body: Buffer) {
    this.body = body;
  }
  int32(): number {
    this.at += 4;
    return this.body.readInt32BE(this.at - 4);
  }
  uint32(): number {
    return this.int32() >>> 0;
  }
  int16(): number {
    this.at += 2;
    return this.body.readInt16BE(this.at - 2);
  }
  text(): string {
    const end = this.body.indexOf(0, this.at);
    if (end < 0) throw new Error('a string without its NUL');
    const text = this.body.toString('utf8', this.at, end);
    this.at = end + 1;
    return text;
  }
  bytes(length: number): Buffer {
    this.at += length;
    return this.body.subarray(this.at - length, this.at);
  }
}

/** Names the fields of one message. Throws when the body does not fit its type: then what was sent is wrong. */
export function decode(type: string, body: Buffer): BackendMessage {
  const reader = new Reader(body);
  switch (type) {
    case 'Z':
      return { type, body, txStatus: body.toString('latin1', 0, 1) };
    case 'C':
      return { type, body, tag: reader.text() };
    case 'E':
    case 'N':
      return { type, body, fields: errorFields(reader) };
    case 'S':
      return { type, body, name: reader.text(), value: reader.text() };
    case 'K':
      return { type, body, pid: reader.int32(), key: reader.bytes(body.length - 4) };
    case 'D':
      return { type, body, values: list(reader.int16(), () => field(reader)) };
    case 'T':
      return { type, body, columns: list(reader.int16(), () => column(reader)) };
    case 'A':
      return { type, body, pid: reader.int32(), channel: reader.text(), payload: reader.text() };
    case 'R':
      return { type, body, authType: reader.int32() };
    case 'v': {
      const version = reader.int32();
      return { type, body, version, unknownOptions: list(reader.int32(), () => reader.text()) };
    }
    case 't':
      return { type, body, typeOids: list(reader.int16(), () => reader.uint32()) };
    default:
      return { type, body };
  }
}

function list<T>(count: number, one: () => T): T[] {
  return Array.from({ length: count }, one);
}

function field(reader: Reader): Buffer | null {
  const length = reader.int32();
  return length < 0 ? null : reader.bytes(length);
}

function column(reader: Reader): { name: string; typeOid: number; format: number } {
  const name = reader.text();
  reader.bytes(6);
  const typeOid = reader.uint32();
  reader.bytes(6);
  return { name, typeOid, format: reader.int16() };
}

function errorFields(reader: Reader): Record<string, string> {
  const fields: Record<string, string> = {};
  for (;;) {
    const letter = reader.bytes(1).toString('latin1');
    if (letter === '\0') return fields;
    fields[letter] = reader.text();
  }
}

/** Builders for what a server sends. */
export const backend = {
  authenticationOk: () => message('R', int32(0)),
  authenticationCleartext: () => message('R', int32(3)),
  authenticationMd5: (salt: Buffer) => message('R', int32(5), salt),
  authenticationSasl: (...mechanisms: string[]) =>
    message('R', int32(10), ...mechanisms.map(cstring), Buffer.from([0])),
  authenticationSaslContinue: (data: string) => message('R', int32(11), Buffer.from(data)),
  authenticationSaslFinal: (data: string) => message('R', int32(12), Buffer.from(data)),
  negotiateProtocolVersion: (version: number, options: string[] = []) =>
    message('v', int32(version), int32(options.length), ...options.map(cstring)),
  parameterStatus: (name: string, value: string) => message('S', cstring(name), cstring(value)),
  backendKeyData: (pid: number, key: Buffer) => message('K', int32(pid), key),
  readyForQuery: (txStatus: 'I' | 'T' | 'E' = 'I') => message('Z', Buffer.from(txStatus)),
  commandComplete: (tag: string) => message('C', cstring(tag)),
  parseComplete: () => message('1'),
  bindComplete: () => message('2'),
  closeComplete: () => message('3'),
  noData: () => message('n'),
  emptyQueryResponse: () => message('I'),
  portalSuspended: () => message('s'),
  parameterDescription: (oids: number[]) => message('t', int16(oids.length), ...oids.map(int32)),
  /** Text columns. */
  rowDescription: (names: string[]) =>
    message('T', int16(names.length), ...names.flatMap((name) => [cstring(name), TEXT_COLUMN])),
  dataRow: (values: (string | Buffer | null)[]) =>
    message(
      'D',
      int16(values.length),
      ...values.flatMap((value) => {
        if (value === null) return [int32(-1)];
        const bytes = Buffer.from(value as string);
        return [int32(bytes.length), bytes];
      }),
    ),
  /** `fields` by letter; severity (S and V) and code are filled in when they are missing. */
  error: (fields: Record<string, string>) => message('E', fieldList({ S: 'ERROR', V: 'ERROR', C: 'XX000', ...fields })),
  notice: (fields: Record<string, string>) =>
    message('N', fieldList({ S: 'NOTICE', V: 'NOTICE', C: '00000', ...fields })),
  notification: (pid: number, channel: string, payload: string) =>
    message('A', int32(pid), cstring(channel), cstring(payload)),
  copyInResponse: (columns = 1) => message('G', Buffer.from([0]), int16(columns), Buffer.alloc(columns * 2)),
  copyOutResponse: (columns = 1) => message('H', Buffer.from([0]), int16(columns), Buffer.alloc(columns * 2)),
  copyBothResponse: (columns = 1) => message('W', Buffer.from([0]), int16(columns), Buffer.alloc(columns * 2)),
  copyData: (data: Buffer | string) => message('d', Buffer.from(data as string)),
  copyDone: () => message('c'),
  functionCallResponse: (value: string) => message('V', int32(Buffer.byteLength(value)), Buffer.from(value)),
};

// table 0, column 0, type text (25), length -1, modifier -1, format text
const TEXT_COLUMN = Buffer.concat([int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]);

function fieldList(fields: Record<string, string>): Buffer {
  const parts = Object.entries(fields).flatMap(([letter, text]) => [Buffer.from(letter, 'latin1'), cstring(text)]);
  return Buffer.concat([...parts, Buffer.from([0])]);
}
