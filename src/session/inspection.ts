// What a server's session has come to, in Postgres' own words: the statement that asks, and the reader of its answer. Pure.
//
// Syntax only suspects: whatever set a parameter or took it back (SET, functions, ROLLBACK, savepoints), pg_settings knows
// what is set now; and so do the other views for locks, temporary objects, cursors, channels and prepared statements.

import { MAX_CHANNELS, NO_CHANNELS } from './channels.ts';
import type { CustomNames } from './custom-names.ts';
import { isPreparedName, ParameterSet, preparedName } from './parameters.ts';
import { Suspect } from './suspect.ts';

/** What holds a server to its client and can be looked up. */
const VISIBLE_PINS = Suspect.Temp | Suspect.AdvisoryLock | Suspect.HoldCursor | Suspect.Listen;
/** What holds a server and no view shows: it stays until the client leaves. */
export const BLIND_PINS = Suspect.Sequence | Suspect.Seed | Suspect.Load | Suspect.Held;

const PARAMETERS = Suspect.Parameter | Suspect.Resets;
const PREPARED = Suspect.Prepare | Suspect.Execute | Suspect.DeallocateAll;

/** What has to be asked when these are suspected on a server that is held for these pins: bits of Suspect. */
export function partsToInspect(suspect: number, pins: number): number {
  let parts = suspect & (PARAMETERS | PREPARED | VISIBLE_PINS);
  if ((suspect & (Suspect.Opaque | Suspect.Catalog)) !== 0) parts |= Suspect.Parameter | Suspect.Prepare | VISIBLE_PINS;
  if ((suspect & Suspect.Ends) !== 0) parts |= pins & VISIBLE_PINS;
  if ((parts & PARAMETERS) !== 0) parts |= Suspect.Parameter;
  if ((parts & PREPARED) !== 0) parts |= Suspect.Prepare;
  return parts & (Suspect.Parameter | Suspect.Prepare | VISIBLE_PINS);
}

/** The letter of a row's first column. */
const Kind = { setting: 's', original: 'o', role: 'r', custom: 'c', prepared: 'p', pin: 'h', channel: 'l' } as const;

const EQUALS = 'OPERATOR(pg_catalog.=)';
const text = (expression: string) => `(${expression})::pg_catalog.text`;
const row = (kind: string, name: string, value: string) => `SELECT ${text(`'${kind}'`)}, ${name}, ${value}`;
const pinRow = (pin: number, exists: string) => `${row(Kind.pin, text(`'${pin}'`), text("''"))} WHERE ${exists}`;

/** Settings that the inspection itself changes, so that neither stops it nor garbles its answer. */
const OURS = ['statement_timeout', 'client_encoding'] as const;

const PARAMETER_ROWS = [
  `${row(
    Kind.setting,
    'name',
    `CASE WHEN name ${EQUALS} ANY ('{${OURS.join(',')}}'::pg_catalog.text[]) THEN reset_val ELSE setting END`,
  )} FROM pg_catalog.pg_settings WHERE source ${EQUALS} 'session'`,
  row(Kind.role, text("'role'"), "pg_catalog.current_setting('role')"),
  row(Kind.role, text("'session_authorization'"), text('SESSION_USER')),
];
const PREPARED_ROWS = `${row(Kind.prepared, 'name', 'statement')} FROM pg_catalog.pg_prepared_statements WHERE from_sql`;
const PIN_ROWS: readonly (readonly [number, string])[] = [
  [
    Suspect.Temp,
    `EXISTS (SELECT FROM pg_catalog.pg_class WHERE relnamespace ${EQUALS} pg_catalog.pg_my_temp_schema())` +
      ` OR EXISTS (SELECT FROM pg_catalog.pg_proc WHERE pronamespace ${EQUALS} pg_catalog.pg_my_temp_schema())` +
      ` OR EXISTS (SELECT FROM pg_catalog.pg_type WHERE typnamespace ${EQUALS} pg_catalog.pg_my_temp_schema())`,
  ],
  [
    Suspect.AdvisoryLock,
    `EXISTS (SELECT FROM pg_catalog.pg_locks WHERE locktype ${EQUALS} 'advisory' AND pid ${EQUALS} pg_catalog.pg_backend_pid())`,
  ],
  [Suspect.HoldCursor, 'EXISTS (SELECT FROM pg_catalog.pg_cursors WHERE is_holdable)'],
];
/** One more than a client may share tells that there are too many. */
const CHANNEL_ROWS =
  `${row(Kind.channel, 'name', text("''"))} FROM` +
  ` (SELECT name FROM pg_catalog.pg_listening_channels() l (name) LIMIT ${MAX_CHANNELS + 1}) l`;

/** A custom parameter that was set once and reset is empty and never null again: that is as good as not set. */
const customRows = (names: CustomNames) =>
  `${row(Kind.custom, 'name', 'value')} FROM (SELECT name, pg_catalog.current_setting(name, true)` +
  ` FROM pg_catalog.unnest('${names.arrayText}'::pg_catalog.text[]) n (name) OFFSET 0) c (name, value)` +
  ` WHERE value OPERATOR(pg_catalog.<>) ''`;

const QUERY_HEAD = [
  'BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY, NOT DEFERRABLE',
  OURS.map((name) => row(Kind.original, text(`'${name}'`), `pg_catalog.current_setting('${name}')`)).join(
    ' UNION ALL ',
  ),
  'SET LOCAL statement_timeout TO 0',
  "SET LOCAL client_encoding TO 'UTF8'",
].join(';');

const rowsOfParts = new Map<number, string>();

