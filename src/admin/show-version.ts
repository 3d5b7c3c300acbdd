// SHOW VERSION. Exporters read the PgBouncer whose columns these are; people read which pooler it is.

import type { ShowContext } from './show-context.ts';
import { tableReply, text } from './table.ts';

/** The PgBouncer whose console this one is like. */
export const PGBOUNCER_VERSION = '1.26.1';

export function showVersion({ version }: ShowContext): Buffer[] {
  return tableReply([text<string>('version', (row) => row)], [`PgBouncer ${PGBOUNCER_VERSION} (pgsluice ${version})`]);
}
