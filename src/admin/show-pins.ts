// SHOW PINS: the clients that keep a server beyond their transaction, and what for; those that have been silent longest first. Ours.

import type { HolderRecord } from '../guard/holders.ts';
import { holderRows } from '../observe/snapshot.ts';
import { holderColumns } from './holder-columns.ts';
import { by } from './merge.ts';
import { table } from './table.ts';

const COLUMNS = holderColumns<HolderRecord>((row) => row);

export const showPins = table(
  COLUMNS,
  ({ snapshot }) =>
    holderRows(snapshot)
      .filter((row) => row.pins.length > 0)
      .sort((a, b) => b.silentMs - a.silentMs),
  { kind: 'joined', order: by('-silent_ms') },
);
