// SHOW SERVERS. PgBouncer: the same columns.

import { serverRows } from '../observe/snapshot.ts';
import { socketColumns } from './socket-columns.ts';
import { table } from './table.ts';

const COLUMNS = socketColumns((row) => row.state);

export const showServers = table(COLUMNS, ({ snapshot }) => serverRows(snapshot), { kind: 'joined' });
