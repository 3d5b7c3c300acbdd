// Whether a client would be served, and if not, why.

export interface Readiness {
  readonly ready: boolean;
  /** What the process does: running, paused, or how it goes down. */
  readonly state: string;
  /** Why it is not ready. */
  readonly reasons: readonly string[];
}
