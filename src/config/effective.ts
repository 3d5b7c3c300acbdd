// The settings that hold for one database and user: an entry of users: wins over one of databases:, which wins over the top level.
import { type Config, type DatabaseEntry, databaseEntry, type UserEntry } from './config.ts';
import type { Settings } from './settings-table.ts';

/** Settings with the size of the pool worked out. */
export interface EffectiveSettings extends Settings {
  readonly pool_size: number;
}

type ByUser = Map<UserEntry | null, EffectiveSettings>;
interface Cache {
  readonly byDatabase: Map<DatabaseEntry | null, ByUser>;
  size: number;
}

/** Pairs of entries. Names from the wire don't make pairs: those without an entry share one. */
const MAX_CACHED = 10_000;
/** Goes with its configuration when a reload replaces that. */
const caches = new WeakMap<Config, Cache>();

/** `database` is the name that the client asked for. Frozen, the same object each time: cheap enough for each login. */
export function effectiveSettings(config: Config, database: string, user: string): EffectiveSettings {
  const databaseOverrides = databaseEntry(config, database);
  const userOverrides = config.users.get(user) ?? null;
  const cache = cacheOf(config);
  let byUser = cache.byDatabase.get(databaseOverrides);
  const known = byUser?.get(userOverrides);
  if (known) return known;
  if (cache.size >= MAX_CACHED) {
    cache.byDatabase.clear();
    cache.size = 0;
    byUser = undefined;
  }
  if (!byUser) {
    byUser = new Map();
    cache.byDatabase.set(databaseOverrides, byUser);
  }
  const effective = merge(config, databaseOverrides, userOverrides);
  byUser.set(userOverrides, effective);
  cache.size += 1;
  return effective;
}

function cacheOf(config: Config): Cache {
  let cache = caches.get(config);
  if (!cache) {
    cache = { byDatabase: new Map(), size: 0 };
    caches.set(config, cache);
  }
  return cache;
}

function merge({ settings }: Config, database: DatabaseEntry | null, user: UserEntry | null): EffectiveSettings {
  return Object.freeze({
    ...settings,
    ...database?.overrides,
    ...user?.overrides,
    pool_size: user?.pool_size ?? database?.pool_size ?? settings.default_pool_size,
  });
}

/** What tcp_keepidle, tcp_keepintvl and tcp_keepcnt say, as net takes it. */
export function keepAliveOf(settings: Settings): { idleMs: number; intervalMs: number; count: number } {
  return { idleMs: settings.tcp_keepidle, intervalMs: settings.tcp_keepintvl, count: settings.tcp_keepcnt };
}
