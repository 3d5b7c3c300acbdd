// The columns that SHOW HOLDERS and SHOW LEAKS share: who holds a server, and with what.

import { printable } from '../guard/exhaustion.ts';
import { type HolderState, isUnused } from '../guard/gaps.ts';
import type { HolderRecord } from '../guard/holders.ts';
import { by, type Compare } from './merge.ts';
import { type ColumnOf, int, text } from './table.ts';

/** of: the record in a row. */
export function holderColumns<Row>(of: (row: Row) => HolderRecord): ColumnOf<Row>[] {
  return [
    text('database', (row) => of(row).database),
    text('user', (row) => of(row).user),
    text('application_name', (row) => printable(of(row).applicationName)),
    text('addr', (row) => of(row).address),
    int('port', (row) => of(row).port),
    int('process_id', (row) => of(row).processId),
    int('client_id', (row) => of(row).clientId),
    int('server_id', (row) => of(row).serverId),
    int('backend_pid', (row) => of(row).backendPid),
    text('state', (row) => of(row).state),
    int('held_ms', (row) => of(row).heldMs),
    int('silent_ms', (row) => of(row).silentMs),
    int('statements', (row) => of(row).statements),
    // Beyond the range of an int4 after some GB.
    text('bytes', (row) => String(of(row).bytes)),
    text('pins', (row) => of(row).pins.join(',')),
    text('statement', (row) => of(row).statement),
    text('route', (row) => of(row).tags.route ?? null),
    text('controller', (row) => of(row).tags.controller ?? null),
    text('action', (row) => of(row).tags.action ?? null),
    text('file', (row) => of(row).tags.file ?? null),
    text('traceparent', (row) => of(row).tags.traceparent ?? null),
  ];
}

/** Those first that hold a server and do not use it, as in each worker's own list. */
export const worstFirst: Compare = (a, b) => {
  const unused = isUnused(a('state') as HolderState);
  if (unused !== isUnused(b('state') as HolderState)) return unused ? -1 : 1;
  return by(unused ? '-silent_ms' : '-held_ms')(a, b);
};
