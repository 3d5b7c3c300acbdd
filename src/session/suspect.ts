// What a statement may do to its session, as bits: what the scanner says of a text, and what is found on a server.

export const Suspect = {
  None: 0,
  /** SET, RESET, set_config(), SET ROLE, SET SESSION AUTHORIZATION. */
  Parameter: 1 << 0,
  /** RESET, SET TO DEFAULT, DISCARD ALL: what a client asked for at its login is to be set again. */
  Resets: 1 << 1,
  /** PREPARE, DEALLOCATE. */
  Prepare: 1 << 2,
  /** EXECUTE, or a look at pg_prepared_statements. */
  Execute: 1 << 3,
  /** DEALLOCATE ALL, DISCARD ALL: every prepared statement of the server goes. */
  DeallocateAll: 1 << 4,
  /** A temporary table, view or sequence. */
  Temp: 1 << 5,
  /** A session-level advisory lock. */
  AdvisoryLock: 1 << 6,
  /** A cursor WITH HOLD. */
  HoldCursor: 1 << 7,
  Listen: 1 << 8,
  /** nextval(), currval(), lastval(), setval(). */
  Sequence: 1 << 9,
  /** setseed(). */
  Seed: 1 << 10,
  Load: 1 << 11,
  /** Nobody can tell: DO, CALL, a function that may change a session, a text that can't be read. */
  Opaque: 1 << 12,
  /** DROP, CLOSE, UNLISTEN, DISCARD, pg_advisory_unlock(): what held a server may be gone. */
  Ends: 1 << 13,
  /** session_opaque: pin. What can't be seen is kept with its client. */
  Held: 1 << 14,
  /** CREATE, ALTER, DROP: what functions and tables do may be something else from now on. */
  Catalog: 1 << 15,
} as const;
