// The connection that auth_query runs on: one for each database and auth_user, opened when somebody is asked for.
//
// No client is ever near it: nothing that a client can say sets anything in its session, and its search_path holds nothing
// that anybody but a superuser can write to. PgBouncer: CVE-2025-12819.

import type { SecretAnswer } from '../auth/secret-answers.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import { readDataRow } from '../protocol/readers.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { RowReader, Server, ServerOwner } from '../server/server.ts';
import { moveServer, type ServerLists, serverLists } from '../server/states.ts';
import type { Clock } from '../util/clock.ts';
import { isAway, retryDelayMs } from './backoff.ts';

export interface AskerHost {
  readonly clock: Clock;
  readonly query: string;
  /** server_login_retry, in ms. */
  readonly retryCeilingMs: number;
  open(startup: ReadonlyMap<string, string>, owner: ServerOwner): Server;
  loggedIn(server: Server): void;
  closed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void;
  /** Postgres has refused auth_user's password. True: it is read again, and may be another then. */
  doubtPassword(): boolean;
  /** auth_query itself has failed. */
  failed(server: Server, error: ErrorFields): void;
  bug(error: unknown): void;
}

interface Question {
  readonly user: string;
  readonly since: number;
  /** It waits while Postgres can't be reached. */
  readonly isPatient: boolean;
  readonly done: (answer: SecretAnswer) => void;
}

/** An answer that takes longer is no use to a client that waits to log in. */
const ANSWER_MS = 5_000;
/** Postgres ends it before that. */
const STATEMENT_MS = 4_000;
/** Nobody was asked for so long: the connection is given up. */
const LINGER_MS = 30_000;
const STARTUP = new Map([
  ['application_name', 'pgsluice auth_query'],
  ['client_encoding', 'UTF8'],
  // pg_temp is named so that it comes last, not first.
  ['search_path', 'pg_catalog, pg_temp'],
]);
const PREPARED = 'pgsluice_auth';

export class SecretAsker implements ServerOwner {
  readonly stats = { bytesSent: 0 };
  readonly #host: AskerHost;
  readonly #lists: ServerLists<Server> = serverLists();
  #server: Server | null = null;
  #queue: Question[] = [];
  /** What the connection is asked now. */
  #asked: Question | null = null;
  #askedAt = 0;
  #failures = 0;
  #retryAt = 0;
  #lastProblem = '';
  #usedAt: number;

  constructor(host: AskerHost) {
    this.#host = host;
    this.#usedAt = host.clock.now();
  }

  /** Nobody waits for it, and it has no connection. */
  get isIdle(): boolean {
    return this.#server === null && this.#queue.length === 0;
  }

  get usedAt(): number {
    return this.#usedAt;
  }

  ask(user: string, isPatient: boolean): Promise<SecretAnswer> {
    this.#usedAt = this.#host.clock.now();
    return new Promise((done) => {
      this.#queue.push({ user, since: this.#usedAt, isPatient, done });
      this.#work();
    });
  }

