// Builds frontend messages byte by byte, independently of src: a test must not share a mistake with what it tests.

export type BindValue = string | Buffer | null;

export const PROTOCOL_3_0 = 0x0003_0000;
export const PROTOCOL_3_2 = 0x0003_0002;

export function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value & 0xffff);
  return buffer;
}

/** Any 32 bits: negative numbers and those above 2^31 are written as they are. */
export function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32BE(value >>> 0);
  return buffer;
}

/** A NUL-terminated string. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** A typed message with the right length. */
export function message(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(body.length + 4), body]);
}

/** A typed message whose length field lies. */
export function messageWithLength(type: string, length: number, body: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length), body]);
}

/** A message without a type byte, as at the start of a connection. */
export function startupPacket(code: number, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat([int32(code), ...parts]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** StartupMessage; parameters in the given order, `user` and `database` among them. */
export function startup(parameters: Record<string, string>, protocol: number = PROTOCOL_3_0): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [cstring(name), cstring(value)]);
  return startupPacket(protocol, ...pairs, Buffer.from([0]));
}

export function sslRequest(): Buffer {
  return startupPacket(80877103);
}

export function gssEncRequest(): Buffer {
  return startupPacket(80877104);
}

/** The key is 4 bytes in protocol 3.0 and up to 256 in 3.2. */
export function cancelRequest(pid: number, key: Buffer): Buffer {
  return startupPacket(80877102, int32(pid), key);
}

/** PasswordMessage, cleartext or md5. */
export function password(text: string): Buffer {
  return message('p', cstring(text));
}

export function saslInitialResponse(mechanism: string, response: string): Buffer {
  const data = Buffer.from(response);
  return message('p', cstring(mechanism), int32(data.length), data);
}

export function saslResponse(response: string): Buffer {
  return message('p', Buffer.from(response));
}

export function query(sql: string): Buffer {
  return message('Q', cstring(sql));
}

export function parse(options: { name?: string; sql: string; types?: number[] }): Buffer {
  const types = options.types ?? [];
  return message('P', cstring(options.name ?? ''), cstring(options.sql), int16(types.length), ...types.map(int32));
}

export interface BindOptions {
  portal?: string;
  statement?: string;
  values?: BindValue[];
  /** Format codes: none, one for all, or one each. Default none: all text. */
  formats?: number[];
  resultFormats?: number[];
}

export function bind(options: BindOptions = {}): Buffer {
  const { portal = '', statement = '', values = [], formats = [], resultFormats = [] } = options;
  const data = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value as string);
    return [int32(bytes.length), bytes];
  });
  const head = [cstring(portal), cstring(statement), int16(formats.length), ...formats.map(int16)];
  // One buffer, not one argument each: there may be 65,535 values.
  const fields = Buffer.concat(data);
  return message('B', ...head, int16(values.length), fields, int16(resultFormats.length), ...resultFormats.map(int16));
}

/** `S` for a statement, `P` for a portal. */
export function describe(what: 'S' | 'P', name = ''): Buffer {
  return message('D', Buffer.from(what), cstring(name));
}

export function execute(portal = '', maxRows = 0): Buffer {
  return message('E', cstring(portal), int32(maxRows));
}

export function close(what: 'S' | 'P', name = ''): Buffer {
  return message('C', Buffer.from(what), cstring(name));
}

export function sync(): Buffer {
  return message('S');
}

export function flush(): Buffer {
  return message('H');
}

export function copyData(data: Buffer | string): Buffer {
  return message('d', Buffer.from(data as string));
}

export function copyDone(): Buffer {
  return message('c');
}

export function copyFail(reason: string): Buffer {
  return message('f', cstring(reason));
}

/** FunctionCall with text arguments and a text result. */
export function functionCall(oid: number, values: BindValue[], formats: number[] = [], resultFormat = 0): Buffer {
  const data = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value as string);
    return [int32(bytes.length), bytes];
  });
  const head = [int32(oid), int16(formats.length), ...formats.map(int16), int16(values.length)];
  return message('F', ...head, ...data, int16(resultFormat));
}

export function terminate(): Buffer {
  return message('X');
}

/** Parse, Bind, Describe, Execute, Sync in one buffer: what a driver sends for one parameterized statement. */
export function extendedQuery(sql: string, values: BindValue[] = [], name = ''): Buffer {
  const parts = [parse({ name, sql }), bind({ statement: name, values }), describe('P'), execute(), sync()];
  return Buffer.concat(parts);
}
