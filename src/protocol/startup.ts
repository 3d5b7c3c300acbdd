// The first packet of a connection, which has no type byte: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.

/** Postgres: MAX_STARTUP_PACKET_LENGTH in src/include/libpq/pqcomm.h. */
export const MAX_STARTUP_LENGTH = 10_000;
export const PROTOCOL_3_0 = 0x00030000;
export const PROTOCOL_3_2 = 0x00030002;
/** Newest minor version of protocol 3 that we speak. */
export const NEWEST_MINOR = 2;
/** Postgres: MAX_CANCEL_KEY_LENGTH is 256 in the protocol's definition of BackendKeyData. */
export const MAX_CANCEL_KEY_LENGTH = 256;

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;

export type StartupPacket =
  | { readonly kind: 'ssl' }
  | { readonly kind: 'gssenc' }
  | { readonly kind: 'cancel'; readonly processId: number; readonly key: Buffer }
  | {
      readonly kind: 'startup';
      /** Minor version of protocol 3 as the client asked for it. */
      readonly minor: number;
      readonly parameters: ReadonlyMap<string, string>;
      /** Names of `_pq_.` protocol options: we know none, so all of them are negotiated away. */
      readonly options: readonly string[];
    }
  | { readonly kind: 'invalid'; readonly problem: string; readonly sqlstate: string };

/** Gathers the packet's bytes; bounded by MAX_STARTUP_LENGTH before anything is believed. */
export class StartupReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** The packet once it is whole, else null. What followed it waits in rest(). */
  push(chunk: Buffer): StartupPacket | null {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    if (this.#bytes.length < 4) return this.#wait(chunk);
    const length = this.#bytes.readInt32BE(0);
    if (length < 8 || length > MAX_STARTUP_LENGTH) return invalid('invalid length of startup packet');
    if (this.#bytes.length < length) return this.#wait(chunk);
    const packet = this.#bytes.subarray(4, length);
    this.#bytes = this.#bytes.subarray(length);
    return parseStartup(packet);
  }

  /** For the rest; the chunk is the caller's. */
  #wait(chunk: Buffer): null {
    if (this.#bytes === chunk) this.#bytes = Buffer.from(chunk);
    return null;
  }

  /** Bytes received behind the packet; taken once. */
  rest(): Buffer {
    const rest = this.#bytes;
    this.#bytes = Buffer.alloc(0);
    return rest;
  }

  get bufferedBytes(): number {
    return this.#bytes.length;
  }
}

function invalid(problem: string, sqlstate = '08P01'): StartupPacket {
  return { kind: 'invalid', problem, sqlstate };
}

function parseStartup(packet: Buffer): StartupPacket {
  const code = packet.readUInt32BE(0);
  if (code === SSL_REQUEST) return packet.length === 4 ? { kind: 'ssl' } : invalid('invalid length of SSL request');
  if (code === GSSENC_REQUEST) {
    return packet.length === 4 ? { kind: 'gssenc' } : invalid('invalid length of GSSAPI encryption request');
  }
  if (code === CANCEL_REQUEST) {
    const keyLength = packet.length - 8;
    if (keyLength < 4 || keyLength > MAX_CANCEL_KEY_LENGTH) return invalid('invalid length of cancel request');
    return { kind: 'cancel', processId: packet.readInt32BE(4), key: Buffer.from(packet.subarray(8)) };
  }
  const major = code >>> 16;
  if (major !== 3) {
    return invalid(`unsupported frontend protocol ${major}.${code & 0xffff}: server supports 3.0 to 3.2`, '0A000');
  }
  return parseParameters(packet, code & 0xffff);
}

/** Postgres: ProcessStartupPacket. Names and values are NUL-ended, the list ends with an empty name at the very end. */
function parseParameters(packet: Buffer, minor: number): StartupPacket {
  const parameters = new Map<string, string>();
  const options: string[] = [];
  let at = 4;
  while (at < packet.length && packet[at] !== 0) {
    const nameEnd = packet.indexOf(0, at);
    if (nameEnd < 0) return invalid('invalid startup packet layout: expected terminator as last byte');
    const valueEnd = packet.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return invalid('invalid startup packet layout: expected terminator as last byte');
    const name = packet.toString('utf8', at, nameEnd);
    if (name.startsWith('_pq_.')) options.push(name);
    else parameters.set(name, packet.toString('utf8', nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
  if (at !== packet.length - 1) return invalid('invalid startup packet layout: expected terminator as last byte');
  return { kind: 'startup', minor, parameters, options };
}

export type ParsedOptions =
  | { readonly ok: true; readonly parameters: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly problem: string };

/**
 * The `options` startup parameter: command-line switches for the backend, of which `-c name=value`, `-cname=value` and
 * `--name=value` set parameters. Backslash escapes the next byte. Postgres: pg_split_opts, process_postgres_switches.
 */
export function parseOptions(text: string): ParsedOptions {
  const words = splitOptions(text);
  const parameters = new Map<string, string>();
  for (let i = 0; i < words.length; i += 1) {
    const word = words[i]!;
    let setting: string | undefined;
    if (word === '-c') {
      i += 1;
      setting = words[i];
    } else if (word.startsWith('--')) setting = word.slice(2);
    else if (word.startsWith('-c')) setting = word.slice(2);
    const equals = setting?.indexOf('=') ?? -1;
    if (setting === undefined || equals <= 0) {
      return { ok: false, problem: `unsupported startup parameter in options: ${word}` };
    }
    // Postgres: ParseLongOption turns '-' into '_' in names.
    parameters.set(setting.slice(0, equals).replaceAll('-', '_'), setting.slice(equals + 1));
  }
  return { ok: true, parameters };
}

/** What isspace() says in the C locale; JavaScript's \s takes in more, which belongs to a value. */
const SPACE = ' \t\n\v\f\r';

function splitOptions(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let inWord = false;
  for (let i = 0; i < text.length; i += 1) {
    const char = text[i]!;
    if (SPACE.includes(char)) {
      if (inWord) words.push(word);
      word = '';
      inWord = false;
      continue;
    }
    inWord = true;
    if (char === '\\') {
      i += 1;
      word += text[i] ?? '';
    } else word += char;
  }
  if (inWord) words.push(word);
  return words;
}
