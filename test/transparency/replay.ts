// Recorded sessions played again without a network: the pooler between a client and a Postgres that are both made of recorded bytes, so
// that every way of cutting the streams can be tried.
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { type App, startApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config/load.ts';
import { expectInvariants } from '../support/invariants.ts';
import { memorySocketPair } from '../support/memory-socket.ts';
import { isQuestion, noAnswer } from '../support/questions.ts';
import { waitUntil } from '../support/wait-until.ts';
import type { WireClient } from '../support/wire.ts';
import { type BackendMessage, backend } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';
import { play } from './play.ts';
import type { Script } from './scripts.ts';

/** One step of a session: what the client wrote and what Postgres answered. */
export interface Exchange {
  readonly send: Buffer;
  readonly receive: Buffer;
}

/** Plays the script and keeps the bytes. */
export async function record(client: WireClient, script: Script): Promise<Exchange[]> {
  const replies = await play(client, script);
  return script.steps.map(({ send }, i) => ({ send, receive: Buffer.concat(replies[i]!.map(encode)) }));
}

function encode({ type, body }: BackendMessage): Buffer {
  return build.message(type, body);
}

/** How a stream is cut: the pieces of bytes [start, end) of the whole. */
export type Cut = (bytes: Buffer, start: number) => Buffer[];

export const whole: Cut = (bytes) => [bytes];
export const inBytes: Cut = (bytes) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));

/** Two pieces wherever the offset falls into these bytes. */
export function cutAt(offset: number): Cut {
  return (bytes, start) => {
    const at = offset - start;
    return at <= 0 || at >= bytes.length ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)];
  };
}

const PROBE = build.query('');

/** A Postgres that knows one session by heart: anything else that it is sent is a mistake. */
class RecordedServer {
  readonly #exchanges: readonly Exchange[];
  readonly #cut: Cut;
  readonly #socket: Socket;
  #isLoggedIn = false;
  #step = 0;
  #sent = 0;
  #received: Buffer = Buffer.alloc(0);
  problem: string | null = null;

  constructor(socket: Socket, exchanges: readonly Exchange[], cut: Cut) {
    this.#socket = socket;
    this.#exchanges = exchanges;
    this.#cut = cut;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {});
  }

  get isDone(): boolean {
    return this.#step === this.#exchanges.length;
  }

  #onData(chunk: Buffer): void {
    if (!this.#isLoggedIn) {
      this.#isLoggedIn = true;
      const parameters = { client_encoding: 'UTF8', server_version: '18.0' };
      const statuses = Object.entries(parameters).map(([name, value]) => backend.parameterStatus(name, value));
      const key = backend.backendKeyData(1, Buffer.alloc(4));
      this.#socket.write(Buffer.concat([backend.authenticationOk(), ...statuses, key, backend.readyForQuery()]));
      return;
    }
    if (chunk.equals(build.terminate())) return;
    if (this.#received.length === 0 && isQuestion(chunk.toString('latin1', 5))) {
      this.#socket.write(noAnswer);
      return;
    }
    if (this.#isProbe(chunk)) {
      this.#socket.write(Buffer.concat([backend.emptyQueryResponse(), backend.readyForQuery()]));
      return;
    }
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const exchange = this.#exchanges[this.#step];
    if (exchange === undefined) this.problem = `unexpected bytes behind the end: ${chunk.toString('latin1')}`;
    else if (this.#received.length >= exchange.send.length) this.#answer(exchange);
  }

  /** The empty query with which pgsluice settles what a mixed batch may have left; no part of the session. */
  #isProbe(chunk: Buffer): boolean {
    const expected = this.#exchanges[this.#step]?.send;
    return this.#received.length === 0 && chunk.equals(PROBE) && !expected?.subarray(0, PROBE.length).equals(PROBE);
  }

  #answer(exchange: Exchange): void {
    if (!this.#received.equals(exchange.send)) {
      this.problem = `step ${this.#step}: the bytes that arrived are not those that were sent`;
      return;
    }
    this.#received = Buffer.alloc(0);
    this.#step += 1;
    const start = this.#sent;
    this.#sent += exchange.receive.length;
    for (const piece of this.#cut(exchange.receive, start)) this.#socket.write(piece);
  }
}

/** The pooler between recorded ends. One for any number of plays. */
export class ReplayBench {
  readonly app: App;
  #next: { exchanges: readonly Exchange[]; cut: Cut } | null = null;
  #server: RecordedServer | null = null;

  private constructor(app: App) {
    this.app = app;
  }

  static async start(): Promise<ReplayBench> {
    const text =
      '{ listen_port: 0, http_listen_port: 0, auth_type: any, default_pool_size: 1, max_prepared_statements: 0, server_tls_sslmode: disable, databases: { app: { host: recorded } } }';
    const result = parseConfig(text);
    if (!result.ok) throw new Error(result.problems.map((problem) => problem.message).join('\n'));
    let bench: ReplayBench | null = null;
    const app = await startApp(result.config, { log: pino({ level: 'silent' }), dial: () => bench!.#dial() });
    bench = new ReplayBench(app);
    return bench;
  }

  #dial(): Socket {
    const [pooler, server] = memorySocketPair();
    const { exchanges, cut } = this.#next!;
    this.#server = new RecordedServer(server, exchanges, cut);
    return pooler;
  }

  /** One session through the pooler. Throws when either end got other bytes than were recorded. */
  async play(exchanges: readonly Exchange[], cutClient: Cut, cutServer: Cut): Promise<void> {
    this.#next = { exchanges, cut: cutServer };
    this.#server = null;
    const [client, socket] = memorySocketPair();
    let received: Buffer = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    });
    client.on('error', () => {});
    this.app.accept(socket);
    try {
      client.write(build.startup({ user: 'app', database: 'app' }));
      await this.#until(() => received.at(-6) === 0x5a, 'the login');
      received = Buffer.alloc(0);
      await this.#exchange(client, exchanges, cutClient, () => received);
      expectInvariants(this.app);
    } finally {
      client.destroy();
      this.#server = null;
      await this.#until(() => this.app.clients.size === 0, 'the end of the client');
      // A new server each time: what one session set must not be in another one's way.
      for (const pool of this.app.pools) pool.reconnect('reconnect');
      await this.#until(() => [...this.app.pools].every((pool) => pool.serverCount === 0), 'the end of the server');
    }
  }

  async #exchange(client: Socket, exchanges: readonly Exchange[], cut: Cut, received: () => Buffer): Promise<void> {
    let sent = 0;
    let expected: Buffer = Buffer.alloc(0);
    for (const [i, { send, receive }] of exchanges.entries()) {
      for (const piece of cut(send, sent)) client.write(piece);
      sent += send.length;
      expected = Buffer.concat([expected, receive]);
      await this.#until(() => received().length >= expected.length, `the reply of step ${i}`);
      if (!received().equals(expected)) throw new Error(`step ${i}: the client did not get what Postgres had sent`);
    }
    if (!this.#server?.isDone) throw new Error('the server was not sent everything');
  }

  async #until(isTrue: () => boolean, what: string): Promise<void> {
    for (let turns = 0; turns < 50; turns += 1) {
      if (this.#server?.problem) throw new Error(this.#server.problem);
      if (isTrue()) return;
      await turn();
    }
    await waitUntil(() => isTrue() || this.#server?.problem, { what, timeoutMs: 2000 });
    if (this.#server?.problem) throw new Error(this.#server.problem);
  }

  stop(): Promise<void> {
    return this.app.stop();
  }
}
