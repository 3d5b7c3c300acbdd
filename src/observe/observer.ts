// Hears of everything that happens to connections: writes the log line and counts it. Never on the way of a message.

import type { Client, ClientEvents } from '../client/client.ts';
import type { Settings } from '../config/settings-table.ts';
import { printable } from '../guard/exhaustion.ts';
import type { Leak, LeakEvents } from '../guard/leaks.ts';
import type { Pool, PoolEvents } from '../pool/pool.ts';
import type { ClientCloseReason } from '../pool/pool-client.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { Server, ServerCloseReason } from '../server/server.ts';
import { Counts } from '../util/counts.ts';
import type { Logger } from './log.ts';

/** Server closes that an operator should see without looking for them. */
const WARNING_REASONS: ReadonlySet<ServerCloseReason> = new Set([
  'connect_failed',
  'login_failed',
  'protocol_violation',
  'question_failed',
  'server_check_timeout',
  'server_connect_timeout',
  'socket_error',
]);

export class Observer implements ClientEvents, LeakEvents, PoolEvents {
  /** By name of the catalogue, or SQLSTATE where Postgres' own refusal was passed on. */
  readonly poolerErrors = new Counts();
  readonly clientCloses = new Counts();
  readonly serverCloses = new Counts();
  /** By kind, life and application, separated by zeros. */
  readonly leaks = new Counts(200);
  clientLogins = 0;
  bugs = 0;
  readonly #log: Logger;
  readonly #settings: () => Settings;

  constructor(log: Logger, settings: () => Settings) {
    this.#log = log;
    this.#settings = settings;
  }

  clientLogin(client: Client): void {
    this.clientLogins += 1;
    if (this.#settings().log_connections) this.#log.info(whoIs(client), 'client login');
  }

  clientClosed(client: Client, reason: ClientCloseReason, error: ErrorFields | null, detail: string): void {
    this.clientCloses.add(reason);
    if (error !== null) this.#pooler(client, reason, error, detail);
    // Cancel requests and probes that never said who they are would drown the rest.
    if (!this.#settings().log_disconnections || reason === 'cancel_done' || (client.startup === null && error === null))
      return;
    const facts = {
      ...whoIs(client),
      reason,
      ...(detail !== reason && { detail }),
      ageMs: Math.round(Date.now() - client.connectTime),
    };
    this.#log.info(facts, 'client closed');
  }

  clientRefused(client: Client, error: ErrorFields): void {
    this.#pooler(client, 'code' in error ? String(error.code) : error.sqlstate, error, error.detail ?? '');
  }

  #pooler(client: Client, cause: string, error: ErrorFields, detail: string): void {
    this.poolerErrors.add(cause);
    if (!this.#settings().log_pooler_errors) return;
    const { sqlstate, message } = error;
    this.#log.warn(
      { ...whoIs(client), cause, sqlstate, error: message, ...(detail !== cause && { detail }) },
      'pooler error',
    );
  }

  serverLogin(pool: Pool, server: Server): void {
    if (this.#settings().log_connections) this.#log.info(whichServer(pool, server), 'server login');
  }

  serverClosed(pool: Pool, server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    this.serverCloses.add(reason);
    const facts = {
      ...whichServer(pool, server),
      reason,
      ...(error !== null && { error: error.message, sqlstate: error.sqlstate }),
    };
    if (WARNING_REASONS.has(reason)) this.#log.warn(facts, 'server closed');
    else if (this.#settings().log_disconnections) this.#log.info(facts, 'server closed');
  }

  serverQuestionFailed(pool: Pool, server: Server, question: string, error: ErrorFields): void {
    this.#log.warn(
      { ...whichServer(pool, server), question, error: error.message, sqlstate: error.sqlstate },
      'server question failed',
    );
  }

  /** Each leak is told when it is found and when it is over. */
  leak(leak: Leak): void {
    const { id, kind, life, holder, allowedMs, waiting } = leak;
    const { applicationName, heldMs, silentMs, tags, address, port, ...others } = holder;
    if (life === 'leaked' || life === 'reclaimed') this.leaks.add(`${kind}\0${life}\0${printable(applicationName)}`);
    this.#log.warn(
      {
        leak: id,
        kind,
        life,
        applicationName: printable(applicationName),
        ...others,
        address: `${address}:${port}`,
        heldMs: Math.round(heldMs),
        silentMs: Math.round(silentMs),
        allowedMs: Math.round(allowedMs),
        waiting,
        ...tags,
      },
      'leak',
    );
  }

  bug(error: unknown): void {
    this.bugs += 1;
    this.#log.error({ err: error }, 'internal error: please report it');
  }
}

function whoIs(client: Client): object {
  const { startup, stream } = client;
  return {
    client: client.id,
    ...(startup !== null && {
      database: startup.database,
      user: startup.user,
      applicationName: client.applicationName,
    }),
    address: `${stream.remoteAddress}:${stream.remotePort}`,
  };
}

function whichServer(pool: Pool, server: Server): object {
  return { server: server.id, database: pool.database, user: pool.user, backendPid: server.backendPid };
}
