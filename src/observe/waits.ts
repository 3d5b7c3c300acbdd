// Who waits for a server, and how much of one its application has already.

import type { Client } from '../client/client.ts';
import type { Pool } from '../pool/pool.ts';
import type { Sources } from './snapshot.ts';

/** A client that waits for a server. */
export interface WaitRow {
  readonly database: string;
  readonly user: string;
  readonly applicationName: string;
  readonly address: string;
  readonly port: number;
  readonly clientId: number;
  readonly waitedMs: number;
  /** Until query_wait_timeout ends its wait; null: nothing does. */
  readonly leftMs: number | null;
  /** How many clients of its application wait in this pool, and how many servers that holds. */
  readonly applicationWaiting: number;
  readonly applicationHeld: number;
}

/** Every client that waits for a server, by pool in order of arrival. */
export function waitRows({ pools, now }: Sources): readonly WaitRow[] {
  return [...pools].flatMap((pool) => [...pool.queue].map((client) => waitRow(pool, client as Client, now)));
}

function waitRow(pool: Pool, client: Client, now: number): WaitRow {
  const { query_wait_timeout: limit } = pool.settings;
  const waitedMs = now - client.waitingSince;
  const { share } = client.ticket;
  return Object.freeze({
    database: pool.database,
    user: pool.user,
    applicationName: client.applicationName,
    address: client.stream.remoteAddress,
    port: client.stream.remotePort,
    clientId: client.id,
    waitedMs,
    leftMs: limit === 0 ? null : Math.max(limit - waitedMs, 0),
    applicationWaiting: share?.waiting.length ?? 1,
    applicationHeld: share?.held ?? 0,
  });
}
