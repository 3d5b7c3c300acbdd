// Which connection is asked for the secret of a user that neither users: nor auth_file has one for.

import { type SecretAnswer, SecretAnswers } from '../auth/secret-answers.ts';
import { CONSOLE_DATABASES, type Config, findDatabase } from '../config/config.ts';
import { effectiveSettings } from '../config/effective.ts';
import { Pool, type PoolContext } from '../pool/pool.ts';
import { SecretAsker } from '../pool/secret-asker.ts';

/** Where one user's secret is asked for. */
export interface Lookup {
  find(): Promise<SecretAnswer>;
  /** A login with what was found has failed. */
  forget(): void;
}

interface Source {
  readonly answers: SecretAnswers;
  readonly asker: SecretAsker;
}

/** With a "*" entry clients make up names of databases: those that were not used for long are dropped beyond this. */
const MAX_SOURCES = 100;

export class SecretLookups {
  readonly #config: () => Config;
  readonly #context: PoolContext;
  readonly #sources = new Map<string, Source>();

  constructor(config: () => Config, context: PoolContext) {
    this.#config = config;
    this.#context = context;
  }

  /** null: nobody is to be asked. */
  of(database: string, user: string): Lookup | null {
    const source = this.#sourceOf(database);
    if (source === null) return null;
    return { find: () => source.answers.find(user), forget: () => source.answers.forget(user) };
  }

  /** The secret that a user of this database was last let in with; null: none was asked for. */
  known(database: string, user: string): string | null {
    return this.#sourceOf(database)?.answers.known(user)?.secret ?? null;
  }

  /** From the janitor. */
  tend(now: number): void {
    for (const { asker } of this.#sources.values()) asker.tend(now);
  }

  /** A new configuration is in force. */
  reload(): void {
    for (const { asker } of this.#sources.values()) asker.close('settings_changed');
  }

  close(): void {
    for (const { asker } of this.#sources.values()) asker.close('shutdown');
  }

  #sourceOf(database: string): Source | null {
    const config = this.#config();
    const { auth_user, auth_dbname, auth_query } = effectiveSettings(config, database, '');
    const asked = auth_dbname || database;
    if (auth_user === '' || CONSOLE_DATABASES.includes(asked)) return null;
    const target = findDatabase(config, asked);
    if (target === null) return null;
    const key = JSON.stringify([asked, target.addresses, target.dbname, auth_user, auth_query]);
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    if (this.#sources.size >= MAX_SOURCES) this.#dropOne();
    const source = this.#makeSource(asked, auth_user, auth_query, database);
    this.#sources.set(key, source);
    return source;
  }

  #dropOne(): void {
    let oldest: string | null = null;
    for (const [key, { asker }] of this.#sources) {
      if (!asker.isIdle) continue;
      if (oldest === null || asker.usedAt < this.#sources.get(oldest)!.asker.usedAt) oldest = key;
    }
    if (oldest !== null) this.#sources.delete(oldest);
  }

  #makeSource(database: string, user: string, query: string, askedFor: string): Source {
    const context = this.#context;
    const settings = () => effectiveSettings(this.#config(), database, user);
    // Beside the pools of clients: it has neither clients nor servers, only what a login needs to know.
    const pool = new Pool(database, user, findDatabase(this.#config(), database)!, settings(), context);
    const asker = new SecretAsker({
      clock: context.clock,
      query,
      get retryCeilingMs() {
        return settings().server_login_retry;
      },
      open: (startup, owner) => {
        pool.target = findDatabase(this.#config(), database) ?? pool.target;
        pool.settings = settings();
        return context.openServer(pool, startup, owner);
      },
      loggedIn: (server) => {
        pool.hosts.loggedIn(server.address, server.connectedAt);
        context.events.serverLogin(pool, server);
      },
      closed: (server, reason, error) => {
        if (server.connectedAt === 0) pool.outage.hostFailed(server.address, reason, error);
        context.events.serverClosed(pool, server, reason, error);
      },
      doubtPassword: () => context.doubtPassword(pool),
      failed: (server, error) => context.events.serverQuestionFailed(pool, server, 'auth_query', error),
      bug: (error) => context.events.bug(error),
    });
    const answers = new SecretAnswers({
      ask: (name, isPatient) => asker.ask(name, isPatient),
      now: () => context.clock.now(),
      ttlMs: () => effectiveSettings(this.#config(), askedFor, '').auth_query_ttl,
    });
    return { answers, asker };
  }
}
