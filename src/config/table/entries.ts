// Rows: keys that only an entry of `databases:`, of `users:` or of `peers:` has. A default of null means: not set.
import { DATABASE, MAX_CONNECTIONS, PEER, type SettingRows, USER } from './row.ts';

export const databaseRows = {
  application_name: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'application_name that servers of this database start with.',
  },
  client_encoding: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'client_encoding that servers of this database start with.',
  },
  connect_query: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'A statement that runs on each new server before a client gets it.',
  },
  datestyle: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'DateStyle that servers of this database start with.',
  },
  dbname: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'The name of the database in Postgres. Not set: the name that the client asked for.',
  },
  host: {
    kind: 'text',
    default: '127.0.0.1',
    scope: DATABASE,
    reload: 'drain',
    doc: 'A name or an address, or a directory that starts with / for a Unix socket.',
    differs: 'not set means 127.0.0.1, not a Unix socket.',
  },
  password: {
    kind: 'secret',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'The password of user, for the login to Postgres. Not set: the secret of that user in users: or auth_file.',
  },
  password_file: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    ours: true,
    doc: 'A file that holds the password, relative to this file. One newline at its end is not part of it.',
  },
  pool_size: {
    kind: 'int',
    min: 1,
    max: MAX_CONNECTIONS,
    default: null,
    scope: DATABASE,
    reload: 'live',
    doc: 'Servers of each pool of this database. Not set: default_pool_size.',
  },
  port: {
    kind: 'int',
    min: 1,
    max: 65_535,
    default: 5432,
    scope: DATABASE,
    reload: 'drain',
    doc: 'The port of Postgres.',
  },
  timezone: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'TimeZone that servers of this database start with.',
  },
  user: {
    kind: 'text',
    default: null,
    scope: DATABASE,
    reload: 'drain',
    doc: 'Log in to Postgres as this user, whoever the client is. All clients of the database share one pool then.',
  },
} as const satisfies SettingRows;

export const userRows = {
  password: {
    kind: 'secret',
    default: null,
    scope: USER,
    reload: 'live',
    doc: 'The secret of the user: the password itself, md5 and 32 hexadecimal digits, or SCRAM-SHA-256$...',
  },
  password_file: {
    kind: 'text',
    default: null,
    scope: USER,
    reload: 'live',
    doc: 'A file that holds the secret, relative to this file. One newline at its end is not part of it.',
  },
  pool_size: {
    kind: 'int',
    min: 1,
    max: MAX_CONNECTIONS,
    default: null,
    scope: USER,
    reload: 'live',
    doc: 'Servers of each pool of this user. Wins over pool_size of the database.',
  },
} as const satisfies SettingRows;

export const peerRows = {
  host: {
    kind: 'text',
    default: null,
    scope: PEER,
    reload: 'live',
    doc: 'Where the other process alone is reached: an address that only it listens on, or the directory of its Unix socket. Must be set.',
  },
  pool_size: {
    kind: 'int',
    min: 1,
    max: MAX_CONNECTIONS,
    default: null,
    scope: PEER,
    reload: 'live',
    doc: 'Cancel requests that are on their way to it at a time. Not set: default_pool_size.',
  },
  port: {
    kind: 'int',
    min: 1,
    max: 65_535,
    default: 6432,
    scope: PEER,
    reload: 'live',
    doc: 'Its port.',
  },
} as const satisfies SettingRows;
