// What a row of the session matrix is: how a session is changed, and the questions whose answers show the change.
import type { BindValue } from '../support/wire-messages.ts';

/** Text as it is in a message of its own, a statement with bound values, or a message built by hand. */
export type Step = string | { readonly sql: string; readonly values: readonly BindValue[] } | { readonly send: Buffer };

export interface Change {
  readonly name: string;
  readonly make: readonly Step[];
  /** Asked on its own, in a transaction, and by other clients: must leave nothing behind. */
  readonly probe: readonly string[];
  /** Asked by the client itself only. */
  readonly ownProbe?: readonly string[];
  /** What the session has before, each statement in a transaction of its own. */
  readonly before?: readonly string[];
  /** Parameters of the startup packet. */
  readonly login?: Readonly<Record<string, string>>;
  /** false: Postgres refuses it inside a transaction block. */
  readonly inTransaction?: false;
  /**
   * While it is there no other server can serve the client; or need not, where it was made in a string of many statements; or need not until the
   * client leaves, because no view of Postgres shows that it is gone.
   */
  readonly holds?: true | 'in a string' | 'in a transaction' | 'to the end';
  /** Asking for it holds a server too, so that the others have to leave after their look. */
  readonly probeHolds?: true;
}

/** A row whose state one parameter shows. */
export function setting(name: string, parameter: string, ...make: Step[]): Change {
  return { name, make, probe: [`SHOW ${parameter}`] };
}

/** Parameters that nobody has set before do not exist, and exist empty in a session that has reset them: both are "not set". */
export function custom(name: string, ...make: Step[]): Change {
  return { name, make, probe: [TENANT] };
}

/** Asks for app.tenant. */
export const TENANT = "SELECT coalesce(current_setting('app.tenant', true), '')";
