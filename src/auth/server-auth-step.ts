// What our login to Postgres may answer to each 'R' message: the vocabulary of server-auth.ts and server-scram.ts.
// Postgres: pg_fe_sendauth (fe-auth.c), AUTH_REQ_* (protocol.h). RFC 5802 section 5 and RFC 7677 for SASL's.

/** Why we can't log in. For the log and the metric label. */
export type ServerAuthReason =
  | 'out_of_order'
  | 'malformed'
  | 'unsupported_method' // Postgres asks for something that we don't speak
  | 'channel_binding' // it is required and can't be had, or the offer of Postgres makes no sense
  | 'no_password' // Postgres asks for something that we don't have
  | 'secret_differs' // our SCRAM keys belong to another secret than the one in Postgres
  | 'nonce'
  | 'iterations'
  | 'server_signature' // whoever answers does not know the password's verifier
  | 'rejected'; // Postgres ended the SASL exchange with an error

export type ServerAuthStep =
  /** Send a 'p' message with this body, then call next() with the 'R' that comes. */
  | { readonly kind: 'respond'; readonly body: Buffer }
  /** Call derived() with the result of saltPassword(password, salt, iterations). */
  | { readonly kind: 'derive'; readonly password: string; readonly salt: Buffer; readonly iterations: number }
  /** Nothing to send; call next() with the next 'R'. */
  | { readonly kind: 'wait' }
  /** AuthenticationOk came when it may. */
  | { readonly kind: 'ok' }
  /** Close. `detail` says what to do about it; it holds nothing secret. */
  | { readonly kind: 'fail'; readonly reason: ServerAuthReason; readonly detail: string };
