// The users that can log in, what of the settings is theirs, and how many connections each has; the console's own is among them.

import type { Config } from '../config/config.ts';
import { CONSOLE } from './database-stats.ts';
import type { Sources } from './snapshot.ts';

export interface UserRow {
  readonly name: string;
  /** Of an entry of users:; null: not set there. */
  readonly poolSize: number | null;
  readonly reservePoolSize: number | null;
  readonly poolMode: string | null;
  readonly maxConnections: number;
  readonly currentConnections: number;
  readonly maxClientConnections: number;
  readonly currentClientConnections: number;
}

/** By name. */
export function userRows(config: Config, { pools, clients }: Sources): UserRow[] {
  const names = new Set([CONSOLE, ...config.users.keys(), ...config.secrets.keys()]);
  for (const { user } of pools) names.add(user);
  return [...names].sort().map((name) => {
    const entry = config.users.get(name);
    const settings = { ...config.settings, ...entry?.overrides };
    return {
      name,
      poolSize: entry?.pool_size ?? null,
      reservePoolSize: entry?.overrides.reserve_pool_size ?? null,
      poolMode: entry?.overrides.pool_mode ?? null,
      maxConnections: name === CONSOLE ? 0 : settings.max_user_connections,
      currentConnections: pools.serversOfUser(name),
      maxClientConnections: name === CONSOLE ? 0 : settings.max_user_client_connections,
      currentClientConnections: clients.countOfUser.of(name),
    };
  });
}
