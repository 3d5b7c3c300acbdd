// Who may come in and where to, by the configuration in force: the checks before and after the password.

import type { ClientWay } from '../auth/client-way.ts';
import type { PasswordKeeper } from '../auth/password-keeper.ts';
import type { ScramKeys } from '../auth/scram.ts';
import { type Asked, askedOfMost } from '../auth/strangers.ts';
import { CONSOLE_DATABASES, type Config, findDatabase, secretFor } from '../config/config.ts';
import { effectiveSettings } from '../config/effective.ts';
import type { SslMode } from '../net/tls-request.ts';
import type { Pool, PoolContext } from '../pool/pool.ts';
import type { Pools } from '../pool/pools.ts';
import { type ErrorCode, poolerError } from '../protocol/catalogue.ts';
import type { Client, Entry } from './client.ts';
import { requiredProof } from './client-proof.ts';
import type { Clients } from './clients.ts';
import type { ConsoleSession } from './console-link.ts';
import type { Admission, ClientStartup, Gatekeeper } from './login.ts';
import type { Lookup, SecretLookups } from './secret-lookups.ts';

export type ConsoleRole = 'admin' | 'stats';

/** Where several workers share the limits on clients: how many this one may let in. */
export interface ClientShares {
  /** It has more than that, of all databases and users. */
  readonly isFull: boolean;
  lent(of: 'database' | 'user', name: string): number;
  /** Asks for one more of a limit, where what is lent may not do; resolves when there is an answer. null: there is no need. */
  reserve(of: 'database' | 'user', name: string, limit: number): Promise<void> | null;
}

/** What the gatekeeper asks of the house. */
export interface House {
  readonly config: Config;
  readonly clients: Clients;
  readonly pools: Pools;
  readonly lookups: SecretLookups;
  readonly passwords: PasswordKeeper;
  readonly poolContext: PoolContext;
  /** max_client_conn, or less where the limit of open files does not allow it. */
  readonly maxClients: number;
  /** null: this process has them all. */
  readonly shares: ClientShares | null;
  /** Clients can be encrypted: it is wished, and certificate and key could be used. */
  readonly isTlsReady: boolean;
  /** False while the pooler shuts down in a way that lets nobody in. */
  readonly isOpen: boolean;
  /** Whoever can connect to our Unix socket can act as us anyway. */
  readonly isSocketOurs: boolean;
  isDisabled(database: string): boolean;
  isPaused(database: string): boolean;
  openConsole(client: Client, role: ConsoleRole): ConsoleSession;
}

type Admitted = Extract<Admission, { ok: true }>;

export class ConfigGatekeeper implements Gatekeeper {
  readonly #house: House;
  readonly #strangersGet = new WeakMap<Config['secrets'], Asked>();

  constructor(house: House) {
    this.#house = house;
  }

  get strangersGet(): Asked {
    const { secrets } = this.#house.config;
    const known = this.#strangersGet.get(secrets);
    if (known !== undefined) return known;
    const asked = askedOfMost(secrets.values());
    this.#strangersGet.set(secrets, asked);
    return asked;
  }

  ignoresParameter(name: string): boolean {
    return this.#house.config.settings.ignore_startup_parameters.includes(name);
  }

  get offersTls(): boolean {
    return this.#house.isTlsReady;
  }

  /** Before the password. Whether the database exists is told behind it, as Postgres does. */
  admit(startup: ClientStartup, way: ClientWay): Admission {
    const admission = this.#admit(startup, way);
    const { shares } = this.#house;
    return shares === null || !admission.ok ? admission : this.#withShares(shares, startup, admission);
  }

  /** Limits of a database or a user: where this worker's share may not do, more of it is asked for before the password. */
  #withShares(shares: ClientShares, startup: ClientStartup, admission: Admitted): Admission {
    const { database, user } = startup;
    const settings = effectiveSettings(this.#house.config, database, user);
    const asked = [
      shares.reserve('database', database, settings.max_db_client_connections),
      shares.reserve('user', user, settings.max_user_client_connections),
    ].filter((one) => one !== null);
    if (asked.length === 0) return admission;
    const { lookup = null, secret } = admission;
    return {
      ...admission,
      lookup: {
        find: async () => {
          await Promise.all(asked);
          return lookup === null ? { ok: true, found: { isKnown: true, secret } } : lookup.find();
        },
        forget: () => lookup?.forget(),
      },
    };
  }

