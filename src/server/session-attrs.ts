// What kind of server a login must have found: target_session_attrs, judged as libpq does. Pure.

/** What may be asked of one server. prefer-standby is a choice between servers, and asks for one of these at a time. */
export type SessionAttrs = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby';

/** What a server says of itself. Postgres reports both at login since 14, where they are on or off. */
export interface ServerRole {
  readonly isStandby: boolean;
  /** default_transaction_read_only. */
  readonly isReadOnly: boolean;
}

/** For servers that do not report it. */
export const ROLE_QUERY = "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only')";

/**
 * The same, of a session that clients have used: what they have set does not count, and their search_path does not either.
 */
export const CURRENT_ROLE_QUERY =
  "SELECT pg_catalog.pg_is_in_recovery(), (SELECT s.reset_val FROM pg_catalog.pg_settings s WHERE s.name OPERATOR(pg_catalog.=) 'default_transaction_read_only')";

/** Null: it does not tell. */
export function reportedRole(reported: ReadonlyMap<string, string>): ServerRole | null {
  const standby = reported.get('in_hot_standby');
  const readOnly = reported.get('default_transaction_read_only');
  if (standby === undefined || readOnly === undefined) return null;
  return { isStandby: standby === 'on', isReadOnly: readOnly === 'on' };
}

/** Null: it is what is wanted; else why not, in the words of libpq. */
export function unfitness(wanted: SessionAttrs, { isStandby, isReadOnly }: ServerRole): string | null {
  switch (wanted) {
    case 'any':
      return null;
    case 'read-write':
      return isStandby || isReadOnly ? 'session is read-only' : null;
    case 'read-only':
      return isStandby || isReadOnly ? null : 'session is not read-only';
    case 'primary':
      return isStandby ? 'server is in hot standby mode' : null;
    case 'standby':
      return isStandby ? null : 'server is not in hot standby mode';
  }
}

/** Reads the one row of either query: whole DataRows at buffer[start, end). */
export class RoleReader {
  /** Null: no row that can be understood has come. */
  role: ServerRole | null = null;

  readRow(buffer: Buffer, start: number, end: number): void {
    const fields = [...fieldsOf(buffer, start + 7, end)];
    if (fields.length === 2) this.role = { isStandby: fields[0] === 't', isReadOnly: fields[1] === 'on' };
  }
}

function* fieldsOf(buffer: Buffer, start: number, end: number): Iterable<string> {
  for (let at = start; at + 4 <= end; ) {
    const length = Math.max(buffer.readInt32BE(at), 0);
    at += 4;
    if (at + length > end) return;
    yield buffer.toString('latin1', at, at + length);
    at += length;
  }
}
