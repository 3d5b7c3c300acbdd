// Rows: where secrets come from that do not stand in the file.
import { GLOBAL, GLOBAL_DATABASE, type SettingRows } from './row.ts';

export const lookupRows = {
  auth_dbname: {
    kind: 'text',
    default: '',
    scope: GLOBAL_DATABASE,
    reload: 'live',
    doc: 'The entry of databases: over which auth_query runs. Empty: the database that the client asked for; then nobody is asked for at the console.',
  },
  auth_query: {
    kind: 'text',
    default:
      'SELECT rolname, CASE WHEN rolvaliduntil < pg_catalog.now() THEN NULL ELSE rolpassword END FROM pg_catalog.pg_authid WHERE rolname=$1 AND rolcanlogin',
    scope: GLOBAL_DATABASE,
    reload: 'live',
    doc: 'Asks Postgres for the secret of a user that neither users: nor auth_file has one for. $1 is its name; the answer is at most one row of its name and its secret, NULL for none. It runs as auth_user on a connection of its own, which no client can reach, no limit counts, and 30s without a question end.',
    differs:
      'search_path is pg_catalog, so functions and tables of others need their schema; a row with another name than the one asked for is no row, and two rows are an error.',
  },
  auth_query_ttl: {
    kind: 'duration',
    default: 0,
    max: 86_400_000,
    zero: 'asked at each login',
    scope: GLOBAL_DATABASE,
    reload: 'live',
    ours: true,
    doc: 'So long an answer of auth_query is used again, unless a login has failed with it. Longer than nothing means that a changed password may fail once, and that whoever is locked out in Postgres may come in for so long. Logins of one user at the same time share one answer anyway, and answers that are at most 5 minutes old serve while Postgres can not be asked.',
  },
  auth_user: {
    kind: 'text',
    default: '',
    scope: GLOBAL_DATABASE,
    reload: 'live',
    doc: 'Runs auth_query for users that neither users: nor auth_file has a secret for; its own secret stands in one of them. Empty: such users are strangers.',
  },
  password_command_timeout: {
    kind: 'duration',
    default: 10_000,
    min: 100,
    max: 300_000,
    scope: GLOBAL,
    reload: 'live',
    ours: true,
    doc: 'A password_command that takes longer is ended. What it gave before stays in force, and it runs again 5s later.',
  },
  password_command_ttl: {
    kind: 'duration',
    default: 300_000,
    max: 86_400_000,
    zero: 'until Postgres refuses it',
    scope: GLOBAL,
    reload: 'live',
    ours: true,
    doc: 'So long what a password_command gave is used before it runs again. Less than the password is valid for: a token of AWS RDS lives for 15 minutes.',
  },
} as const satisfies SettingRows;
