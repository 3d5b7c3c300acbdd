// What stands between a client and its next statement. Its state (states.ts) says where it is counted, its stage what becomes
// of a message: only where statements are relayed does the one under the cursor go on.

export type Stage =
  /** Logging in: nothing is relayed. */
  | 'login'
  /** Let in, but what Postgres reports for its startup parameters has to be learned from a server first. */
  | 'welcome'
  /** Holds a server whose session is being made its own. */
  | 'preparing'
  /** The same, and its BEGIN went along: it stays under the cursor until the session is known to be right. */
  | 'opening'
  /** Its Bind waits until the server has said what the statement takes and returns there. */
  | 'verifying'
  /** Its transaction is over, and its server is asked what the session has come to. */
  | 'inspecting'
  /** Statements are relayed. */
  | 'relay'
  /** A batch of its was refused: everything up to Sync is ignored. */
  | 'skipping';
