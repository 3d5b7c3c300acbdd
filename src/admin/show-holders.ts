// SHOW HOLDERS: who holds a server right now, those first that hold one and send nothing.

import type { HolderRecord } from '../guard/holders.ts';
import { holderRows } from '../observe/snapshot.ts';
import { holderColumns, worstFirst } from './holder-columns.ts';
import { table } from './table.ts';

const COLUMNS = holderColumns<HolderRecord>((row) => row);

export const showHolders = table(COLUMNS, ({ snapshot }) => holderRows(snapshot), {
  kind: 'joined',
  order: worstFirst,
});
