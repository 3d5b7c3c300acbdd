// Hears of everything that happens to connections: writes the log line and counts it. Never on the way of a message.

import type { Client, ClientEvents } from '../client/client.ts';
import type { Settings } from '../config/settings-table.ts';
import { printable } from '../guard/exhaustion.ts';
import type { Leak, LeakEvents, LeakLife } from '../guard/leaks.ts';
import { addressKey } from '../net/dial.ts';
import type { Pool, PoolEvents } from '../pool/pool.ts';
import type { ClientCloseReason } from '../pool/pool-client.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import type { ServerCloseReason } from '../server/close-reason.ts';
import type { Server } from '../server/server.ts';
import type { Clock } from '../util/clock.ts';
import { Counts } from '../util/counts.ts';
import { type EventFacts, type EventKind, toldEvent } from './event.ts';
import type { EventRing } from './event-ring.ts';
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
  'tcp_user_timeout',
  'tls_failed',
]);

/** Nobody is in the pool: the login failed. */
const LOGIN_REASONS: ReadonlySet<ServerCloseReason> = new Set([
  'connect_failed',
  'login_failed',
  'server_connect_timeout',
  'tls_failed',
]);

/** Ends of servers that cost a new login and are nobody's error. */
const COSTLY_REASONS: ReadonlySet<ServerCloseReason> = new Set(['cancel_wait_timeout', 'client_disconnect_in_query']);

/** Waits that end like this: the pool is exhausted. */
const EXHAUSTED: Readonly<Record<string, EventKind>> = {
  query_wait_timeout: 'wait_timeout',
  queue_full: 'queue_full',
  shed: 'shed',
};

/** A pool that was exhausted within this time has told why already. */
const QUIET_MS = 60_000;
const DUMPED_EVENTS = 100;

const EVENT_OF_LIFE: Readonly<Record<LeakLife, EventKind>> = {
  leaked: 'leak',
  reclaimed: 'reclaim',
  returned_late: 'returned_late',
  client_gone: 'leak_client_gone',
};

export class Observer implements ClientEvents, LeakEvents, PoolEvents {
  /** By name of the catalogue, or SQLSTATE where Postgres' own refusal was passed on. */
  readonly poolerErrors = new Counts();
  /** The same by cause and SQLSTATE, separated by zeros. */
  readonly poolerErrorCodes = new Counts(200);
  /** Clients that were not let in, by the same causes. */
  readonly loginFailures = new Counts();
  readonly clientCloses = new Counts();
  readonly serverCloses = new Counts();
  /** By kind, life and application, separated by zeros. */
  readonly leaks = new Counts(200);
  clientLogins = 0;
  bugs = 0;
  /** The flight recorder. */
  readonly events: EventRing;
  readonly #log: Logger;
  readonly #settings: () => Settings;
  readonly #clock: Clock;
  readonly #exhaustedAt = new WeakMap<Pool, number>();

  constructor(log: Logger, settings: () => Settings, clock: Clock, events: EventRing) {
    this.#log = log;
    this.#settings = settings;
    this.#clock = clock;
    this.events = events;
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

  clientWaited(client: Client, server: Server, waitedMs: number): void {
    this.events.add('wait', { ...eventOf(client), server: server.id, durationMs: waitedMs });
  }

  #pooler(client: Client, cause: string, error: ErrorFields, detail: string): void {
    this.poolerErrors.add(cause);
    this.poolerErrorCodes.add(`${cause}\0${error.sqlstate}`);
    if (client.isLoggingIn) this.loginFailures.add(cause);
    this.#record(client, cause, error);
    if (!this.#settings().log_pooler_errors) return;
    const { sqlstate, message } = error;
    this.#log.warn(
      { ...whoIs(client), cause, sqlstate, error: message, ...(detail !== cause && { detail }) },
      'pooler error',
    );
  }

  #record(client: Client, cause: string, error: ErrorFields): void {
    const { pool } = client;
    const exhausted = pool === null ? undefined : EXHAUSTED[cause];
    const text = error.detail === undefined ? error.message : `${error.message}: ${error.detail}`;
    const facts = { ...eventOf(client), cause, text };
    if (pool === null || exhausted === undefined) {
      this.events.add(client.isLoggingIn ? 'client_refused' : 'error', facts);
      return;
    }
    const now = this.#clock.now();
    this.events.add(exhausted, { ...facts, durationMs: now - client.waitingSince });
    const before = this.#exhaustedAt.get(pool) ?? Number.NEGATIVE_INFINITY;
    this.#exhaustedAt.set(pool, now);
    if (pool.settings.guard && now - before >= QUIET_MS) this.#dump(pool);
  }

  /** What led to it, while it is still there. */
  #dump(pool: Pool): void {
    const events = this.events.list({ pool, limit: DUMPED_EVENTS }).map(toldEvent);
    if (events.length > 0) this.#log.warn({ database: pool.database, user: pool.user, events }, 'event ring');
  }

  serverLogin(pool: Pool, server: Server): void {
    if (this.#settings().log_connections) this.#log.info(whichServer(pool, server), 'server login');
  }

  serverClosed(pool: Pool, server: Server, reason: ServerCloseReason, error: ErrorFields | null): void {
    this.serverCloses.add(reason);
    const isTrouble = WARNING_REASONS.has(reason) || COSTLY_REASONS.has(reason) || error !== null;
    if (isTrouble) {
      this.events.add(LOGIN_REASONS.has(reason) ? 'server_login_failed' : 'server_closed', {
        cause: reason,
        database: pool.database,
        user: pool.user,
        application: server.parameters.entries.get('application_name') ?? '',
        server: server.id,
        durationMs: this.#clock.now() - server.createdAt,
        text: error?.message ?? '',
      });
    }
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
    const { applicationName, heldMs, silentMs, tags, address, port, processId, ...others } = holder;
    this.events.add(EVENT_OF_LIFE[life], {
      cause: kind,
      database: holder.database,
      user: holder.user,
      application: applicationName,
      client: holder.clientId,
      server: holder.serverId,
      durationMs: silentMs,
      text: holder.statement,
    });
    if (life === 'leaked' || life === 'reclaimed') this.leaks.add(`${kind}\0${life}\0${printable(applicationName)}`);
    this.#log.warn(
      {
        leak: id,
        kind,
        life,
        applicationName: printable(applicationName),
        ...others,
        address: `${address}:${port}`,
        processId: processId ?? undefined,
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
    this.events.add('bug', { text: error instanceof Error ? error.message : String(error) });
    this.#log.error({ err: error }, 'internal error: please report it');
  }

  /** The process stood still. */
  stalled(stalledMs: number): void {
    const facts = { stalledMs: Math.round(stalledMs) };
    this.events.add('stall', { durationMs: stalledMs });
    this.#log.warn(facts, 'the process stood still; no timeout counts that time');
  }
}

/** Of a client inside a pool: the pool's names, so that its events are found under them. */
function eventOf(client: Client): EventFacts {
  const { startup, pool } = client;
  return {
    database: pool?.database ?? startup?.database ?? '',
    user: pool?.user ?? startup?.user ?? '',
    application: client.applicationName,
    client: client.id,
  };
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
  return {
    server: server.id,
    database: pool.database,
    user: pool.user,
    backendPid: server.backendPid,
    host: addressKey(server.address),
  };
}
