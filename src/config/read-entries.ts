// Reads the entries of `databases:` and `users:`, with the secrets that they name.
import { resolve } from 'node:path';
import {
  CONSOLE_DATABASES,
  type DatabaseEntry,
  type HostAddress,
  type PasswordSource,
  type PeerEntry,
  type UserEntry,
} from './config.ts';
import { Fault, readInt } from './kinds.ts';
import { readPasswordFile } from './passwords.ts';
import { type Findings, readScope } from './read-scope.ts';
import { isSettingKey, rowsOf, type Settings } from './settings-table.ts';
import type { Scope, SettingValue } from './table/row.ts';
import type { MapNode } from './yaml.ts';

/** Postgres: NAMEDATALEN is 64, but a name can be longer on the wire; what a file may say ends here. */
const MAX_NAME_BYTES = 1024;

type Values = Readonly<Record<string, SettingValue>>;

/** What entries name that stands elsewhere. */
export interface Surroundings {
  readonly baseDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function readDatabases(root: MapNode, from: Surroundings, findings: Findings): Map<string, DatabaseEntry> {
  const databases = new Map<string, DatabaseEntry>();
  for (const { name, map, prefix, values } of entriesOf(root, 'databases', 'database', findings)) {
    if (CONSOLE_DATABASES.includes(name)) {
      findings.errors.add(map.place, prefix.slice(0, -1), 'this name is reserved for the console');
      continue;
    }
    const secret = secretOf(map, prefix, values, from, findings);
    const user = text(values, 'user');
    if ((secret.password !== null || secret.passwordSource !== null) && user === null) {
      findings.errors.add(placeOf(map, ...PASSWORD_KEYS), `${prefix}password`, 'needs user: whose password is it?');
    }
    const addresses = addressesOf(map, prefix, values, findings);
    databases.set(
      name,
      Object.freeze({
        name,
        host: addresses.map(({ host }) => host).join(','),
        port: addresses[0]!.port,
        addresses,
        dbname: text(values, 'dbname'),
        user,
        ...secret,
        pool_size: number(values, 'pool_size'),
        connect_query: text(values, 'connect_query'),
        startupParameters: startupParameters(values),
        overrides: overrides(values, 'database'),
      }),
    );
  }
  return databases;
}

export function readUsers(root: MapNode, from: Surroundings, findings: Findings): Map<string, UserEntry> {
  const users = new Map<string, UserEntry>();
  for (const { name, map, prefix, values } of entriesOf(root, 'users', 'user', findings)) {
    if (name === '*') {
      findings.errors.add(map.place, prefix.slice(0, -1), 'users: has no fallback entry; use the top level');
      continue;
    }
    const secret = secretOf(map, prefix, values, from, findings);
    users.set(
      name,
      Object.freeze({ name, ...secret, pool_size: number(values, 'pool_size'), overrides: overrides(values, 'user') }),
    );
  }
  return users;
}

/** PgBouncer: peer_id has 14 bits. */
const MAX_PEER_ID = 16_383;

export function readPeers(root: MapNode, findings: Findings): Map<number, PeerEntry> {
  const peers = new Map<number, PeerEntry>();
  for (const { name, map, prefix, values } of entriesOf(root, 'peers', 'peer', findings)) {
    const id = readInt(name, 1, MAX_PEER_ID);
    const path = prefix.slice(0, -1);
    if (id instanceof Fault) findings.errors.add(map.place, path, `the peer_id of another process ${id.reason}`);
    else if (!map.entries.has('host')) findings.errors.add(map.place, path, 'has no host');
    else {
      const host = text(values, 'host') ?? '';
      checkHost(host, placeOf(map, 'host'), `${prefix}host`, findings);
      const [port, pool_size] = [number(values, 'port') ?? 6432, number(values, 'pool_size')];
      peers.set(id, Object.freeze({ id, host, port, pool_size }));
    }
  }
  return peers;
}

interface RawEntry {
  readonly name: string;
  readonly map: MapNode;
  /** `databases.app.` */
  readonly prefix: string;
  readonly values: Values;
}

function* entriesOf(root: MapNode, section: string, scope: Scope, findings: Findings): Generator<RawEntry> {
  const { errors } = findings;
  const entry = root.entries.get(section);
  if (!entry || (entry.value.kind === 'scalar' && entry.value.empty)) return;
  if (entry.value.kind !== 'map') {
    errors.add(entry.value.place, section, `expected a map of names, found a ${entry.value.kind}`);
    return;
  }
  for (const [name, { keyPlace, value }] of entry.value.entries) {
    const path = `${section}.${name}`;
    if (name === '' || name.includes('\0') || Buffer.byteLength(name) > MAX_NAME_BYTES) {
      errors.add(keyPlace, path, `this is not the name of a ${scope}`);
    } else if (value.kind === 'map') {
      yield { name, map: value, prefix: `${path}.`, values: readScope(value, scope, `${path}.`, findings) };
    } else if (value.kind === 'scalar' && value.empty) {
      yield { name, map: { kind: 'map', entries: new Map(), place: keyPlace }, prefix: `${path}.`, values: {} };
    } else {
      // PgBouncer's "host=... dbname=..." is the likeliest text here.
      errors.add(
        value.place,
        path,
        `expected a map such as { ${scope === 'user' ? 'pool_size: 5' : 'host: db.internal'} }`,
      );
    }
  }
}

interface Secret {
  readonly password: string | null;
  readonly passwordSource: PasswordSource | null;
}

/** Keys that say what the password is, or where it comes from. */
const PASSWORD_KEYS = ['password', 'password_command', 'password_env', 'password_file'];

function secretOf(map: MapNode, prefix: string, values: Values, from: Surroundings, { errors }: Findings): Secret {
  const named = PASSWORD_KEYS.filter((key) => map.entries.has(key) && values[key] !== undefined);
  const [key, another] = named;
  if (another !== undefined) errors.add(placeOf(map, another), `${prefix}${another}`, `can't stand beside ${key}`);
  const refuse = (why: string): Secret => {
    errors.add(placeOf(map, key!), `${prefix}${key}`, why);
    return { password: null, passwordSource: null };
  };
  switch (key) {
    case undefined:
      return { password: null, passwordSource: null };
    case 'password_command': {
      const argv = values[key] as readonly string[];
      if (argv.length === 0) return refuse('is empty');
      if (argv.length === 1 && /\s/.test(argv[0]!))
        return refuse('is a list of the program and its arguments: [program, argument]. No shell takes a line apart');
      return { password: null, passwordSource: Object.freeze({ kind: 'command', argv: Object.freeze([...argv]) }) };
    }
    case 'password_env': {
      const name = values[key] as string;
      const password = from.env[name];
      return password ? { password, passwordSource: null } : refuse(`the variable ${name} is not set, or empty`);
    }
    case 'password_file': {
      const path = resolve(from.baseDir, values[key] as string);
      const secret = readPasswordFile(path);
      if (secret instanceof Fault) return refuse(`the file ${secret.reason}`);
      return { password: secret, passwordSource: Object.freeze({ kind: 'file', path }) };
    }
    default:
      return values[key] === '' ? refuse('is empty') : { password: text(values, key), passwordSource: null };
  }
}

/** libpq: one port for all hosts, or one for each. */
function addressesOf(map: MapNode, prefix: string, values: Values, findings: Findings): readonly HostAddress[] {
  const hosts = (text(values, 'host') ?? '127.0.0.1').split(',').map((host) => host.trim());
  for (const host of hosts) checkHost(host, placeOf(map, 'host'), `${prefix}host`, findings);
  const ports = values.port === undefined ? [5432] : (values.port as readonly string[]).map(Number);
  if (ports.length > 1 && ports.length !== hosts.length) {
    const message = `${ports.length} ports for ${hosts.length === 1 ? 'one host' : `${hosts.length} hosts`}`;
    findings.errors.add(placeOf(map, 'port'), `${prefix}port`, message);
  }
  return Object.freeze(hosts.map((host, i) => Object.freeze({ host, port: ports[i] ?? ports[0]! })));
}

function checkHost(host: string, place: MapNode['place'], path: string, { errors }: Findings): void {
  if (host.startsWith('/') || /^@./.test(host)) return;
  if (host === '' || /[\s/,]/.test(host)) errors.add(place, path, 'this is no name, no address and no directory');
}

function startupParameters(values: Values): Readonly<Record<string, string>> {
  const parameters: Record<string, string> = {};
  for (const key of ['application_name', 'client_encoding', 'datestyle', 'timezone']) {
    const value = text(values, key);
    if (value !== null) parameters[key] = value;
  }
  return Object.freeze(parameters);
}

/** The values that override global settings. Their types follow from the rows that read them. */
function overrides(values: Values, scope: Scope): Readonly<Partial<Settings>> {
  return Object.freeze(Object.fromEntries(Object.entries(values).filter(([key]) => isOverride(key, scope))));
}

/** A key of an entry may have the name of a global setting that it has nothing to do with: user. */
function isOverride(key: string, scope: Scope): boolean {
  return isSettingKey(key) && (rowsOf.global.get(key)?.scope.includes(scope) ?? false);
}

function text(values: Values, key: string): string | null {
  const value = values[key];
  return typeof value === 'string' ? value : null;
}

function number(values: Values, key: string): number | null {
  const value = values[key];
  return typeof value === 'number' ? value : null;
}

/** The place of the first of these keys that is there, else of the map. */
export function placeOf(map: MapNode, ...keys: string[]) {
  for (const key of keys) {
    const entry = map.entries.get(key);
    if (entry) return entry.value.place;
  }
  return map.place;
}
