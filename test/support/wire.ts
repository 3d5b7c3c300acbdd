// A raw protocol client for tests: sends exactly the bytes it is told to and shows every message that comes back.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { type BackendMessage, decode } from './wire-backend.ts';
import * as build from './wire-messages.ts';
import { ScramClient } from './wire-scram.ts';

const DEFAULT_TIMEOUT_MS = 5000;

export interface LoginOptions {
  user: string;
  database?: string;
  password?: string;
  /** Default 3.0. */
  protocol?: number;
  /** More startup parameters. */
  params?: Record<string, string>;
}

/** What a login brought. */
export interface LoginResult {
  parameters: Record<string, string>;
  pid: number;
  key: Buffer;
  /** From NegotiateProtocolVersion, when there was one. */
  negotiated: BackendMessage | null;
  messages: BackendMessage[];
}

/** The connection ended, or an ErrorResponse came, where something else was waited for. */
export class WireError extends Error {
  readonly code: string;
  readonly fields: Record<string, string>;
  readonly messages: BackendMessage[];
  constructor(text: string, messages: BackendMessage[] = [], fields: Record<string, string> = {}) {
    super(text);
    this.code = fields.C ?? '';
    this.fields = fields;
    this.messages = messages;
  }
}

export class WireClient {
  socket: Socket | TLSSocket;
  /** The peer has closed its side, cleanly or not. */
  closed = false;
  /** Everything received, undecoded bytes included. */
  receivedBytes = 0;
  readonly #queue: BackendMessage[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #raw = false;
  #wake: (() => void) | null = null;

  /** Use connect(). */
  constructor(socket: Socket | TLSSocket) {
    this.socket = socket;
    this.#listen();
  }

