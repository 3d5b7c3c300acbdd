// The states of a pool, the moves between them, and the only function that makes one.

export const PoolState = {
  /** Clients get servers. Leaves with PAUSE, KILL or USR1, or when the pool is closed. */
  Running: 'running',
  /** Paused, but clients still hold servers: each is closed when its client lets go. Leaves when none is left. */
  Pausing: 'pausing',
  /** Paused, without a server: clients wait. Leaves with RESUME or USR2. */
  Paused: 'paused',
  /** Over: forgotten after pool_idle_timeout or autodb_idle_timeout, or the process goes down. */
  Closed: 'closed',
} as const;
export type PoolState = (typeof PoolState)[keyof typeof PoolState];

/** Which state may follow which. docs/lifecycle.md draws this table. */
export const POOL_MOVES: Readonly<Record<PoolState, readonly PoolState[]>> = {
  running: ['pausing', 'closed'],
  pausing: ['paused', 'running', 'closed'],
  paused: ['running', 'closed'],
  closed: [],
};

/** What has a pool's state. */
export interface PoolStateful {
  readonly database: string;
  readonly user: string;
  state: PoolState;
}

/** Every change of a pool's state. */
export function movePool(pool: PoolStateful, to: PoolState): void {
  if (!POOL_MOVES[pool.state].includes(to)) {
    throw new Error(`pool ${pool.database}/${pool.user}: no move from ${pool.state} to ${to}`);
  }
  pool.state = to;
}
