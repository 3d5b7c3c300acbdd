// Logs in to Postgres: a machine from StartupMessage to the first ReadyForQuery. Pure: bytes in, steps out.
//
// "Start-up" in the protocol's message flow. Asks for protocol 3.2 (long cancel keys) and takes what the server offers.

import { createServerAuth, type ServerAuth, type ServerAuthOptions, type ServerTls } from '../auth/server-auth.ts';
import type { ServerAuthStep } from '../auth/server-auth-step.ts';
import { type ErrorFields, readErrorFields } from '../protocol/error-fields.ts';
import { Backend, typeName } from '../protocol/message-types.ts';
import { MAX_CANCEL_KEY_LENGTH, PROTOCOL_3_2 } from '../protocol/startup.ts';
import { password, query, startupMessage } from '../protocol/writer.ts';
import {
  ROLE_QUERY,
  RoleReader,
  reportedRole,
  type ServerRole,
  type SessionAttrs,
  unfitness,
} from './session-attrs.ts';

export interface ServerLoginOptions {
  readonly user: string;
  readonly database: string;
  /** Further startup parameters: what the database entry sets, `replication`. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly credentials: Omit<ServerAuthOptions, 'user' | 'tls'>;
  /** Default: any. */
  readonly wanted?: SessionAttrs;
}

export type ServerLoginStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'send'; readonly bytes: Buffer }
  /** Run PBKDF2 off the loop, then call derived(). */
  | { readonly kind: 'derive'; readonly password: string; readonly salt: Buffer; readonly iterations: number }
  | { readonly kind: 'ready' }
  /** It has let us in, and is not what was wanted. */
  | { readonly kind: 'unfit'; readonly error: ErrorFields }
  | { readonly kind: 'fail'; readonly error: ErrorFields };

/** Postgres 18 reports 15 parameters, an extension may add some: more is nobody's honest server. */
export const MAX_REPORTED = 256;

const WAIT: ServerLoginStep = { kind: 'wait' };

export class ServerLogin {
  /** From BackendKeyData; the key is empty until it came (some servers send none). */
  processId = 0;
  cancelKey: Buffer = Buffer.alloc(0);
  /** Every ParameterStatus of the login. */
  readonly reported = new Map<string, string>();
  /** Set before Postgres asks for anything; null: the connection is not encrypted. */
  tls: ServerTls | null = null;
  readonly #options: ServerLoginOptions;
  #started: ServerAuth | null = null;
  #authenticated = false;
  /** Set while it is asked what it is. */
  #role: RoleReader | null = null;

  constructor(options: ServerLoginOptions) {
    this.#options = options;
  }

  get user(): string {
    return this.#options.user;
  }

  /** The first bytes to send. */
  begin(): Buffer {
    const { user, database, parameters } = this.#options;
    return startupMessage(PROTOCOL_3_2, [['user', user], ['database', database], ...parameters]);
  }

  /** A whole message of the server, at buffer[start, end). */
  next(type: number, buffer: Buffer, start: number, end: number): ServerLoginStep {
    switch (type) {
      case Backend.Authentication:
        return this.#authentication(buffer, start, end);
      case Backend.ErrorResponse:
        return { kind: 'fail', error: readErrorFields(buffer, start, end) };
      case Backend.ParameterStatus:
        this.#parameterStatus(buffer, start, end);
        return WAIT;
      case Backend.BackendKeyData:
        if (end - start < 13 || end - start > 9 + MAX_CANCEL_KEY_LENGTH) return violation('invalid BackendKeyData');
        this.processId = buffer.readInt32BE(start + 5);
        this.cancelKey = Buffer.from(buffer.subarray(start + 9, end));
        return WAIT;
      case Backend.NegotiateProtocolVersion: // an older server: it goes on with its own newest minor version
      case Backend.NoticeResponse:
        return WAIT;
      case Backend.ReadyForQuery:
        return this.#authenticated ? this.#ready() : violation('ReadyForQuery before authentication');
      case Backend.DataRow:
        if (this.#role === null) return violation(`unexpected message ${typeName(type)} during login`);
        this.#role.readRow(buffer, start, end);
        return WAIT;
      case Backend.RowDescription:
      case Backend.CommandComplete:
        return this.#role === null ? violation(`unexpected message ${typeName(type)} during login`) : WAIT;
      default:
        return violation(`unexpected message ${typeName(type)} during login`);
    }
  }

  /** The answer to a 'derive' step. */
  derived(salted: Buffer): ServerLoginStep {
    return this.#step(this.#auth.derived(salted));
  }

  get #auth(): ServerAuth {
    const { user, credentials } = this.#options;
    this.#started ??= createServerAuth({ ...credentials, user, tls: this.tls });
    return this.#started;
  }

  /** Postgres reports at login what it is since 14; others are asked, as libpq does. */
  #ready(): ServerLoginStep {
    const wanted = this.#options.wanted ?? 'any';
    if (wanted === 'any') return { kind: 'ready' };
    const role = this.#role === null ? reportedRole(this.reported) : this.#role.role;
    if (role !== null) return judge(wanted, role);
    if (this.#role !== null) return violation('no answer to what the server is');
    this.#role = new RoleReader();
    return { kind: 'send', bytes: query(ROLE_QUERY) };
  }

  #authentication(buffer: Buffer, start: number, end: number): ServerLoginStep {
    if (end - start < 9) return violation('invalid Authentication message');
    if (this.#authenticated) return violation('Authentication message after login');
    return this.#step(this.#auth.next(buffer.readInt32BE(start + 5), Buffer.from(buffer.subarray(start + 9, end))));
  }

  #step(step: ServerAuthStep): ServerLoginStep {
    switch (step.kind) {
      case 'respond':
        return { kind: 'send', bytes: password(step.body) };
      case 'derive':
        return step;
      case 'wait':
        return WAIT;
      case 'ok':
        this.#authenticated = true;
        return WAIT;
      case 'fail':
        return { kind: 'fail', error: { severity: 'FATAL', sqlstate: '28000', message: step.detail } };
    }
  }

  #parameterStatus(buffer: Buffer, start: number, end: number): void {
    const pair = readParameterStatus(buffer, start, end);
    if (pair !== null && this.reported.size < MAX_REPORTED) this.reported.set(pair[0], pair[1]);
  }
}

/** Postgres: ERRCODE_CANNOT_CONNECT_NOW, as a standby says that is not hot yet: who waits may be served soon. */
function judge(wanted: SessionAttrs, role: ServerRole): ServerLoginStep {
  const message = unfitness(wanted, role);
  return message === null
    ? { kind: 'ready' }
    : { kind: 'unfit', error: { severity: 'FATAL', sqlstate: '57P03', message } };
}

function violation(message: string): ServerLoginStep {
  return { kind: 'fail', error: { severity: 'FATAL', sqlstate: '08P01', message } };
}

/** Name and value of a whole ParameterStatus, or null when it is malformed. */
export function readParameterStatus(buffer: Buffer, start: number, end: number): readonly [string, string] | null {
  const nameEnd = buffer.indexOf(0, start + 5);
  if (nameEnd < 0 || nameEnd >= end) return null;
  const valueEnd = buffer.indexOf(0, nameEnd + 1);
  if (valueEnd < 0 || valueEnd >= end) return null;
  return [buffer.toString('utf8', start + 5, nameEnd), buffer.toString('utf8', nameEnd + 1, valueEnd)];
}
