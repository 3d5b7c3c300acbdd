// What the doctor has found out before any rule is asked. Rules see nothing else. null: it is not known.
import type { EffectiveSettings } from '../config/effective.ts';
import type { Settings } from '../config/settings-table.ts';
import { POSTGRES_SETTINGS, type PostgresSettingName } from './postgres-settings.ts';

/** What only the user knows, from the command line. */
export interface Told {
  /** Processes of pgsluice with this configuration. */
  readonly replicas: number;
  /** The size of one pool of the application. */
  readonly appPoolSize: number | null;
  /** Pools of the application that connect to one pgsluice. */
  readonly appInstances: number;
}

export interface Facts {
  readonly told: Told;
  readonly settings: Settings;
  readonly pools: readonly PoolFacts[];
  readonly servers: ReadonlyMap<string, ServerFacts>;
  readonly host: HostFacts;
  readonly ownCertificate: CertificateFacts | null;
  readonly now: number;
  readonly unchecked: readonly Unchecked[];
}

export interface Unchecked {
  readonly about: string;
  readonly why: string;
  readonly how: string;
}

/** A pair of database and user that a pool may come to be for. */
export interface PoolFacts {
  /** The name that clients ask for. */
  readonly database: string;
  readonly user: string;
  /** The name in Postgres. */
  readonly dbname: string;
  /** Its key in Facts.servers. */
  readonly server: string;
  readonly settings: EffectiveSettings;
  /** Of the user's stored secret; none: there is none. */
  readonly secret: 'plain' | 'md5' | 'scram' | 'invalid' | 'none';
  /** An md5 hash or a SCRAM secret, to be held against that in Postgres; null: ours is neither. */
  readonly storedSecret: string | null;
  /** The login of auth_user, which runs auth_query: one connection, and no pool of clients. */
  readonly isAsking: boolean;
  readonly login: LoginFacts;
}

export type LoginFacts =
  | { readonly kind: 'done'; readonly session: SessionFacts }
  /** Postgres has answered, and said no. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** Nobody has answered: what is told of the server. */
  | { readonly kind: 'unreached' }
  | { readonly kind: 'unchecked'; readonly why: string; readonly how: string };

/** What a session of this user in this database is like: ALTER ROLE and ALTER DATABASE have a say in it. */
export interface SessionFacts {
  readonly isEncrypted: boolean;
  /** What Postgres asked for at the login. */
  readonly proof: 'none' | 'password' | 'md5' | 'scram';
  /** The major version; null: it did not say. */
  readonly major: number | null;
  /** null: the role may not ask. */
  readonly isInRecovery: boolean | null;
  /** pg_settings: name to value, in the unit of Postgres. */
  readonly values: ReadonlyMap<string, string>;
  /** Why they may not be read; null: they may. */
  readonly valuesDenied: string | null;
  /** The error of connect_query, of auth_query; null: none, or there is nothing to run. */
  readonly connectQueryError: string | null;
  readonly authQueryError: string | null;
}

export interface ServerFacts {
  readonly key: string;
  readonly host: string;
  readonly port: number;
  /** The network is between: neither loopback nor a Unix socket. */
  readonly isRemote: boolean;
  readonly lookup:
    | { readonly ms: number; readonly addresses: readonly string[] }
    | { readonly code: string; readonly error: string }
    | null;
  /** Why no connection came about; null: one did, or the name was not found. */
  readonly unreached: { readonly code: string; readonly message: string } | null;
  readonly tls: TlsFacts;
  readonly catalog: CatalogFacts;
}

export type TlsFacts =
  | { readonly kind: 'offered'; readonly certificate: CertificateFacts }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly message: string }
  /** A Unix socket, or nobody was there. */
  | { readonly kind: 'unchecked' };

export interface CertificateFacts {
  readonly subject: string;
  readonly validFrom: number;
  readonly validTo: number;
  /** Why its chain is not trusted; null: it is. Of our own: not looked at. */
  readonly chainProblem: string | null;
  /** Why it is not for the host; null: it is. */
  readonly nameProblem: string | null;
}

/** Each part as the first of our roles that may look has seen it; null: none may. */
export interface CatalogFacts {
  readonly sessions: readonly { readonly user: string; readonly database: string; readonly count: number }[] | null;
  readonly roles: ReadonlyMap<string, RoleFacts> | null;
  /** pg_authid: rolpassword by role; null for a role that has none. */
  readonly secrets: ReadonlyMap<string, string | null> | null;
  readonly databases: ReadonlyMap<string, { readonly connectionLimit: number }> | null;
  readonly hbaErrors: readonly { readonly line: number; readonly error: string }[] | null;
  /** What Postgres said to who asked for a part that is null. */
  readonly denied: Readonly<Partial<Record<CatalogPart, string>>>;
}

export type CatalogPart = 'sessions' | 'roles' | 'secrets' | 'databases' | 'hbaErrors';

export const NOTHING_SEEN: CatalogFacts = {
  sessions: null,
  roles: null,
  secrets: null,
  databases: null,
  hbaErrors: null,
  denied: {},
};

export interface RoleFacts {
  readonly connectionLimit: number;
  readonly isSuperuser: boolean;
  readonly validUntil: number | null;
}

export interface HostFacts {
  readonly openFiles: number | null;
  /** false: whether there are limits of processor and memory is not to be seen. */
  readonly hasCgroup: boolean;
  /** cgroup: cores that may be used, fractions too; null: no limit. */
  readonly cpus: number | null;
  /** cgroup: bytes; null: no limit. */
  readonly memory: number | null;
  readonly somaxconn: number | null;
}

/** A value of Postgres' settings that is a number; null: there is none, or it is not to be seen. */
export function numberOf({ values }: SessionFacts, name: PostgresSettingName): number | null {
  const text = values.get(name);
  return text === undefined || !/^-?\d+$/.test(text) ? null : Number(text);
}

/** A limit of Postgres; 0: there is none, as in a version that lacks the setting; null: it is not known. */
export function limitOf(session: SessionFacts, name: PostgresSettingName): number | null {
  return isLacking(session, name) ? 0 : numberOf(session, name);
}

/** The version of this server came before the setting. */
export function isLacking({ major }: SessionFacts, name: PostgresSettingName): boolean {
  return major !== null && major < POSTGRES_SETTINGS[name].since;
}

/** The first session on a server: what holds for the whole server is read there. */
export function sessionOn(facts: Facts, server: string): SessionFacts | null {
  for (const { server: on, login } of facts.pools) if (on === server && login.kind === 'done') return login.session;
  return null;
}

/** Whoever has a pool on this server has another host, where the login has succeeded. */
export function isServedElsewhere({ pools }: Facts, server: string): boolean {
  return pools
    .filter((pool) => pool.server === server)
    .every(({ database, user }) =>
      pools.some(
        (pool) =>
          pool.server !== server && pool.database === database && pool.user === user && pool.login.kind === 'done',
      ),
    );
}
