// Which pool a request means.

import type { Sources } from '../observe/snapshot.ts';
import type { Pool } from '../pool/pool.ts';

/** null: all of them, because none is named; undefined: there is no such pool (any more). */
export function findPool(sources: Sources, database?: string, user?: string): Pool | null | undefined {
  if (database === undefined || user === undefined) return null;
  return sources.pools.find(database, user) ?? undefined;
}
