// Settings that are right one by one and wrong together.
import { CONSOLE_DATABASES } from './config.ts';
import { checkHba, checkTls } from './contradictions-of-logins.ts';
import { isLoopback } from './loopback.ts';
import type { Parts } from './parts.ts';
import type { Place } from './problems.ts';
import { placeOf } from './read-entries.ts';
import type { Findings } from './read-scope.ts';
import type { Settings } from './settings-table.ts';
import type { MapNode } from './yaml.ts';

export function findContradictions(parts: Parts, findings: Findings): void {
  checkTrust(parts, findings);
  checkPorts(parts, findings);
  checkSocket(parts, findings);
  checkTls(parts, findings);
  checkHba(parts, findings);
  checkTokens(parts, findings);
  checkSizes(parts, findings);
  checkNames(parts, findings);
  checkLookups(parts, findings);
  checkTimes(parts, findings);
  checkTraces(parts, findings);
}

function checkTrust({ root, settings }: Parts, { errors }: Findings): void {
  const { auth_type, listen_addr } = settings;
  const open = listen_addr.filter((address) => !isLoopback(address));
  if ((auth_type !== 'trust' && auth_type !== 'any') || open.length === 0) return;
  const what = `auth_type ${auth_type} asks for no password, and listen_addr ${open.join(', ')} can be reached from outside: no trust auth on a public address`;
  errors.add(placeOf(root, 'auth_type', 'listen_addr'), 'auth_type', what);
}

/** Two servers on one address and port: the second could not start. */
function checkPorts({ root, settings }: Parts, { errors, warnings }: Findings): void {
  const { health_listen_addr, health_listen_port, http_listen_addr, http_listen_port, listen_addr, listen_port } =
    settings;
  const healthOn = health_listen_addr !== '' && health_listen_port !== 0;
  if (health_listen_addr !== '' && health_listen_port === 0) {
    errors.add(placeOf(root, 'health_listen_addr'), 'health_listen_addr', 'needs health_listen_port');
  } else if (health_listen_port !== 0 && health_listen_addr === '') {
    warnings.add(placeOf(root, 'health_listen_port'), 'health_listen_port', 'has no effect without health_listen_addr');
  }
  const clash = (key: string, address: string, port: number, otherAddresses: readonly string[], otherPort: number) => {
    if (port === 0 || port !== otherPort) return;
    if (!otherAddresses.some((other) => address === other || isEvery(address) || isEvery(other))) return;
    errors.add(placeOf(root, key), key, `port ${port} is taken already by another setting`);
  };
  if (http_listen_port !== 0) clash('http_listen_port', http_listen_addr, http_listen_port, listen_addr, listen_port);
  if (!healthOn) return;
  clash('health_listen_port', health_listen_addr, health_listen_port, listen_addr, listen_port);
  clash('health_listen_port', health_listen_addr, health_listen_port, [http_listen_addr], http_listen_port);
}

function checkSocket({ root, settings }: Parts, { errors, warnings }: Findings): void {
  const { listen_addr, listen_port, unix_socket_dir: directory, unix_socket_mode: mode } = settings;
  if (!/^[0-7]{3,4}$/.test(mode))
    errors.add(placeOf(root, 'unix_socket_mode'), 'unix_socket_mode', `"${mode}" is no mode in octal digits, as 0770`);
  if (directory === '') {
    if (listen_addr.length === 0)
      errors.add(placeOf(root, 'listen_addr'), 'listen_addr', 'is empty, and unix_socket_dir too: nobody can connect');
    return;
  }
  if (!directory.startsWith('/') && !/^@./.test(directory))
    errors.add(placeOf(root, 'unix_socket_dir'), 'unix_socket_dir', 'begins neither with / nor with @');
  if (listen_addr.length === 0 && listen_port === 0)
    errors.add(placeOf(root, 'listen_port'), 'listen_port', '0 needs a TCP address: a socket is found by its number');
  if (!directory.startsWith('@')) return;
  for (const key of ['unix_socket_group', 'unix_socket_mode'] as const)
    if (root.entries.has(key))
      warnings.add(placeOf(root, key), key, 'has no effect: an abstract socket has neither mode nor group');
}

