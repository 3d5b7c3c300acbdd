// What the two processes of the overload run tell each other.

/** Every request holds a server for so long: the processors stay free, and capacity is that of the pool. */
export const SERVICE_MS = { least: 10, most: 30 } as const;

export interface LoadPart {
  readonly application: string;
  /** Connections that are made before the first request. */
  readonly connections: number;
  /** Requests a second; in a closed loop, clients. */
  readonly rate: number;
}

export interface LoadPhase {
  /** closed: a client asks again when it was answered. open: arrivals do not wait for answers. */
  readonly loop: 'closed' | 'open';
  readonly milliseconds: number;
  readonly parts: readonly LoadPart[];
}

/** When it was due and when it was over, ms since 1970; `ok`, the first word of the refusal, a SQLSTATE, `closed`. */
export type LoadRequest = readonly [application: string, due: number, end: number, outcome: string];

export interface LoadDone {
  readonly started: number;
  readonly requests: readonly LoadRequest[];
  /** Share of a processor that the load itself used. */
  readonly busy: number;
}
