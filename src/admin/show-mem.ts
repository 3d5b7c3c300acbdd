// SHOW MEM: the memory of the process. PgBouncer: the same columns; there a row is a cache of objects of one size, here a space of V8's heap
// or what lies outside of it, and the size is a byte.

import { getHeapSpaceStatistics } from 'node:v8';
import { int, table, text } from './table.ts';

interface Row {
  readonly name: string;
  readonly used: number;
  readonly free: number;
}

const COLUMNS = [
  text<Row>('name', (row) => row.name, 'key'),
  int<Row>('size', () => 1),
  int<Row>('used', (row) => row.used, 'sum'),
  int<Row>('free', (row) => row.free, 'sum'),
  int<Row>('memtotal', (row) => row.used + row.free, 'sum'),
];

export const showMem = table(COLUMNS, memoryRows, { kind: 'merged' });

function memoryRows(): Row[] {
  const { external, arrayBuffers, rss } = process.memoryUsage();
  return [
    ...getHeapSpaceStatistics().map(({ space_name: name, space_used_size: used, space_size: size }) => ({
      name,
      used,
      free: Math.max(size - used, 0),
    })),
    // Chunks on their way are array buffers, which V8 counts as external.
    { name: 'array_buffers', used: arrayBuffers, free: 0 },
    { name: 'other_external', used: Math.max(external - arrayBuffers, 0), free: 0 },
    { name: 'resident_set', used: rss, free: 0 },
  ];
}
