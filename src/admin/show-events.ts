// SHOW EVENTS [n]: what the flight recorder has kept, newest last. Ours: PgBouncer has no such table.

import type { EventEntry } from '../observe/event.ts';
import { by } from './merge.ts';
import { pointer } from './socket-columns.ts';
import { int, table, text } from './table.ts';

const COLUMNS = [
  int<EventEntry>('sequence', (row) => row.sequence),
  text<EventEntry>('time', (row) => `${new Date(row.at).toISOString().slice(0, 23).replace('T', ' ')} UTC`),
  text<EventEntry>('kind', (row) => row.kind),
  text<EventEntry>('cause', (row) => row.cause),
  text<EventEntry>('database', (row) => row.database),
  text<EventEntry>('user', (row) => row.user),
  text<EventEntry>('application_name', (row) => row.application),
  text<EventEntry>('client', (row) => pointer('c', row.client || null)),
  text<EventEntry>('server', (row) => pointer('s', row.server || null)),
  int<EventEntry>('duration_ms', (row) => row.durationMs),
  int<EventEntry>('count', (row) => row.count),
  text<EventEntry>('text', (row) => row.text),
];

export const showEvents = table(COLUMNS, ({ events, limit }) => events.list(limit === null ? {} : { limit }), {
  kind: 'joined',
  order: by('sequence'),
  // Where there are several workers it is a moment.
  wide: ['sequence'],
});
