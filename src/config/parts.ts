// What a configuration is made of, before its parts were held against each other.
import type { DatabaseEntry, Hba, UserEntry } from './config.ts';
import type { Settings } from './settings-table.ts';
import type { MapNode } from './yaml.ts';

export interface Parts {
  readonly root: MapNode;
  readonly settings: Settings;
  readonly databases: ReadonlyMap<string, DatabaseEntry>;
  readonly users: ReadonlyMap<string, UserEntry>;
  readonly secrets: ReadonlyMap<string, string>;
  readonly hba: Hba | null;
}
