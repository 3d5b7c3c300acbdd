// What failed logins come to: when one is tried again, who is refused instead of waiting, and what the refused are told.
//
// An outage begins with a login that fails and is over when a server is ready to serve: a login alone proves nothing.

import type { EffectiveSettings } from '../config/effective.ts';
import type { Address } from '../net/dial.ts';
import { type PoolerError, poolerError } from '../protocol/catalogue.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import { isAway, retryDelayMs } from './backoff.ts';
import type { Failure, HostChooser } from './hosts.ts';

/** What is looked at of a pool. */
export interface StrickenPool {
  readonly hosts: HostChooser;
  readonly settings: Pick<EffectiveSettings, 'query_wait_timeout' | 'server_login_retry'>;
}

/** Ends of a server that has never served: as good as a login that failed, and no reason to try again at once. */
const NEVER_SERVED: ReadonlySet<ServerCloseReason> = new Set([
  'eof',
  'internal_error',
  'protocol_violation',
  'question_failed',
  'server_check_timeout',
  'socket_error',
]);

/** invalid_password, and invalid_authorization_specification, which PAM and our own side say. */
const REFUSED_PASSWORD = new Set(['28P01', '28000']);
/** A password that is changed in two places is not the same in both for a moment: clients wait for so long. */
const ROTATION_MS = 5_000;

/** From a retry that is due to a served client: a tick of the janitor and a login, with a busy machine. server_login_retry holds them too. */
const RETRY_LAG_MS = 250;

export class Outage {
  /** Postgres' answer to the last login that failed; null since one worked. */
  lastError: ErrorFields | null = null;
  /** The last failure was a refusal (wrong password, no such database), not an absence. */
  isRefused = false;
  /** Logins that have failed since one worked. */
  failures = 0;
  /** No login before this stamp. */
  retryAt = 0;
  /** When the first of them was. */
  #since = 0;
  readonly #pool: StrickenPool;
  readonly #clock: Clock;
  readonly #doubtPassword: () => boolean;

  /** doubtPassword: reads again what the pool logs in with; false when that comes from nowhere that could have another. */
  constructor(pool: StrickenPool, clock: Clock, doubtPassword: () => boolean) {
    this.#pool = pool;
    this.#clock = clock;
    this.#doubtPassword = doubtPassword;
  }

  /** Logins are refused, and it is not time to try again. */
  get isRefusing(): boolean {
    return this.isRefused && this.#clock.now() < this.retryAt;
  }

  /** Who has waited since then is told: it is refused, or came when the outage had lasted for as long as anybody may wait. */
  isInVain(waitingSince: number): boolean {
    if (this.isRefused) return true;
    const { query_wait_timeout } = this.#pool.settings;
    return this.failures > 0 && query_wait_timeout > 0 && waitingSince - this.#since >= query_wait_timeout;
  }

  /** What Postgres said, in PgBouncer's words around it. */
  error(): PoolerError | ErrorFields {
    const said = this.lastError;
    if (said === null) return poolerError('server_login_failed', 'Postgres was not reached');
    return this.isRefused ? refusedLogin(said) : poolerError('server_login_failed', said.message);
  }

  /** A server is ready to serve. */
  over(): void {
    this.#pool.hosts.proven();
    this.lastError = null;
    this.isRefused = false;
    this.failures = 0;
    this.retryAt = 0;
  }

  /** A login has come to nothing. True: the next one has to wait, since each host was tried. */
  loginFailed(address: Address, reason: ServerCloseReason, error: ErrorFields | null): boolean {
    const now = this.#clock.now();
    const isRoundOver = this.hostFailed(address, reason, error);
    if (this.failures === 0) this.#since = now;
    this.failures += 1;
    this.lastError = error ?? { severity: 'FATAL', sqlstate: '08006', message: reason };
    const isRotated =
      error !== null && REFUSED_PASSWORD.has(error.sqlstate) && this.#doubtPassword()
        ? now - this.#since < ROTATION_MS
        : false;
    this.isRefused = !isAway(reason, error) && !isRotated;
    // The next host may do better: it is tried at once.
    if (!isRoundOver) return false;
    const { hosts, settings } = this.#pool;
    const ceiling = Math.max(settings.server_login_retry - RETRY_LAG_MS, 0);
    // The connection that listens has its part in the rounds.
    const rounds = Math.min(hosts.rounds, this.failures);
    this.retryAt = now + retryDelayMs(rounds, ceiling, Math.random());
    return true;
  }

  /** The same, of a login that is no concern of the clients that wait. True: it was tried at each host now. */
  hostFailed(address: Address, reason: ServerCloseReason, error: ErrorFields | null): boolean {
    return this.#pool.hosts.failed(address, failureOf(reason, error), this.#clock.now());
  }

  /** What it logs in with is another now: that is tried at once. False: nothing had failed. */
  credentialsChanged(): boolean {
    if (this.failures === 0) return false;
    this.isRefused = false;
    this.retryAt = 0;
    return true;
  }
}

/** Closed for this reason, the server was as good as a login that failed. */
export function neverServed(server: Server, reason: ServerCloseReason): boolean {
  return !server.isProven && NEVER_SERVED.has(reason);
}

function failureOf(reason: ServerCloseReason, error: ErrorFields | null): Failure {
  if (reason === 'target_session_attrs') return 'unfit';
  if (reason === 'server_connect_timeout') return 'silent';
  return isAway(reason, error) ? 'away' : 'refused';
}

function refusedLogin(said: ErrorFields): PoolerError {
  const error = poolerError('server_login_failed', said.message);
  return { ...error, sqlstate: said.sqlstate, ...(said.hint !== undefined && { hint: said.hint }) };
}
