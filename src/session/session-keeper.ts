// What a client's session is: what it asked for at its login, what its statements may have done, and what it expects.
//
// The texts are looked at here, and only suspected; inspection.ts asks the server what has come of them.

import type { EffectiveSettings } from '../config/effective.ts';
import type { FrameReader } from '../protocol/frame-reader.ts';
import { Frontend } from '../protocol/message-types.ts';
import { readBindValues } from '../protocol/readers.ts';
import type { CustomNames } from './custom-names.ts';
import type { Lexicon } from './lexicon.ts';
import type { Lexing } from './lexing.ts';
import { difference, ParameterSet } from './parameters.ts';
import { type SessionPolicy, sessionPolicy } from './policy.ts';
import { readResets, scan } from './scan.ts';
import { Suspect } from './suspect.ts';

/** Postgres: pg_proc.dat: lo_import, lo_export, lo_open, lo_close, loread, lowrite, lo_lseek, lo_creat, lo_create, lo_tell, ... */
const LARGE_OBJECT_FUNCTIONS: ReadonlySet<number> = new Set([
  715, 764, 765, 767, 952, 953, 954, 955, 956, 957, 958, 964, 1004, 3170, 3171, 3172, 3457, 3458, 3459, 3460,
]);

const ONLY_PREPARES = /^\s*prepare\s[^;]*;?\s*$/i;
const MAY_SET = Suspect.Parameter | Suspect.Opaque;

export class SessionKeeper {
  /** Startup parameters, as pg_settings writes them: RESET leads back to these. */
  readonly startup: ParameterSet;
  /** What the client's unnamed statement may do whenever it is bound. */
  unnamed: number = Suspect.None;
  /** What the statement that was looked at last may do. */
  found: number = Suspect.None;
  /** What of it is only to be counted. */
  warned: number = Suspect.None;
  /** What EXECUTE may do: that of all statements of SQL's PREPARE. */
  #prepared: number = Suspect.None;
  #restore: string | null = null;
  #restoreBehind = 0;

  constructor(startup: ParameterSet) {
    this.startup = startup;
  }

  /** Nothing may follow this message before its answer: it may reset what the client asked for at its login. */
  mayReset(type: number): boolean {
    return this.#restore !== null && type === this.#restoreBehind;
  }

  policy(settings: EffectiveSettings): SessionPolicy {
    return sessionPolicy(settings.session_policy, settings.session_opaque);
  }

  /** The Query or Parse under the cursor: bits of Suspect. */
  look(reader: FrameReader, settings: EffectiveSettings, lexicon: Lexicon, names: CustomNames, lexing: Lexing): number {
    const { type, buffer, start, end } = reader;
    const isQuery = type === Frontend.Query;
    const from = isQuery ? start + 5 : buffer.indexOf(0, start + 5) + 1;
    let found: number = Suspect.Opaque;
    // One that was not let through resets nothing.
    if (isQuery) this.#restore = null;
    if (reader.last && from > 0 && end - start <= settings.classify_max_bytes) {
      const zero = isQuery ? end - 1 : buffer.indexOf(0, from);
      const to = zero < from || zero > end ? end : zero;
      found = scan(buffer, from, to, lexicon, lexing);
      if ((found & MAY_SET) !== 0) found |= Suspect.Context;
      found |= lexicon.always;
      if (found !== Suspect.None) found = this.#lookCloser(found, buffer.toString('utf8', from, to), isQuery, names);
    }
    this.warned = Suspect.None;
    if (found !== Suspect.None) {
      const policy = this.policy(settings);
      this.warned = found & policy.warn;
      found &= policy.watched;
      if ((found & Suspect.Opaque) !== 0 && policy.isOpaquePinned) found |= Suspect.Held;
    }
    this.found = found;
    if (!isQuery && from === start + 6) this.unnamed = found;
    return found;
  }

  #lookCloser(suspected: number, text: string, isQuery: boolean, names: CustomNames): number {
    let found = (suspected & Suspect.Execute) === 0 ? suspected : suspected | this.#prepared;
    if ((found & MAY_SET) !== 0 && !names.readText(text)) found |= Suspect.Opaque;
    if ((found & Suspect.Prepare) !== 0) {
      this.#prepared |= found & ~Suspect.Prepare;
      if (ONLY_PREPARES.test(text)) found = Suspect.Prepare; // the rest is EXECUTE's
    }
    if ((found & Suspect.Resets) !== 0 && this.startup !== ParameterSet.EMPTY) {
      this.#restore = restoring(this.startup, readResets(text));
      this.#restoreBehind = isQuery ? Frontend.Query : Frontend.Sync;
    }
    return found;
  }

  /** A FunctionCall: by number. The functions of large objects are what drivers call so. */
  lookAtFunctionCall(reader: FrameReader): number {
    const { buffer, start, end } = reader;
    return end - start >= 9 && LARGE_OBJECT_FUNCTIONS.has(buffer.readUInt32BE(start + 5))
      ? Suspect.None
      : Suspect.Opaque;
  }

  /** A Bind of a statement that may do this: the values may be names of parameters that it sets. */
  lookAtBind(reader: FrameReader, found: number, names: CustomNames): number {
    if ((found & MAY_SET) === 0) return found;
    const values = reader.first && reader.last ? readBindValues(reader.buffer, reader.start, reader.end) : null;
    if (values === null) return found | Suspect.Opaque;
    let isClear = true;
    for (const value of values) if (!names.readValue(value)) isClear = false;
    return isClear ? found : found | Suspect.Opaque;
  }

  /** The SQL that sets startup parameters again; given once. */
  takeRestore(): string | null {
    const sql = this.#restore;
    this.#restore = null;
    return sql;
  }

  /** What the client expects of its next server: what was found, and its startup parameters where they were reset. */
  expected(found: ParameterSet): ParameterSet {
    let expected = found;
    for (const [name, value] of this.startup.entries)
      if (!found.entries.has(name)) expected = expected.with(name, value);
    return expected;
  }
}

/** SETs of those startup parameters that were reset. */
function restoring(startup: ParameterSet, reset: readonly string[] | 'all'): string | null {
  const names = reset === 'all' ? null : new Set(reset.map((name) => name.toLowerCase()));
  const wanted = [...startup.entries].filter(([name]) => names === null || names.has(name));
  return wanted.length === 0 ? null : difference(ParameterSet.EMPTY, ParameterSet.of(wanted));
}