/** What can be guessed is no secret. */
const SHORTEST_TOKEN = 16;

function checkTokens({ root, settings }: Parts, { errors, warnings }: Findings): void {
  for (const key of ['http_read_token', 'http_action_token'] as const) {
    const { length } = settings[key];
    if (length > 0 && length < SHORTEST_TOKEN)
      errors.add(placeOf(root, key), key, `is shorter than ${SHORTEST_TOKEN} characters`);
  }
  const { http_listen_addr, http_listen_port, http_read_token, http_action_token } = settings;
  if (http_listen_port === 0 || isLoopback(http_listen_addr) || http_read_token !== '' || http_action_token !== '')
    return;
  const message = `${http_listen_addr} can be reached from outside: without http_read_token only health and metrics are served there`;
  warnings.add(placeOf(root, 'http_listen_addr'), 'http_listen_addr', message);
}

function isEvery(address: string): boolean {
  return address === '*' || address === '0.0.0.0' || address === '::';
}

function checkSizes({ root, settings, databases, users }: Parts, { errors, warnings }: Findings): void {
  if (settings.min_pool_size > settings.default_pool_size) {
    const message = `min_pool_size ${settings.min_pool_size} is more than default_pool_size ${settings.default_pool_size}`;
    errors.add(placeOf(root, 'min_pool_size', 'default_pool_size'), 'min_pool_size', message);
  }
  for (const { name, pool_size, overrides } of databases.values()) {
    const place = entryPlace(root, 'databases', name, 'min_pool_size', 'pool_size', 'max_db_connections');
    const size = pool_size ?? settings.default_pool_size;
    const min = overrides.min_pool_size ?? settings.min_pool_size;
    // The same global contradiction is not told again for each database.
    const own = overrides.min_pool_size !== undefined || pool_size !== null;
    if (own && min > size)
      errors.add(place, `databases.${name}`, `min_pool_size ${min} is more than pool_size ${size}`);
    const limit = overrides.max_db_connections ?? settings.max_db_connections;
    if (pool_size !== null && limit > 0 && pool_size > limit) {
      warnings.add(
        place,
        `databases.${name}`,
        `pool_size ${pool_size} can't be reached: max_db_connections is ${limit}`,
      );
    }
  }
  for (const { name, pool_size, overrides } of users.values()) {
    const limit = overrides.max_user_connections ?? settings.max_user_connections;
    if (pool_size === null || limit === 0 || pool_size <= limit) continue;
    const message = `pool_size ${pool_size} can't be reached: max_user_connections is ${limit}`;
    warnings.add(entryPlace(root, 'users', name, 'pool_size'), `users.${name}`, message);
  }
}

function asksPostgres({ settings, databases }: Pick<Parts, 'settings' | 'databases'>): boolean {
  return settings.auth_user !== '' || [...databases.values()].some(({ overrides }) => !!overrides.auth_user);
}

function checkNames({ root, settings, databases, users, secrets }: Parts, { warnings }: Findings): void {
  if (databases.size === 0)
    warnings.add(root.place, 'databases', 'no database is defined: every client will be refused');
  const { auth_type } = settings;
  if (auth_type === 'any') return;
  const isAsking = asksPostgres({ settings, databases });
  // What a command gives is not known yet.
  const isKnown = (user: string) => secrets.has(user) || (users.get(user)?.passwordSource ?? null) !== null;
  if (![...secrets.keys(), ...users.keys()].some(isKnown) && !isAsking) {
    warnings.add(
      root.place,
      'users',
      `auth_type ${auth_type} knows no user: neither users: nor auth_file has a secret`,
    );
    return;
  }
  for (const key of ['admin_users', 'stats_users'] as const) {
    const strangers = settings[key].filter((user) => !isKnown(user));
    if (strangers.length > 0 && !isAsking)
      warnings.add(placeOf(root, key), key, `no secret is known for ${strangers.join(', ')}`);
  }
  if (auth_type !== 'scram-sha-256') return;
  for (const [user, secret] of secrets) {
    if (!/^md5[0-9a-f]{32}$/.test(secret)) continue;
    const message = `an md5 secret can't serve auth_type scram-sha-256: this user can't log in`;
    warnings.add(entryPlace(root, 'users', user, 'password'), `users.${user}`, message);
  }
}

