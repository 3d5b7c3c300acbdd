// The settings table: every setting that has an effect, once. Types, validation, texts and plans are derived from it.
import { accessRows } from './table/access.ts';
import { databaseRows, peerRows, userRows } from './table/entries.ts';
import { guardRows } from './table/guard.ts';
import { lifeRows } from './table/life.ts';
import { listenRows } from './table/listen.ts';
import { lookupRows } from './table/lookup.ts';
import { poolRows } from './table/pool.ts';
import { queueRows } from './table/queue.ts';
import type { Scope, SettingRow, SettingRows, ValueOf } from './table/row.ts';
import { timeRows } from './table/time.ts';
import { tlsRows } from './table/tls.ts';

const settingsTable = {
  ...accessRows,
  ...lookupRows,
  ...tlsRows,
  ...listenRows,
  ...poolRows,
  ...timeRows,
  ...queueRows,
  ...guardRows,
  ...lifeRows,
};

/** The values of all settings. Durations are milliseconds, sizes bytes; 0 means what the row's `zero` says. */
export type Settings = { readonly [K in keyof typeof settingsTable]: ValueOf<(typeof settingsTable)[K]> };
export type SettingKey = keyof Settings;

/** The topics of the documentation, in reading order. */
export const topics: readonly { readonly title: string; readonly rows: SettingRows }[] = [
  { title: 'Addresses and sockets', rows: listenRows },
  { title: 'Who may come in', rows: accessRows },
  { title: 'Secrets from elsewhere', rows: lookupRows },
  { title: 'Encryption', rows: tlsRows },
  { title: 'Pools and servers', rows: poolRows },
  { title: 'Time', rows: timeRows },
  { title: 'The queue', rows: queueRows },
  { title: 'The guard', rows: guardRows },
  { title: 'The process', rows: lifeRows },
];

/** Byte order, so that the order is the same on every machine. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sorted(entries: [string, SettingRow][]): ReadonlyMap<string, SettingRow> {
  return new Map(entries.sort(([a], [b]) => compareKeys(a, b)));
}

function overridable(scope: Scope): [string, SettingRow][] {
  return Object.entries<SettingRow>(settingsTable).filter(([, row]) => row.scope.includes(scope));
}

/** The rows that may stand in each scope, alphabetical: own keys of an entry and settings that the entry may override. */
export const rowsOf: Readonly<Record<Scope, ReadonlyMap<string, SettingRow>>> = {
  global: sorted(Object.entries(settingsTable)),
  database: sorted([...Object.entries(databaseRows), ...overridable('database')]),
  user: sorted([...Object.entries(userRows), ...overridable('user')]),
  peer: sorted(Object.entries(peerRows)),
};

/** Whether the key of an entry overrides a global setting (else it is the entry's own). */
export function isSettingKey(key: string): key is SettingKey {
  return Object.hasOwn(settingsTable, key);
}

/** The default of every setting. */
export const defaultSettings = Object.freeze(
  Object.fromEntries<unknown>(Object.entries(settingsTable).map(([key, row]) => [key, Object.freeze(row.default)])),
) as Settings;
