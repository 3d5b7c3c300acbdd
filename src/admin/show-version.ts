// SHOW VERSION. Exporters read the PgBouncer whose columns these are; people read which pooler it is.

import { table, text } from './table.ts';

/** The PgBouncer whose console this one is like. */
export const PGBOUNCER_VERSION = '1.26.1';

export const showVersion = table([text<string>('version', (row) => row)], ({ version }) => [
  `PgBouncer ${PGBOUNCER_VERSION} (pgsluice ${version})`,
]);
