// What the doctor has found out before any rule is asked. Rules see nothing else. null: it is not known.
import type { DatabaseEntry, UserEntry } from '../config/config.ts';
import type { EffectiveSettings } from '../config/effective.ts';
import type { Settings } from '../config/settings-table.ts';

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
  readonly databases: readonly DatabaseEntry[];
  readonly users: readonly UserEntry[];
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
  /** Salt, count and StoredKey, to be held against those in Postgres; null: no SCRAM secret. */
  readonly scramSecret: string | null;
  /** The login of auth_user, which runs auth_query: one connection, and no pool of clients. */
  readonly isAsking: boolean;
  readonly login: LoginFacts;
}

export type LoginFacts =
  | { readonly kind: 'done'; readonly session: SessionFacts }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'unchecked'; readonly why: string };

/** What a session of this user in this database is like: ALTER ROLE and ALTER DATABASE have a say in it. */
export interface SessionFacts {
  readonly isEncrypted: boolean;
  readonly isInRecovery: boolean;
  /** pg_settings: name to value, in the unit of Postgres. */
  readonly values: ReadonlyMap<string, string>;
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
  readonly lookup: { readonly ms: number; readonly addresses: readonly string[] } | { readonly error: string } | null;
  readonly tls: TlsFacts;
  readonly catalog: CatalogFacts | null;
}

export type TlsFacts =
  | { readonly kind: 'offered'; readonly certificate: CertificateFacts }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failed'; readonly message: string }
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

export interface CatalogFacts {
  readonly version: number;
  readonly sessions: readonly { readonly user: string; readonly database: string; readonly count: number }[];
  readonly roles: ReadonlyMap<string, RoleFacts>;
  readonly databases: ReadonlyMap<string, { readonly connectionLimit: number }>;
  /** null: pg_hba_file_rules is for superusers. */
  readonly hbaErrors: readonly { readonly line: number; readonly error: string }[] | null;
}

export interface RoleFacts {
  readonly connectionLimit: number;
  readonly isSuperuser: boolean;
  readonly canLogin: boolean;
  readonly validUntil: number | null;
  /** rolpassword; null: none, or pg_authid may not be read. */
  readonly secret: string | null;
}

export interface HostFacts {
  readonly openFiles: number | null;
  /** cgroup: cores that may be used, fractions too; null: no limit. */
  readonly cpus: number | null;
  /** cgroup: bytes; null: no limit. */
  readonly memory: number | null;
  readonly somaxconn: number | null;
}

/** A value of Postgres' settings that is a number; null: this version has no such setting, or it may not be seen. */
export function numberOf(values: ReadonlyMap<string, string>, name: string): number | null {
  const text = values.get(name);
  return text === undefined || !/^-?\d+$/.test(text) ? null : Number(text);
}

/** The first session on a server: what holds for the whole server is read there. */
export function sessionOn(facts: Facts, server: string): SessionFacts | null {
  for (const { server: on, login } of facts.pools) if (on === server && login.kind === 'done') return login.session;
  return null;
}
