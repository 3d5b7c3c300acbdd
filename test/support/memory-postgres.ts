// A Postgres made of a few rules, on memory sockets: it answers only when told to, so that a test decides what happens first.
import type { Socket } from 'node:net';
import { memorySocketPair } from './memory-socket.ts';
import { isQuestion, noAnswer } from './questions.ts';
import { backend } from './wire-backend.ts';

export class MemoryPostgres {
  /** Connections that are open, in the order in which they came. */
  readonly backends: MemoryBackend[] = [];
  /** Connections are refused: the socket ends at once. */
  isAway = false;
  #nextPid = 1;

  /** For the pooler: a connection to here. */
  dial(): Socket {
    const [pooler, mine] = memorySocketPair();
    if (this.isAway) mine.destroy();
    else new MemoryBackend(this, mine, this.#nextPid++);
    return pooler;
  }

  /** CancelRequest: ends what runs. */
  cancel(pid: number): void {
    this.backends.find((one) => one.pid === pid)?.cancel();
  }
}

export class MemoryBackend {
  readonly pid: number;
  readonly #postgres: MemoryPostgres;
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  #isStarted = false;
  #status: 'I' | 'T' | 'E' = 'I';
  /** Messages that wait to be answered. */
  readonly #inbox: { type: string; body: Buffer }[] = [];
  #isSkipping = false;
  /** The unnamed statement. */
  #sql = '';

  constructor(postgres: MemoryPostgres, socket: Socket, pid: number) {
    this.#postgres = postgres;
    this.#socket = socket;
    this.pid = pid;
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#gone());
  }

  get waiting(): number {
    return this.#inbox.length;
  }

  /** Answers the oldest messages, at most so many. */
  answer(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count; i += 1) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      this.#answerOne(message.type, message.body);
    }
  }

  /** As pg_terminate_backend. */
  kill(): void {
    this.#socket.write(backend.error({ S: 'FATAL', V: 'FATAL', C: '57P01', M: 'terminating connection' }));
    this.#socket.end();
    this.#gone();
  }

  cancel(): void {
    const next = this.#inbox.find(({ type }) => type === 'Q' || type === 'E');
    if (next !== undefined) next.body = Buffer.from(`CANCELED ${next.body}`);
  }

  #gone(): void {
    const { backends } = this.#postgres;
    const at = backends.indexOf(this);
    if (at >= 0) backends.splice(at, 1);
  }

  #onData(chunk: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const head = this.#isStarted ? 1 : 0;
      if (this.#pending.length < head + 4) return;
      const length = this.#pending.readInt32BE(head);
      if (this.#pending.length < head + length) return;
      const type = this.#pending.toString('latin1', 0, head);
      const body = this.#pending.subarray(head + 4, head + length);
      this.#pending = this.#pending.subarray(head + length);
      if (this.#isStarted) this.#onMessage(type, body);
      else this.#onStart(body);
    }
  }

  #onStart(body: Buffer): void {
    if (body.readInt32BE(0) === 80877102) {
      this.#postgres.cancel(body.readInt32BE(4));
      this.#socket.end();
      return;
    }
    this.#isStarted = true;
    this.#postgres.backends.push(this);
    const key = backend.backendKeyData(this.pid, Buffer.alloc(4));
    this.#socket.write(Buffer.concat([backend.authenticationOk(), key, backend.readyForQuery()]));
  }

  #onMessage(type: string, body: Buffer): void {
    if (type === 'Q' && isQuestion(body.toString('latin1'))) {
      this.#socket.write(noAnswer);
      return;
    }
    if (type === 'X') this.#socket.end();
    else this.#inbox.push({ type, body });
    // Questions of the pooler's own are answered at once: a test does not decide about them.
    const sql = body.toString('utf8', 0, Math.max(body.indexOf(0), 0));
    if (type === 'Q' && /^(ROLLBACK|DISCARD ALL|RESET|SET|)$/.test(sql.split(' ')[0] ?? '') && this.#inbox.length === 1)
      this.answer();
  }

  #answerOne(type: string, body: Buffer): void {
    const out: Buffer[] = [];
    if (type === 'Q') {
      this.#statement(body.toString('utf8').replace(/\0.*$/s, ''), out, true);
      out.push(backend.readyForQuery(this.#status));
    } else if (type === 'S') {
      this.#isSkipping = false;
      out.push(backend.readyForQuery(this.#status));
    } else if (this.#isSkipping) return;
    else if (type === 'P') {
      this.#sql = body.toString('utf8', 1, body.indexOf(0, 1));
      out.push(backend.parseComplete());
    } else if (type === 'B') out.push(backend.bindComplete());
    else if (type === 'E') {
      const isCanceled = body.toString('latin1').startsWith('CANCELED');
      const failed = this.#statement(isCanceled ? `CANCELED ${this.#sql}` : this.#sql, out, false);
      if (failed) this.#isSkipping = true;
    }
    if (out.length > 0) this.#socket.write(Buffer.concat(out));
  }

  /** True: it failed. isSimple: the row is described too, which Execute does not. */
  #statement(sql: string, out: Buffer[], isSimple: boolean): boolean {
    const isEnd = sql === 'COMMIT' || sql === 'ROLLBACK';
    if (sql.startsWith('CANCELED ')) return this.#fail('57014', out);
    if (sql === 'FAIL') return this.#fail('22012', out);
    if (this.#status === 'E' && !isEnd) return this.#fail('25P02', out);
    if (sql === '') out.push(backend.emptyQueryResponse());
    else if (sql === 'BEGIN') {
      this.#status = 'T';
      out.push(backend.commandComplete('BEGIN'));
    } else if (isEnd) {
      out.push(backend.commandComplete(this.#status === 'E' ? 'ROLLBACK' : sql));
      this.#status = 'I';
    } else {
      if (isSimple) out.push(backend.rowDescription(['token']));
      out.push(backend.dataRow([sql]), backend.commandComplete('SELECT 1'));
    }
    return false;
  }

  #fail(code: string, out: Buffer[]): true {
    if (this.#status === 'T') this.#status = 'E';
    out.push(backend.error({ C: code, M: code }));
    return true;
  }
}