  /** From the janitor. */
  tend(now: number): void {
    const server = this.#server;
    if (server !== null) {
      const isStuck = server.state !== 'active' && now - server.createdAt >= ANSWER_MS;
      if (isStuck) server.close('server_connect_timeout', 'auth_query: Postgres does not answer');
      else if (this.#asked !== null && now - this.#askedAt >= ANSWER_MS)
        server.close('question_failed', 'auth_query takes too long');
      else if (this.#asked === null && now - this.#usedAt >= LINGER_MS) server.close('server_idle_timeout');
    }
    // In order of arrival, but for one that came back to the front.
    while (this.#queue.length > 0 && now - this.#queue[0]!.since >= ANSWER_MS) {
      this.#queue.shift()!.done({ ok: false, problem: `auth_query: no answer in time. ${this.#lastProblem}` });
    }
    this.#work();
  }

  /** Its settings may be others now: the next question goes over a new connection. */
  close(reason: ServerCloseReason): void {
    this.#server?.close(reason);
  }

  #work(): void {
    const server = this.#server;
    if (this.#queue.length === 0) return;
    if (server === null) {
      if (this.#host.clock.now() >= this.#retryAt) this.#open();
      else this.#fail(this.#lastProblem, (question) => !question.isPatient);
    } else if (server.state === 'active' && !server.isAsked) this.#askNext(server);
  }

  #open(): void {
    this.#server = this.#host.open(STARTUP, this);
    if (this.#server.state === 'login') this.#lists.login.append(this.#server);
  }

  onServerLogin(server: Server): void {
    this.#host.loggedIn(server);
    // Older ones than 14 have no such timeout.
    server.attempt('SET idle_session_timeout TO 0');
    moveServer(server, this.#lists, 'tested');
    const setUp = `SET statement_timeout TO ${STATEMENT_MS}; PREPARE ${PREPARED} AS ${this.#host.query}`;
    server.ask(setUp, (error) => {
      if (error !== null) {
        this.#host.failed(server, error);
        this.#fail(`auth_query: ${error.message}`);
        server.close('question_failed', error.message);
        return;
      }
      this.#failures = 0;
      moveServer(server, this.#lists, 'idle');
      moveServer(server, this.#lists, 'active');
      this.#work();
    });
  }

  #askNext(server: Server): void {
    const question = this.#queue.shift()!;
    this.#asked = question;
    this.#askedAt = this.#host.clock.now();
    const rows = new AnswerReader();
    server.ask(
      `EXECUTE ${PREPARED}(${textOf(question.user)})`,
      (error) => {
        this.#asked = null;
        this.#usedAt = this.#host.clock.now();
        if (error === null) question.done(rows.answer(question.user));
        else {
          this.#host.failed(server, error);
          question.done({ ok: false, problem: `auth_query: ${error.message}` });
        }
        this.#work();
      },
      rows,
    );
  }

  #fail(problem: string, isMeant: (question: Question) => boolean = () => true): void {
    const failed = this.#queue.filter(isMeant);
    this.#queue = this.#queue.filter((question) => !isMeant(question));
    for (const question of failed) question.done({ ok: false, problem });
  }

  onServerClosed(server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    const wasLogin = server.state === 'login';
    moveServer(server, this.#lists, 'closed');
    this.#server = null;
    this.#host.closed(server, reason, error);
    const problem = `auth_query: ${error?.message ?? reason}`;
    this.#lastProblem = problem;
    const asked = this.#asked;
    this.#asked = null;
    // One that was lost on the way is asked again, as long as there is time.
    if (asked !== null && reason === 'question_failed') asked.done({ ok: false, problem });
    else if (asked !== null) this.#queue.unshift(asked);
    if (reason === 'settings_changed' || reason === 'server_idle_timeout') {
      this.#work();
      return;
    }
    this.#failures += 1;
    this.#retryAt = this.#host.clock.now() + retryDelayMs(this.#failures, this.#host.retryCeilingMs, Math.random());
    const isHopeless = reason === 'shutdown' || (wasLogin && !isAway(reason, error) && !this.#host.doubtPassword());
    this.#fail(problem, (question) => isHopeless || !question.isPatient);
  }

  onServerFree(): void {}

  onServerAnswered(): void {}

  onServerError(): void {}

  onServerPromoted(): void {}

  onServerBug(_server: Server, error: unknown): void {
    this.#host.bug(error);
  }
}

/** A name from the wire as an expression: no quoting rule, no encoding and no setting can make anything else of it. */
function textOf(name: string): string {
  return `pg_catalog.convert_from(pg_catalog.decode('${Buffer.from(name).toString('hex')}','hex'),'UTF8')`;
}

class AnswerReader implements RowReader {
  readonly #rows: (readonly (string | null)[] | null)[] = [];

  readRow(buffer: Buffer, start: number, end: number): void {
    if (this.#rows.length < 2) this.#rows.push(readDataRow(buffer, start, end));
  }

  /** PgBouncer: a user name of NULL is as good as no row. */
  answer(user: string): SecretAnswer {
    const [row, another] = this.#rows;
    if (another !== undefined) return { ok: false, problem: 'auth_query: more than one row for a user' };
    if (row === undefined) return NOBODY;
    if (row === null || row.length !== 2)
      return { ok: false, problem: 'auth_query must give two columns: name, secret' };
    const [name, secret] = row;
    // Postgres cuts long names: whoever was meant, it was not this one.
    if (name !== user) return NOBODY;
    return { ok: true, found: { isKnown: true, secret: secret ?? null } };
  }
}

const NOBODY: SecretAnswer = { ok: true, found: { isKnown: false, secret: null } };
