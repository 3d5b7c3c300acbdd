// What a server is asked and told between its login and a client, and between two clients: whether it is there, what it is,
// what its session has come to, which functions there are; and what undoes what a client has left.
//
// Each of these is a question of ours on a server that is tested meanwhile. The pool says which one is due (clean() and
// release()), and goes on when it is answered; a server whose question has failed is closed.

import type { EffectiveSettings } from '../config/effective.ts';
import type { ErrorFields } from '../protocol/error-fields.ts';
import { TxStatus } from '../protocol/message-types.ts';
import { inspectSession } from '../server/inspect-session.ts';
import type { Server } from '../server/server.ts';
import { CURRENT_ROLE_QUERY, RoleReader } from '../server/session-attrs.ts';
import { moveServer, type ServerLists } from '../server/states.ts';
import type { CustomNames } from '../session/custom-names.ts';
import { CatalogReader, catalogQuery, FINGERPRINT_QUERY, FingerprintReader } from '../session/functions.ts';
import { partsToInspect } from '../session/inspection.ts';
import type { Lexicon } from '../session/lexicon.ts';
import { sessionPolicy } from '../session/policy.ts';
import { Suspect } from '../session/suspect.ts';
import type { Clock } from '../util/clock.ts';
import { isForGood, resetOf, resetsAll } from './resets.ts';
import type { PoolStats } from './stats.ts';

/** What is looked at of a pool. */
export interface KeptPool {
  readonly customNames: CustomNames;
  /** Changed here alone. */
  lexicon: Lexicon;
  readonly servers: ServerLists<Server>;
  readonly settings: EffectiveSettings;
  readonly stats: PoolStats;
}

/** What the answers lead to. */
export interface UpkeepHost {
  readonly clock: Clock;
  /** It is fit for the next client, and has just said something. */
  ready(server: Server): void;
  /** What was asked is known: what else is there? */
  clean(server: Server): void;
  /** It has no transaction any more. */
  release(server: Server): void;
  questionFailed(server: Server, question: string, error: ErrorFields): void;
  /** Its host is no primary any more. */
  hostChanged(server: Server): void;
  /** A client has changed the catalog of the database. */
  catalogChanged(): void;
}

type Done = (error: ErrorFields | null) => void;

const OPEN_TRANSACTION: ErrorFields = { severity: 'ERROR', sqlstate: '25001', message: '' };

/** Functions that others make are known after this time. */
const CATALOG_TTL_MS = 60_000;

export class Upkeep {
  readonly #pool: KeptPool;
  readonly #host: UpkeepHost;
  /** Of the catalog that the lexicon was made from; null when it is to be read again whatever it says. */
  #fingerprint: string | null = null;
  #catalogReadAt = Number.NEGATIVE_INFINITY;

  constructor(pool: KeptPool, host: UpkeepHost) {
    this.#pool = pool;
    this.#host = host;
  }

  /** Before the first client: connect_query, and what functions there are. */
  loggedIn(server: Server, connectQuery: string | null): void {
    if (connectQuery !== null) this.#tell(server, connectQuery, 'connect_query');
    else if (this.#fingerprint !== null || this.#pool.settings.pool_mode === 'session') this.#host.ready(server);
    else {
      moveServer(server, this.#pool.servers, 'tested');
      this.#readCatalog(server, (error) => {
        if (error === null) this.#host.ready(server);
        else this.#failed(server, 'catalog', error);
      });
    }
  }

  /** server_check_delay: asks before a client gets it. */
  check(server: Server): void {
    const sql = this.#pool.settings.server_check_query;
    moveServer(server, this.#pool.servers, 'tested');
    server.ask(sql === '<empty>' ? '' : sql, (error) => {
      if (error === null) this.#host.ready(server);
      else server.close('question_failed', `server_check_query failed: ${error.message}`);
    });
  }

  /** What its client has left -------------------------------------------------------------------------------------- */

  rollback(server: Server): void {
    this.#tell(server, 'ROLLBACK', 'rollback');
  }

  /** server_reset_query: all that the client has left. */
  reset(server: Server): void {
    const sql = this.#pool.settings.server_reset_query;
    if (isForGood(server.pins)) server.close('session_kept');
    else if (sql === '') this.#host.clean(server);
    else this.#tell(server, sql, 'server_reset_query', true);
  }

  /** What held it to its client, and no more. */
  unpin(server: Server): void {
    const sql = resetOf(server.pins);
    if (sql === null) server.close('session_kept');
    else this.#tell(server, sql, 'reset', true);
  }

  /** Makes a server fit by a statement of ours; closes it when that fails. */
  #tell(server: Server, sql: string, what: string, resets = false): void {
    this.#test(server);
    server.ask(sql, (error) => {
      if (error !== null || server.txStatus !== TxStatus.Idle) {
        this.#failed(server, what, error);
        return;
      }
      if (resets) server.wasReset(resetsAll(sql) ? 'all' : what === 'reset' ? 'pins' : 'nothing');
      if (what === 'rollback') this.#host.release(server);
      else this.#host.clean(server);
    });
  }

