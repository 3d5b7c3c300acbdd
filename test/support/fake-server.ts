// A scripted Postgres: logs clients in without a password, then a test decides what every message is answered with.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { isQuestion, noAnswer } from './questions.ts';
import { waitUntil } from './wait-until.ts';
import { backend } from './wire-backend.ts';

export interface FrontendMessage {
  /** The type byte; '' for the packets of a connection's start. */
  type: string;
  body: Buffer;
  /** The strings of `Q` (the statement) and `P` (name, statement). */
  text?: string;
  statement?: string;
}

export interface Startup {
  protocol: number;
  parameters: Record<string, string>;
}

export interface FakeServerOptions {
  /** Called for each message after the login. Without one every message is kept and nothing answered. */
  onMessage?: (connection: FakeConnection, message: FrontendMessage) => void;
  /** What pgsluice asks about sessions and functions is a message like others. Default: answered as if there were nothing. */
  seesQuestions?: boolean;
  /** Replaces the login without a password. */
  onStartup?: (connection: FakeConnection, startup: Startup) => void;
  /** Gets the body of a CancelRequest: pid and key. */
  onCancel?: (pid: number, key: Buffer) => void;
  /** The answer to SSLRequest and GSSENCRequest, default `N`; null gives none. */
  encryptionAnswer?: string | null;
  /** Sent as ParameterStatus in the login. */
  parameters?: Record<string, string>;
  /** Default 4 bytes. */
  keyLength?: number;
}

const defaultParameters = {
  server_version: '18.0',
  server_encoding: 'UTF8',
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  TimeZone: 'UTC',
  integer_datetimes: 'on',
  standard_conforming_strings: 'on',
};

export class FakeConnection {
  readonly pid: number;
  readonly key: Buffer;
  /** Every message after the startup packet. */
  readonly messages: FrontendMessage[] = [];
  startup: Startup | null = null;
  /** How often something came: what was written at once comes at once. */
  reads = 0;
  closed = false;
  readonly #socket: Socket;
  readonly #server: FakeServer;
  #pending: Buffer = Buffer.alloc(0);

  constructor(server: FakeServer, socket: Socket, pid: number, keyLength: number) {
    this.#server = server;
    this.#socket = socket;
    this.pid = pid;
    this.key = Buffer.alloc(keyLength, pid & 0xff);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Sends these bytes in one write. */
  send(...parts: Buffer[]): void {
    this.#socket.write(Buffer.concat(parts));
  }

  /** The whole of a login without a password. */
  acceptLogin(): void {
    const parameters = { ...defaultParameters, ...this.#server.options.parameters };
    const statuses = Object.entries(parameters).map(([name, value]) => backend.parameterStatus(name, value));
    const keyData = backend.backendKeyData(this.pid, this.key);
    this.send(backend.authenticationOk(), ...statuses, keyData, backend.readyForQuery());
  }

  /** Answers a simple query with one text column. */
  reply(column: string, rows: (string | null)[], tag = `SELECT ${rows.length}`, txStatus: 'I' | 'T' | 'E' = 'I'): void {
    const data = rows.map((value) => backend.dataRow([value]));
    this.send(backend.rowDescription([column]), ...data, backend.commandComplete(tag), backend.readyForQuery(txStatus));
  }

  /** Closes after what was sent. */
  end(): void {
    this.#socket.end();
  }

  /** Cuts the connection. */
  cut(): void {
    this.#socket.destroy();
  }

  /** Cuts it with a TCP reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Stops reading, so that the peer's writes back up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  #onData(chunk: Buffer): void {
    this.reads += 1;
    this.#pending = Buffer.concat([this.#pending, chunk]);
    while (!this.#socket.destroyed && this.#takeOne());
  }

  #takeOne(): boolean {
    const head = this.startup === null ? 0 : 1;
    if (this.#pending.length < head + 4) return false;
    const length = this.#pending.readInt32BE(head);
    if (length < 4 || length > 2 ** 28) throw new Error(`fake server: the peer sent a message of length ${length}`);
    if (this.#pending.length < head + length) return false;
    const type = this.#pending.toString('latin1', 0, head);
    const body = this.#pending.subarray(head + 4, head + length);
    this.#pending = this.#pending.subarray(head + length);
    if (this.startup === null) this.#onStartPacket(body);
    else this.#onMessage(decodeFrontend(type, body));
    return true;
  }

  #onStartPacket(body: Buffer): void {
    const { options } = this.#server;
    const code = body.readInt32BE(0);
    if (code === 80877103 || code === 80877104) {
      const answer = options.encryptionAnswer === undefined ? 'N' : options.encryptionAnswer;
      if (answer !== null) this.send(Buffer.from(answer));
      return;
    }
    if (code === 80877102) {
      this.#server.cancels.push({ pid: body.readInt32BE(4), key: body.subarray(8) });
      options.onCancel?.(body.readInt32BE(4), body.subarray(8));
      this.end();
      return;
    }
    const words = body.toString('utf8', 4).split('\0');
    const parameters: Record<string, string> = {};
    for (let i = 0; words[i]; i += 2) parameters[words[i] as string] = words[i + 1] ?? '';
    this.startup = { protocol: code, parameters };
    this.#server.connections.push(this);
    if (options.onStartup) options.onStartup(this, this.startup);
    else this.acceptLogin();
  }

  #onMessage(message: FrontendMessage): void {
    if (message.type === 'Q' && isQuestion(message.text ?? '') && !this.#server.options.seesQuestions) {
      this.send(noAnswer);
      return;
    }
    this.messages.push(message);
    this.#server.options.onMessage?.(this, message);
  }
}

export class FakeServer {
  readonly host = '127.0.0.1';
  port = 0;
  readonly options: FakeServerOptions;
  /** Those that sent a StartupMessage, in order; closed ones stay. */
  readonly connections: FakeConnection[] = [];
  readonly cancels: { pid: number; key: Buffer }[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #nextPid = 1000;

  constructor(options: FakeServerOptions) {
    this.options = options;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      new FakeConnection(this, socket, this.#nextPid++, options.keyLength ?? 4);
    });
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, this.host);
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  /** Logged-in connections that are still open. */
  get open(): FakeConnection[] {
    return this.connections.filter((connection) => !connection.closed);
  }

  /** The connection with this index, as soon as it has arrived. */
  connection(index = 0): Promise<FakeConnection> {
    return waitUntil(() => this.connections[index], { what: `connection ${index} to the fake server` });
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Starts a scripted server, on a free port unless one is named. */
export async function startFakeServer(options: FakeServerOptions = {}, port = 0): Promise<FakeServer> {
  const server = new FakeServer(options);
  await server.listen(port);
  return server;
}

function decodeFrontend(type: string, body: Buffer): FrontendMessage {
  if (type !== 'Q' && type !== 'P') return { type, body };
  const [first = '', second = ''] = body.toString('utf8').split('\0');
  return type === 'Q' ? { type, body, text: first } : { type, body, statement: first, text: second };
}