/** auth_query, at the top level and in each database. */
function checkLookups({ root, settings, databases, users, secrets }: Parts, { errors, warnings }: Findings): void {
  const check = (from: Partial<Settings>, path: string, placeFor: (key: string) => Place, own: string | null) => {
    const { auth_query, auth_user, auth_dbname } = from;
    if (auth_query !== undefined && !/\$1(?!\d)/.test(auth_query))
      errors.add(placeFor('auth_query'), `${path}auth_query`, 'has no $1, the name of the user that is asked for');
    if (auth_dbname !== undefined && auth_dbname !== '') {
      if (CONSOLE_DATABASES.includes(auth_dbname) || !(databases.has(auth_dbname) || databases.has('*')))
        errors.add(placeFor('auth_dbname'), `${path}auth_dbname`, `"${auth_dbname}" is no entry of databases:`);
    }
    if (auth_user === undefined || auth_user === '' || auth_user === own || secrets.has(auth_user)) return;
    if ((users.get(auth_user)?.passwordSource ?? null) !== null) return;
    const message = `no secret is known for ${auth_user}: it can log in only where Postgres asks for none`;
    warnings.add(placeFor('auth_user'), `${path}auth_user`, message);
  };
  check(settings, '', (key) => placeOf(root, key), null);
  for (const { name, overrides, user, password, passwordSource } of databases.values()) {
    const place = (key: string) => entryPlace(root, 'databases', name, key);
    check(overrides, `databases.${name}.`, place, password === null && passwordSource === null ? null : user);
  }
}

function checkTimes({ root, settings }: Parts, { errors, warnings }: Findings): void {
  const { shutdown_min_wait, shutdown_timeout, query_wait_notify, query_wait_timeout } = settings;
  if (shutdown_timeout > 0 && shutdown_min_wait > shutdown_timeout) {
    errors.add(placeOf(root, 'shutdown_min_wait'), 'shutdown_min_wait', 'is longer than shutdown_timeout');
  }
  if (root.entries.has('query_wait_notify') && query_wait_timeout > 0 && query_wait_notify >= query_wait_timeout) {
    const message = 'is not shorter than query_wait_timeout: no client will see the notice';
    warnings.add(placeOf(root, 'query_wait_notify'), 'query_wait_notify', message);
  }
}

function checkTraces({ root, settings }: Parts, { errors, warnings }: Findings): void {
  const { otlp_traces_endpoint: endpoint, guard } = settings;
  if (endpoint === '') return;
  const place = placeOf(root, 'otlp_traces_endpoint');
  if (!/^https?:\/\//i.test(endpoint) || !URL.canParse(endpoint))
    errors.add(place, 'otlp_traces_endpoint', `"${endpoint}" is no URL that begins with http:// or https://`);
  else if (!guard)
    warnings.add(place, 'otlp_traces_endpoint', 'has no effect without guard: no statement is looked at');
}

function entryPlace(root: MapNode, section: string, name: string, ...keys: string[]) {
  const map = root.entries.get(section)?.value;
  const entry = map?.kind === 'map' ? map.entries.get(name) : undefined;
  if (!entry) return root.place;
  return entry.value.kind === 'map' ? placeOf(entry.value, ...keys) : entry.keyPlace;
}