  /** What nobody knows yet ------------------------------------------------------------------------------------------ */

  /** Postgres says of each read-only transaction that it is one: whether the host has become a standby, only the host can tell. */
  askRole(server: Server): void {
    this.#test(server);
    const reader = new RoleReader();
    const answered = (error: ErrorFields | null) => {
      const { role } = reader;
      const writes = this.#pool.settings.target_session_attrs === 'read-write';
      if (role !== null && (role.isStandby || (writes && role.isReadOnly))) this.#host.hostChanged(server);
      this.#cleanOr(server, 'role', error);
    };
    server.ask(CURRENT_ROLE_QUERY, answered, reader);
  }

  askSession(server: Server): void {
    this.#test(server);
    this.inspect(server, (error) => this.#cleanOr(server, 'inspection', error));
  }

  askCatalog(server: Server): void {
    this.#test(server);
    this.#readCatalog(server, (error) => this.#cleanOr(server, 'catalog', error));
  }

  /** Asks what a server's session has come to, and reads the catalog again where the session has changed that. */
  inspect(server: Server, done: Done): void {
    const { customNames, stats } = this.#pool;
    if (partsToInspect(server.suspect, server.pins) !== 0) stats.inspectionCount += 1;
    const isChanged = (server.suspect & Suspect.Catalog) !== 0;
    inspectSession(server, customNames, (error) => {
      const { settings } = this.#pool;
      server.pins &= sessionPolicy(settings.session_policy, settings.session_opaque).watched;
      if (error !== null || !isChanged) done(error);
      else {
        this.#host.catalogChanged();
        this.#readCatalog(server, (failure) => {
          if (failure !== null) this.#host.questionFailed(server, 'catalog', failure);
          done(null); // the session is known; the catalog is read again soon
        });
      }
    });
  }

  /** Functions and tables may be others now. */
  catalogChanged(): void {
    this.#catalogReadAt = Number.NEGATIVE_INFINITY;
  }

  get isCatalogOld(): boolean {
    if (this.#pool.settings.pool_mode === 'session') return false;
    if (this.#fingerprint === null) return true; // it was never read: behind connect_query
    return this.#host.clock.now() - this.#catalogReadAt > CATALOG_TTL_MS;
  }

  /** Whole, when its fingerprint is another than that of last time. */
  #readCatalog(server: Server, done: Done): void {
    this.#catalogReadAt = this.#host.clock.now();
    const fingerprint = new FingerprintReader();
    const catalog = new CatalogReader(this.#pool.customNames);
    // What was dropped in the meantime can fail it, inside the question's own transaction.
    const failed = (error: ErrorFields) => {
      if (server.txStatus === TxStatus.Idle) done(error);
      else server.ask('ROLLBACK', () => done(error));
    };
    const read = (error: ErrorFields | null) => {
      if (error !== null) {
        failed(error);
        return;
      }
      this.#pool.lexicon = catalog.lexicon();
      this.#fingerprint = fingerprint.value;
      done(null);
    };
    const compared = (error: ErrorFields | null) => {
      if (error !== null) failed(error);
      else if (fingerprint.value === this.#fingerprint) done(null);
      else server.ask(catalogQuery(server.majorVersion), read, catalog);
    };
    server.ask(FINGERPRINT_QUERY, compared, fingerprint);
  }

  #test(server: Server): void {
    if (server.state !== 'tested') moveServer(server, this.#pool.servers, 'tested');
  }

  #cleanOr(server: Server, what: string, error: ErrorFields | null): void {
    if (error === null) this.#host.clean(server);
    else this.#failed(server, what, error);
  }

  #failed(server: Server, what: string, error: ErrorFields | null): void {
    if (error !== null) this.#host.questionFailed(server, what, error);
    const detail = `${what} failed: ${error?.message ?? 'a transaction is open'}`;
    server.close('question_failed', detail, { ...(error ?? OPEN_TRANSACTION), message: detail });
  }
}