  #listen(): void {
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.socket.on('error', () => this.#onClosed());
    this.socket.on('close', () => this.#onClosed());
    this.socket.on('end', () => this.#onClosed());
  }

  #onClosed(): void {
    this.closed = true;
    this.#wake?.();
  }

  #onData(chunk: Buffer): void {
    this.receivedBytes += chunk.length;
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (!this.#raw) this.#cut();
    this.#wake?.();
  }

  #cut(): void {
    let at = 0;
    while (this.#pending.length - at >= 5) {
      const length = this.#pending.readInt32BE(at + 1);
      if (length < 4) throw new Error(`the peer sent a message of length ${length}`);
      if (this.#pending.length - at < length + 1) break;
      const type = this.#pending.toString('latin1', at, at + 1);
      this.#queue.push(decode(type, this.#pending.subarray(at + 5, at + 1 + length)));
      at += length + 1;
    }
    this.#pending = this.#pending.subarray(at);
  }

  async #wait(ready: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const until = Date.now() + timeoutMs;
    while (!ready()) {
      if (this.closed) throw new WireError(`connection closed, waited for ${what}`);
      const left = until - Date.now();
      if (left <= 0) throw new WireError(`waited ${timeoutMs} ms in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = null;
    }
  }

  /** Writes these bytes in one call. */
  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts));
  }

  /** Writes in pieces of `size` bytes, each its own segment: the peer sees every boundary. */
  async sendInPieces(bytes: Buffer, size = 1): Promise<void> {
    this.socket.setNoDelay(true);
    for (let at = 0; at < bytes.length; at += size) {
      await new Promise((resolve) => this.socket.write(bytes.subarray(at, at + size), resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next message; rejects when the peer closes instead. */
  async next(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<BackendMessage> {
    await this.#wait(() => this.#queue.length > 0, 'a message', timeoutMs);
    return this.#queue.shift() as BackendMessage;
  }

  /** Messages up to and with the first of this type. An ErrorResponse is a message like the others. */
  async readUntil(type: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    try {
      for (;;) {
        const message = await this.next(timeoutMs);
        messages.push(message);
        if (message.type === type) return messages;
      }
    } catch (error) {
      const last = messages.findLast((message) => message.type === 'E');
      const got = messages.map((message) => message.type).join('');
      throw new WireError(`${(error as Error).message} of type ${type}, got "${got}"`, messages, last?.fields);
    }
  }

  /** The messages received and not read yet. */
  get unread(): readonly BackendMessage[] {
    return this.#queue;
  }

  /** What comes until the peer closes. */
  async readToEnd(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<BackendMessage[]> {
    await this.#wait(() => this.closed, 'the end of the connection', timeoutMs);
    return this.#queue.splice(0);
  }

  /** Simple query: the messages with ReadyForQuery. */
  async query(sql: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<BackendMessage[]> {
    this.send(build.query(sql));
    return this.readUntil('Z', timeoutMs);
  }

  /** Simple query: its rows as text. Rejects with WireError on an ErrorResponse (after ReadyForQuery). */
  async rows(sql: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<(string | null)[][]> {
    const messages = await this.query(sql, timeoutMs);
    const error = messages.find((message) => message.type === 'E');
    if (error) throw new WireError(`${error.fields?.C}: ${error.fields?.M}`, messages, error.fields);
    return messages.filter((message) => message.type === 'D').map(textValues);
  }

  /** The single-byte answer to SSLRequest or GSSENCRequest. */
  async requestEncryption(packet: Buffer, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    this.#raw = true;
    this.send(packet);
    await this.#wait(() => this.#pending.length > 0, 'the answer to an encryption request', timeoutMs);
    this.#raw = false;
    const answer = this.#pending.toString('latin1', 0, 1);
    this.#pending = this.#pending.subarray(1);
    this.#cut();
    return answer;
  }

  /** TLS from here on; the peer must have answered `S`. */
  async startTls(options: ConnectionOptions = {}): Promise<void> {
    const plain = this.socket;
    plain.removeAllListeners('data');
    this.socket = tlsConnect({ rejectUnauthorized: false, ...options, socket: plain });
    await once(this.socket, 'secureConnect');
    this.#listen();
  }

  /** StartupMessage, any password exchange, and everything up to ReadyForQuery. Rejects with WireError on an ErrorResponse. */
  async login(options: LoginOptions, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<LoginResult> {
    const { user, database, params, protocol } = options;
    this.send(build.startup({ user, ...(database === undefined ? {} : { database }), ...params }, protocol));
    const result: LoginResult = { parameters: {}, pid: 0, key: Buffer.alloc(0), negotiated: null, messages: [] };
    const scram = new ScramClient(options.password ?? '');
    for (;;) {
      const message = await this.next(timeoutMs);
      result.messages.push(message);
      if (message.type === 'E') {
        throw new WireError(`${message.fields?.C}: ${message.fields?.M}`, result.messages, message.fields);
      }
      if (message.type === 'R') this.#answer(message, options, scram);
      if (message.type === 'v') result.negotiated = message;
      if (message.type === 'S') result.parameters[message.name as string] = message.value as string;
      if (message.type === 'K') {
        result.pid = message.pid as number;
        result.key = message.key as Buffer;
      }
      if (message.type === 'Z') return result;
    }
  }

  #answer(message: BackendMessage, options: LoginOptions, scram: ScramClient): void {
    const data = message.body.subarray(4);
    const secret = options.password ?? '';
    if (message.authType === 3) this.send(build.password(secret));
    if (message.authType === 5) this.send(build.password(md5Response(options.user, secret, data)));
    if (message.authType === 10) this.send(build.saslInitialResponse('SCRAM-SHA-256', scram.first()));
    if (message.authType === 11) this.send(build.saslResponse(scram.final(data.toString())));
    if (message.authType === 12) scram.verify(data.toString());
  }

  /** Terminate and wait for the peer to close. */
  async end(): Promise<void> {
    if (!this.closed) this.send(build.terminate());
    await this.#wait(() => this.closed, 'the end of the connection', DEFAULT_TIMEOUT_MS);
    this.socket.destroy();
  }

  /** Cuts the connection without a word. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Cuts it with a TCP reset. */
  reset(): void {
    (this.socket as Socket).resetAndDestroy();
  }
}

/** The columns of a DataRow as text. */
export function textValues(message: BackendMessage): (string | null)[] {
  return (message.values ?? []).map((value) => (value === null ? null : value.toString()));
}

/** The types of messages as one string, for example `TDCZ`. */
export function types(messages: readonly BackendMessage[]): string {
  return messages.map((message) => message.type).join('');
}

/** `md5` + md5(md5(password + user) + salt) */
function md5Response(user: string, secret: string, salt: Buffer): string {
  const md5 = (...parts: (string | Buffer)[]) => {
    const hash = createHash('md5');
    for (const part of parts) hash.update(part);
    return hash.digest('hex');
  };
  return `md5${md5(md5(secret, user), salt)}`;
}

/** Opens a connection and says nothing yet; host may be a directory with a Unix socket, or @ and a name. */
export async function connect(port: number, host = '127.0.0.1'): Promise<WireClient> {
  const path = `${host.replace(/^@/, '\0')}/.s.PGSQL.${port}`;
  const socket = netConnect(/^[/@]/.test(host) ? { path } : { port, host, noDelay: true });
  await once(socket, 'connect');
  return new WireClient(socket);
}

/** Opens a connection and logs in; the client has `session`, what the login brought. */
export async function connectAndLogin(
  port: number,
  options: LoginOptions,
  host = '127.0.0.1',
): Promise<WireClient & { session: LoginResult }> {
  const client = await connect(port, host);
  try {
    return Object.assign(client, { session: await client.login(options) });
  } catch (error) {
    client.destroy();
    throw error;
  }
}

/** Sends a CancelRequest on a connection of its own and waits until the peer has closed it. */
export async function cancel(port: number, pid: number, key: Buffer, host = '127.0.0.1'): Promise<void> {
  const client = await connect(port, host);
  client.send(build.cancelRequest(pid, key));
  await client.readToEnd();
  client.destroy();
}
