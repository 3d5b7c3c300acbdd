// What a client's login may answer to each message: the vocabulary of client-auth.ts and of the methods behind it.
// Postgres: the AuthenticationXXX messages (AUTH_REQ_* in protocol.h). RFC 5802 section 5 for SASL's; RFC 7677.
import type { ScramKeys } from './scram.ts';

/** Why a client is refused. For the log and the metric label: to the client, all but the protocol violations look alike. */
export type ClientFailReason =
  | 'no_secret' // the user is unknown, or has none
  | 'secret_kind' // the stored secret can't serve this method
  | 'wrong_password'
  | 'empty_password'
  | 'malformed'
  | 'out_of_order'
  | 'mechanism'
  | 'channel_binding'
  | 'authzid'
  | 'extension'
  | 'nonce';

export type ClientAuthStep =
  /** Send an 'R' message: this code, then this data. Then call next() with the body of the 'p' that comes. */
  | { readonly kind: 'request'; readonly code: number; readonly data: Buffer }
  /** Call derived() with the result of saltPassword(password, salt, iterations). Read nothing from the client meanwhile. */
  | { readonly kind: 'derive'; readonly password: string; readonly salt: Buffer; readonly iterations: number }
  /**
   * Come in: send `last` if there is one, then AuthenticationOk. `keys`: for a SCRAM login to Postgres without a password.
   * `password`: what the client typed, with method plain.
   */
  | {
      readonly kind: 'ok';
      readonly last?: { readonly code: number; readonly data: Buffer };
      readonly keys?: ScramKeys;
      readonly password?: string;
    }
  /**
   * Refuse and close. `detail` is for the log; it holds nothing secret and nothing that the client sent.
   * `told`: what Postgres tells the client in this case, where it has words of its own for it.
   */
  | {
      readonly kind: 'fail';
      readonly reason: ClientFailReason;
      readonly detail: string;
      readonly told?: ToldByPostgres;
    };

export interface ToldByPostgres {
  readonly code: 'protocol_violation' | 'channel_binding_failed';
  readonly message: string;
}

/** What one method does. ClientAuth sees to it that each call comes when it may. */
export interface ClientAuthFlow {
  begin(): ClientAuthStep;
  next(body: Buffer): ClientAuthStep;
  derived(saltedPassword: Buffer): ClientAuthStep;
}

/** True for what breaks the protocol (08P01); everything else is answered as a wrong password (28P01) is. */
export function isClientProtocolViolation(reason: ClientFailReason): boolean {
  return !passwordReasons.has(reason);
}

const passwordReasons: ReadonlySet<ClientFailReason> = new Set<ClientFailReason>([
  'no_secret',
  'secret_kind',
  'wrong_password',
  'empty_password',
]);