  #admit(startup: ClientStartup, way: ClientWay): Admission {
    const { config, clients, maxClients, shares, isOpen } = this.#house;
    const unsafe = tlsProblem(config.settings.client_tls_sslmode, way);
    if (unsafe !== null) return unsafe;
    // The console stays reachable when the pooler is full or goes down: that is when it is needed.
    if (!CONSOLE_DATABASES.includes(startup.database)) {
      if (!isOpen) return { ok: false, error: poolerError('pooler_shutdown') };
      if (clients.size > maxClients || shares?.isFull === true)
        return { ok: false, error: poolerError('too_many_clients', String(maxClients)) };
    }
    if (isOwner(startup, way.address === null, this.#house)) return { ok: true, method: 'trust', secret: null };
    const proof = requiredProof(config, startup, way);
    if (!proof.ok) return proof;
    const { method } = proof;
    const secret = secretFor(config, startup.user);
    const lookup = method === 'any' ? null : this.#lookupFor(startup, secret);
    if (lookup !== null) return { ok: true, method, secret, lookup };
    // PgBouncer: with trust the user must still be known; any asks nothing.
    if (method === 'trust' && secret === null && !config.users.has(startup.user)) {
      return { ok: false, error: poolerError('auth_failed', startup.user) };
    }
    return { ok: true, method, secret };
  }

  /** Where the secret has to be asked for; null: what is known is right. */
  #lookupFor({ database, user }: ClientStartup, secret: string | null): Lookup | null {
    const { config, lookups, passwords } = this.#house;
    const source = config.users.get(user)?.passwordSource ?? null;
    if (source === null) return secret === null ? lookups.of(database, user) : null;
    return {
      find: async () => {
        await passwords.refresh(source);
        return { ok: true, found: { isKnown: true, secret: secretFor(this.#house.config, user) } };
      },
      forget: () => passwords.doubt(source),
    };
  }

  /** Behind the password: where the client is taken. keys, password: what its login taught us about it. */
  enter(client: Client, startup: ClientStartup, keys: ScramKeys | null, password: string | null): Entry {
    const { config, clients } = this.#house;
    if (CONSOLE_DATABASES.includes(startup.database)) {
      const role = isOwner(startup, client.stream.isUnix, this.#house) ? 'admin' : consoleRole(config, startup.user);
      if (role === null) return refused('console_not_allowed', startup.user);
      return { kind: 'console', session: this.#house.openConsole(client, role) };
    }
    const target = findDatabase(config, startup.database);
    if (target === null) return refused('no_such_database', startup.database);
    if (this.#house.isDisabled(startup.database)) return refused('database_disabled', startup.database);
    const settings = effectiveSettings(config, startup.database, startup.user);
    const { max_db_client_connections: ofDatabase, max_user_client_connections: ofUser } = settings;
    const { database, user } = startup;
    if (ofDatabase > 0 && clients.countOfDatabase.of(database) >= this.#most('database', database, ofDatabase)) {
      return refused('too_many_clients_of_database', String(ofDatabase));
    }
    if (ofUser > 0 && clients.countOfUser.of(user) >= this.#most('user', user, ofUser)) {
      return refused('too_many_clients_of_user', String(ofUser));
    }
    const pool = this.#poolFor(startup);
    if (pool.user === startup.user) {
      const askedSecret = this.#house.lookups.known(startup.database, startup.user);
      const isNews =
        (keys !== null && pool.scramKeys?.clientKey.equals(keys.clientKey) !== true) ||
        (password !== null && password !== pool.clientPassword) ||
        askedSecret !== pool.askedSecret;
      pool.scramKeys = keys ?? pool.scramKeys;
      pool.clientPassword = password ?? pool.clientPassword;
      pool.askedSecret = askedSecret;
      if (isNews) pool.credentialsChanged();
    }
    clients.entered(startup.database, startup.user);
    return { kind: 'pool', pool };
  }

  #most(of: 'database' | 'user', name: string, limit: number): number {
    return Math.min(limit, this.#house.shares?.lent(of, name) ?? limit);
  }

  #poolFor(startup: ClientStartup): Pool {
    const { config, pools, poolContext } = this.#house;
    const target = findDatabase(config, startup.database)!;
    const user = target.forcedUser ?? startup.user;
    const known = pools.find(startup.database, user);
    if (known !== null) return known;
    const pool = pools.add(target, user, effectiveSettings(config, startup.database, user), poolContext);
    if (this.#house.isPaused(startup.database)) pool.pause();
    return pool;
  }
}

/** client_tls_sslmode, which is about TCP only. */
function tlsProblem(mode: SslMode, way: ClientWay): Admission | null {
  if (way.address === null || mode === 'disable' || mode === 'allow' || mode === 'prefer') return null;
  if (way.tls === null) return { ok: false, error: poolerError('ssl_required') };
  if (mode === 'require' || way.tls.certificate !== null) return null;
  const detail = way.tls.certificateProblem ?? 'the client showed no certificate';
  return { ok: false, error: poolerError('certificate_required'), detail };
}

/**
 * Who runs pgsluice, on the console. PgBouncer: user pgbouncer over the Unix socket, where the system says that it is the same user
 * (SO_PEERCRED). Node can't ask; a directory that only this user may enter says the same.
 */
function isOwner(startup: ClientStartup, isUnix: boolean, house: House): boolean {
  return (
    isUnix &&
    CONSOLE_DATABASES.includes(startup.database) &&
    CONSOLE_DATABASES.includes(startup.user) &&
    house.isSocketOurs
  );
}

function refused(code: ErrorCode, argument: string): Entry {
  return { kind: 'refused', error: poolerError(code, argument) };
}

/** What a user may do on the console; null: nothing. PgBouncer: with auth_type any everybody is an admin. */
export function consoleRole(config: Config, user: string): ConsoleRole | null {
  const { admin_users, stats_users, auth_type } = config.settings;
  if (auth_type === 'any' || admin_users.includes(user)) return 'admin';
  return stats_users.includes(user) ? 'stats' : null;
}