/** Simple Query text that asks for these parts. Nothing a client has set (search_path, timeouts, read only) changes its meaning. */
export function inspectionQuery(parts: number, names: CustomNames): string {
  let rows = rowsOfParts.get(parts);
  if (rows === undefined) {
    rows = makeRows(parts);
    rowsOfParts.set(parts, rows);
  }
  const custom = (parts & Suspect.Parameter) !== 0 && names.size > 0 ? ` UNION ALL ${customRows(names)}` : '';
  return `${QUERY_HEAD};${rows}${custom};COMMIT`;
}

function makeRows(parts: number): string {
  const rows: string[] = [];
  if ((parts & Suspect.Parameter) !== 0) rows.push(...PARAMETER_ROWS);
  if ((parts & Suspect.Prepare) !== 0) rows.push(PREPARED_ROWS);
  for (const [pin, exists] of PIN_ROWS) if ((parts & pin) !== 0) rows.push(pinRow(pin, exists));
  if ((parts & Suspect.Listen) !== 0) rows.push(CHANNEL_ROWS);
  return rows.join(' UNION ALL ');
}

/** Belong to a transaction, and the inspection's own has them set. */
const OF_TRANSACTION = new Set(['transaction_deferrable', 'transaction_isolation', 'transaction_read_only']);

export class Inspection {
  readonly parts: number;
  /** Statements of SQL's PREPARE that are not known yet stay where they are. */
  readonly #keepsStatements: boolean;
  readonly #loginRole: string;
  readonly #settings = new Map<string, string>();
  readonly #originals = new Map<string, string>();
  readonly #prepared = new Map<string, string>();
  #channels: Set<string> | null = null;
  #pins = 0;

  /** Of a server that logged in as loginRole, with these bits of Suspect. */
  constructor(suspect: number, pins: number, loginRole: string) {
    this.parts = partsToInspect(suspect, pins);
    const isOutOfContext = (suspect & Suspect.Prepare) !== 0 && (suspect & Suspect.Context) !== 0;
    this.#keepsStatements = isOutOfContext || (pins & Suspect.Prepare) !== 0;
    this.#loginRole = loginRole;
  }

  /** A whole DataRow at buffer[start, end). */
  readRow(buffer: Buffer, start: number, end: number): void {
    const [kind, name, value] = readTexts(buffer, start + 7, end);
    if (kind === undefined || name === undefined || value === undefined) return;
    if (kind === Kind.setting) {
      if (!OF_TRANSACTION.has(name)) this.#settings.set(name, value);
    } else if (kind === Kind.custom) this.#settings.set(name, value);
    else if (kind === Kind.original) this.#originals.set(name, value);
    else if (kind === Kind.role) this.#role(name, value);
    else if (kind === Kind.prepared) this.#prepared.set(name, value);
    else if (kind === Kind.pin) this.#pins |= Number(value === '' ? name : 0);
    else if (kind === Kind.channel) {
      this.#pins |= Suspect.Listen;
      this.#channels ??= new Set();
      this.#channels.add(name);
    }
  }

  #role(name: string, value: string): void {
    if (name === 'role' ? value !== 'none' : value !== this.#loginRole) this.#settings.set(name, value);
  }

  /** The pins that a server has after this, when it had these before. Behind parameters(). */
  pins(before: number): number {
    const looked = (this.parts & VISIBLE_PINS) | ((this.parts & Suspect.Prepare) !== 0 ? Suspect.Prepare : 0);
    return (before & ~looked) | this.#pins;
  }

  /** The channels that it listens to, when these were known before. */
  channels(before: ReadonlySet<string>): ReadonlySet<string> {
    return (this.parts & Suspect.Listen) === 0 ? before : (this.#channels ?? NO_CHANNELS);
  }

  /** What the session has now: what was looked at as found, the rest as before. */
  parameters(before: ParameterSet): ParameterSet {
    const entries = new Map<string, string>();
    const looksAtSettings = (this.parts & Suspect.Parameter) !== 0;
    const looksAtPrepared = (this.parts & Suspect.Prepare) !== 0;
    for (const [name, value] of before.entries) {
      if (!(isPreparedName(name) ? looksAtPrepared : looksAtSettings)) entries.set(name, value);
    }
    for (const [name, value] of this.#settings) {
      const original = this.#originals.get(name);
      if (original === undefined) entries.set(name, value);
      else if (!isSame(name, original, value)) entries.set(name, original);
    }
    for (const [name, text] of this.#prepared) {
      const statement = this.#statementOf(text, before.entries.get(preparedName(name)));
      if (statement === null) this.#pins |= Suspect.Prepare;
      else entries.set(preparedName(name), statement);
    }
    const after = ParameterSet.of(entries);
    return after.equals(before) ? before : after;
  }

  /** What prepares it on another server. Postgres keeps the whole string that it came in: with more in it, it can't be said again. */
  #statementOf(text: string, known: string | undefined): string | null {
    if (known !== undefined && text.includes(known)) return known;
    if (this.#keepsStatements || !/^\s*prepare\s[^;]*;?\s*$/i.test(text)) return null;
    return text.replace(/;\s*$/, '');
  }
}

/** current_setting() speaks with units, pg_settings without. */
function isSame(name: string, original: string, resetValue: string): boolean {
  return name === 'statement_timeout' ? milliseconds(original) === Number(resetValue) : original === resetValue;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

function milliseconds(value: string): number {
  const match = /^(\d+)([a-z]*)$/.exec(value);
  return match === null ? Number.NaN : Number(match[1]) * (UNITS[match[2]!] ?? 1);
}

function readTexts(buffer: Buffer, from: number, end: number): string[] {
  const texts: string[] = [];
  for (let at = from; at + 4 <= end; ) {
    const length = buffer.readInt32BE(at);
    at += 4;
    if (length < 0) texts.push('');
    else texts.push(buffer.toString('utf8', at, Math.min(at + length, end)));
    at += Math.max(length, 0);
  }
  return texts;
}
