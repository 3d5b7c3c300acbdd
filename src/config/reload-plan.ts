// What a reload changes, and when each change takes hold.
import type { Config, DatabaseEntry, PasswordSource, UserEntry } from './config.ts';
import { formatValue } from './kinds.ts';
import { rowsOf, type SettingKey, type Settings } from './settings-table.ts';
import type { ReloadClass, Scope, SettingValue } from './table/row.ts';

export interface ReloadChange {
  /** A setting or a key of an entry; `database`, `user`, `peer` or `secret` when a whole one came or went. */
  readonly key: string;
  /** `global`, `database:NAME`, `user:NAME` or `peer:ID`. */
  readonly scope: string;
  /** As in a file, secrets as ****; null: not set, or not there. */
  readonly from: string | null;
  readonly to: string | null;
  readonly reload: ReloadClass;
}

/** The changes from one configuration to the next, global ones first. Empty: nothing changes. */
export function planReload(old: Config, next: Config): readonly ReloadChange[] {
  const changes: ReloadChange[] = [];
  compareValues('global', 'global', { ...old.settings }, { ...next.settings }, changes);
  for (const name of union(old.databases, next.databases)) {
    const scope = `database:${name}`;
    const [from, to] = [old.databases.get(name), next.databases.get(name)];
    if (from && to) compareValues('database', scope, databaseValues(from), databaseValues(to), changes);
    else changes.push(cameOrWent('database', scope, from !== undefined));
  }
  for (const name of union(old.users, next.users)) {
    const scope = `user:${name}`;
    const [from, to] = [old.users.get(name), next.users.get(name)];
    if (from && to) compareValues('user', scope, userValues(from), userValues(to), changes);
    else changes.push(cameOrWent('user', scope, from !== undefined));
  }
  for (const id of union(old.peers, next.peers)) {
    const scope = `peer:${id}`;
    const [from, to] = [old.peers.get(id), next.peers.get(id)];
    if (from && to) compareValues('peer', scope, { ...from }, { ...to }, changes);
    else changes.push(cameOrWent('peer', scope, from !== undefined));
  }
  compareSecrets(old, next, changes);
  return changes;
}

/** `next` with the values that only a restart changes kept as they are in `old`: what is in force after a reload. */
export function afterReload(old: Config, next: Config): Config {
  const kept: Record<string, SettingValue> = {};
  for (const [key, row] of rowsOf.global) {
    if (row.reload === 'restart') kept[key] = old.settings[key as SettingKey];
  }
  return Object.freeze({ ...next, settings: Object.freeze({ ...next.settings, ...kept }) as Settings });
}

type Values = Readonly<Record<string, SettingValue | null>>;

function compareValues(scope: Scope, label: string, from: Values, to: Values, changes: ReloadChange[]): void {
  for (const [key, row] of rowsOf[scope]) {
    const [before, after] = [from[key] ?? null, to[key] ?? null];
    if (same(before, after)) continue;
    const text = (value: SettingValue | null) => (value === null ? null : formatValue(row, value));
    changes.push({ key, scope: label, from: text(before), to: text(after), reload: row.reload });
  }
}

function databaseValues(entry: DatabaseEntry): Values {
  const { host, addresses, dbname, user, password, pool_size, connect_query, startupParameters, overrides } = entry;
  const ports = addresses.map((address) => String(address.port));
  const port = ports.every((one) => one === ports[0]) ? ports.slice(0, 1) : ports;
  const own = { host, port, dbname, user, password, pool_size, connect_query, ...sourceValues(entry.passwordSource) };
  return { ...overrides, ...startupParameters, ...own };
}

function userValues({ password, pool_size, overrides, passwordSource }: UserEntry): Values {
  return { ...overrides, password, pool_size, ...sourceValues(passwordSource) };
}

function sourceValues(source: PasswordSource | null): Values {
  if (source === null) return {};
  return source.kind === 'file' ? { password_file: source.path } : { password_command: source.argv };
}

/** Secrets that came, went or changed in auth_file: those of users: entries are told with the entry. */
function compareSecrets(old: Config, next: Config, changes: ReloadChange[]): void {
  for (const name of union(old.secrets, next.secrets)) {
    const [from, to] = [old.secrets.get(name), next.secrets.get(name)];
    const told = old.users.get(name)?.password !== next.users.get(name)?.password;
    if (from === to || told) continue;
    const mask = (secret: string | undefined) => (secret === undefined ? null : '****');
    changes.push({ key: 'secret', scope: `user:${name}`, from: mask(from), to: mask(to), reload: 'live' });
  }
}

function cameOrWent(key: string, scope: string, went: boolean): ReloadChange {
  return { key, scope, from: went ? 'defined' : null, to: went ? null : 'defined', reload: went ? 'drain' : 'live' };
}

function same(a: SettingValue | null, b: SettingValue | null): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => item === b[i]);
  return a === b;
}

function union<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): Set<K> {
  return new Set([...a.keys(), ...b.keys()]);
}
