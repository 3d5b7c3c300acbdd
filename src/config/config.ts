// A configuration in force: frozen, and replaced whole by a reload. Also the questions that other rooms ask it.
import type { HbaRule } from './hba.ts';
import type { IdentLine } from './ident.ts';
import type { Problem } from './problems.ts';
import type { Settings } from './settings-table.ts';

/** Where a password comes from that may change while the process runs. */
export type PasswordSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'command'; readonly argv: readonly string[] };

/** Where Postgres, or another pooler, is reached. */
export interface HostAddress {
  readonly host: string;
  readonly port: number;
}

/** An entry of `databases:`. null: not set. */
export interface DatabaseEntry {
  /** The name that clients ask for, or "*". */
  readonly name: string;
  /** As written: names, addresses, directories (start with /) for Unix sockets, with commas. */
  readonly host: string;
  /** Of the first host. */
  readonly port: number;
  readonly addresses: readonly HostAddress[];
  readonly dbname: string | null;
  readonly user: string | null;
  /** Of `user`, wherever it comes from. */
  readonly password: string | null;
  readonly passwordSource: PasswordSource | null;
  readonly pool_size: number | null;
  readonly connect_query: string | null;
  /** Lower-case names: client_encoding, datestyle, timezone, application_name, those that are set. */
  readonly startupParameters: Readonly<Record<string, string>>;
  /** Global settings that this entry overrides. */
  readonly overrides: Readonly<Partial<Settings>>;
}

/** An entry of `users:`. null: not set. */
export interface UserEntry {
  readonly name: string;
  /** The secret, wherever it comes from: plain, md5... or SCRAM-SHA-256$... */
  readonly password: string | null;
  readonly passwordSource: PasswordSource | null;
  readonly pool_size: number | null;
  /** Global settings that this entry overrides. */
  readonly overrides: Readonly<Partial<Settings>>;
}

/** An entry of `peers:`: another process that shares the port. */
export interface PeerEntry {
  /** Its peer_id. */
  readonly id: number;
  readonly host: string;
  readonly port: number;
  /** Cancel requests on their way to it at a time. null: default_pool_size. */
  readonly pool_size: number | null;
}

/** Rules of who may come in from where. */
export interface Hba {
  readonly rules: readonly HbaRule[];
  readonly maps: readonly IdentLine[];
}

export interface Config {
  readonly settings: Settings;
  readonly databases: ReadonlyMap<string, DatabaseEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly peers: ReadonlyMap<number, PeerEntry>;
  /** What auth_hba_file and auth_ident_file say; null: auth_type is not hba. */
  readonly hba: Hba | null;
  /** User name to secret: users: entries win over auth_file. Never to be logged. */
  readonly secrets: ReadonlyMap<string, string>;
  /** The file it came from; null when it came from a text. */
  readonly file: string | null;
  readonly warnings: readonly Problem[];
}

export type LoadResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Names of the console: no entry of `databases:` may have them. */
export const CONSOLE_DATABASES: readonly string[] = ['pgbouncer', 'pgsluice'];

/** Where a client that asked for a database is taken. */
export interface DatabaseTarget {
  /** The name that the client asked for. */
  readonly name: string;
  /** It came from the "*" entry. */
  readonly auto: boolean;
  /** At least one. */
  readonly addresses: readonly HostAddress[];
  /** The name in Postgres. */
  readonly dbname: string;
  /** Log in as this user whoever the client is. */
  readonly forcedUser: string | null;
  /** The secret of forcedUser: the entry's own, else the one in users: or auth_file. */
  readonly forcedPassword: string | null;
  readonly connectQuery: string | null;
  readonly startupParameters: Readonly<Record<string, string>>;
}

/** The entry for a name, "*" included; null when there is none or the name is the console's. */
export function databaseEntry(config: Config, name: string): DatabaseEntry | null {
  if (CONSOLE_DATABASES.includes(name)) return null;
  return config.databases.get(name) ?? config.databases.get('*') ?? null;
}

/** Where a client that asks for `name` is taken; null: no such database. A new object each time. */
export function findDatabase(config: Config, name: string): DatabaseTarget | null {
  const entry = databaseEntry(config, name);
  if (!entry) return null;
  const forcedSecret = entry.user === null ? null : secretFor(config, entry.user);
  return {
    name,
    // A client may ask for a database that is called "*".
    auto: entry.name === '*',
    addresses: entry.addresses,
    dbname: entry.dbname ?? name,
    forcedUser: entry.user,
    forcedPassword: entry.password ?? forcedSecret,
    connectQuery: entry.connect_query,
    startupParameters: entry.startupParameters,
  };
}

/** The stored secret of a user: plain, md5... or SCRAM-SHA-256$...; null: no such user, or none stored. */
export function secretFor(config: Config, user: string): string | null {
  return config.secrets.get(user) ?? null;
}

/** A map that can't be changed: Object.freeze alone does not stop `set`. */
export function frozenMap<K, V>(entries: Iterable<readonly [K, V]>): ReadonlyMap<K, V> {
  const map = new Map(entries);
  const refuse = () => {
    throw new TypeError('the configuration is frozen');
  };
  return Object.freeze(Object.assign(map, { set: refuse, delete: refuse, clear: refuse }));
}
