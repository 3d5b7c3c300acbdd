// SHOW CLIENTS. PgBouncer: the same columns; clients that have not logged in are left out.

import { clientRows } from '../observe/snapshot.ts';
import { socketColumns } from './socket-columns.ts';
import { table } from './table.ts';

const COLUMNS = socketColumns((row) => row.state);

export const showClients = table(
  COLUMNS,
  function* ({ snapshot }) {
    for (const row of clientRows(snapshot)) if (row.state !== 'login') yield row;
  },
  { kind: 'joined' },
);
