// One connection of the chaos run: sends batches and checks every message that comes back against what was asked.
import { connect, type Socket } from 'node:net';
import { decode } from '../support/wire-backend.ts';
import * as build from '../support/wire-messages.ts';
import { ScramClient } from '../support/wire-scram.ts';
import { report, type Tally } from './tally.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** One statement that waits for its ReadyForQuery. */
export interface Expectation {
  /** What the first column of every row must begin with; null: no row may come. */
  readonly token: string | null;
  /** What the second column says if the statement began its transaction, in its own session. Else the server was dirty. */
  readonly state?: string;
  /** It was canceled, or will be: 57014 is no surprise. */
  isCanceled?: boolean;
  /** CommandComplete's tag, or the SQLSTATE of the error. */
  outcome?: string;
}

export class ConnectionLost extends Error {}

/** An answer has to come within query_wait_timeout (10 s) and 5 s. */
const ANSWER_MS = 15_000;

export class ChaosConnection {
  readonly socket: Socket;
  /** What its session has for application_name. */
  owner = '';
  /** Names of its prepared statements. */
  readonly prepared = new Set<string>();
  pid = 0;
  key: Buffer = Buffer.alloc(0);
  readonly #tally: Tally;
  readonly #address: Address;
  readonly #scram: ScramClient;
  #pending: Buffer = Buffer.alloc(0);
  #expected: Expectation[] = [];
  #isLoggedIn = false;
  #isLost = false;
  #settle: { resolve: () => void; reject: (error: Error) => void } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastError = '';
  /** Called at each chunk: for those who die in mid-reply. */
  onChunk: (() => void) | null = null;
  onCopyIn: (() => void) | null = null;

  private constructor(address: Address, tally: Tally) {
    this.#address = address;
    this.#tally = tally;
    this.#scram = new ScramClient(address.password);
    this.socket = connect({ host: address.host, port: address.port, noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.#onClose());
  }

  /** Connects and logs in. Rejects with ConnectionLost. */
  static async open(address: Address, tally: Tally): Promise<ChaosConnection> {
    const connection = new ChaosConnection(address, tally);
    connection.socket.write(build.startup({ user: address.user, database: address.database }));
    await connection.#wait();
    tally.connections += 1;
    return connection;
  }

  /** Sends a batch and waits until each of its statements was answered. stall: in the middle of it, the rest comes later. */
  async exchange(bytes: Buffer, expected: Expectation[], stall?: { at: number; ms: number }): Promise<void> {
    if (this.#isLost) throw new ConnectionLost('lost before');
    // From the first byte on: a backend that is terminated flushes what it has of an answer.
    this.#expected.push(...expected);
    const answered = this.#wait();
    if (stall === undefined) this.socket.write(bytes);
    else {
      this.socket.write(bytes.subarray(0, stall.at));
      setTimeout(() => this.socket.write(bytes.subarray(stall.at)), stall.ms);
    }
    await answered;
  }

  /** Cuts the connection; what was asked will never be answered. */
  destroy(): void {
    this.#expected = [];
    this.socket.destroy();
  }

  #wait(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#timer = setTimeout(() => {
        report(
          this.#tally,
          'unanswered',
          `${this.#expected.length} statements, first token ${this.#expected[0]?.token}`,
        );
        this.destroy();
      }, ANSWER_MS);
    });
  }

  #done(error: Error | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const settle = this.#settle;
    this.#settle = null;
    if (error === null) settle?.resolve();
    else settle?.reject(error);
  }

  #onClose(): void {
    this.#isLost = true;
    this.#done(new ConnectionLost(this.#lastError));
  }

  #onData(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    let at = 0;
    while (this.#pending.length - at >= 5) {
      const length = this.#pending.readInt32BE(at + 1);
      if (this.#pending.length - at < length + 1) break;
      const type = String.fromCharCode(this.#pending[at]!);
      if (this.#isLoggedIn) this.#onMessage(type, this.#pending.subarray(at + 5, at + 1 + length));
      else this.#onLogin(type, this.#pending.subarray(at + 5, at + 1 + length));
      at += length + 1;
    }
    this.#pending = this.#pending.subarray(at);
    this.onChunk?.();
  }

  #onLogin(type: string, body: Buffer): void {
    const message = decode(type, body);
    if (type === 'R' && message.authType === 10) {
      this.socket.write(build.saslInitialResponse('SCRAM-SHA-256', this.#scram.first()));
    } else if (type === 'R' && message.authType === 11) {
      this.socket.write(build.saslResponse(this.#scram.final(body.toString('utf8', 4))));
    } else if (type === 'R' && message.authType === 3) this.socket.write(build.password(this.#address.password));
    else if (type === 'K') {
      this.pid = message.pid!;
      this.key = Buffer.from(message.key!);
    } else if (type === 'E') this.#noteError(message.fields?.C ?? '?');
    else if (type === 'Z') {
      this.#isLoggedIn = true;
      this.#done(null);
    }
  }

  #noteError(code: string): void {
    this.#lastError = code;
    this.#tally.errors[code] = (this.#tally.errors[code] ?? 0) + 1;
  }

  #onMessage(type: string, body: Buffer): void {
    const expected = this.#expected[0];
    switch (type) {
      case 'D':
        this.#onRow(body, expected);
        return;
      case 'C':
        if (expected !== undefined) expected.outcome ??= body.toString('latin1', 0, body.length - 1);
        return;
      case 'E':
        this.#onError(body, expected);
        return;
      case 'Z':
        if (expected === undefined) report(this.#tally, 'foreignReplies', 'ReadyForQuery that nobody asked for');
        this.#tally.replies += 1;
        this.#expected.shift();
        if (this.#expected.length === 0) this.#done(null);
        return;
      case 'G':
        this.onCopyIn?.();
        return;
      case 'N':
      case 'S':
        return;
      default:
        if (expected === undefined) report(this.#tally, 'foreignReplies', `message ${type} that nobody asked for`);
    }
  }

  #onRow(body: Buffer, expected: Expectation | undefined): void {
    const length = body.readInt32BE(2);
    const { token } = expected ?? {};
    // Rows of a big reply are long: only their beginning is looked at.
    const value = length < 0 ? 'NULL' : body.toString('latin1', 6, 6 + Math.min(length, 64));
    if (token === undefined || token === null || !value.startsWith(token)) {
      report(this.#tally, 'foreignReplies', `asked for ${token}, got ${value}`);
    }
    if (expected?.state === undefined) return;
    const state = body.toString('latin1', 6 + length + 4);
    if (state !== expected.state)
      report(this.#tally, 'dirtyServers', `statement ${token} found ${state} instead of ${expected.state}`);
  }

  #onError(body: Buffer, expected: Expectation | undefined): void {
    const code = decode('E', body).fields?.C ?? '?';
    this.#noteError(code);
    if (code === '57014' && !expected?.isCanceled)
      report(this.#tally, 'foreignCancels', `statement ${expected?.token}`);
    if (code === '57014') this.#tally.canceled += 1;
    if (expected !== undefined) expected.outcome = code;
  }
}

/** Asks the pooler to cancel what the connection runs. Resolves when that was taken. */
export function cancel(address: Address, connection: ChaosConnection): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ host: address.host, port: address.port });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
    socket.write(build.cancelRequest(connection.pid, connection.key));
  });
}
